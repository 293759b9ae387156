"""Every structural fault of a resource, each once, with its FHIRPath and what would be right.

http://hl7.org/fhir/R4/validation.html and http://hl7.org/fhir/R4/json.html

A walk along the definitions, for what the generated schema did not accept. No text repeats a value that was sent:
an OperationOutcome may end up in a log.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from fhir_server import references
from fhir_server.definitions import Element, definitions
from fhir_server.outcome import Issue
from fhir_server.validation import contained, narrative, primitives
from fhir_server.validation.schema import reference_pattern

MAX_ISSUES: Final = 100
MAX_DEPTH: Final = 100
LISTED: Final = 12

_NONE: Final[AbstractSet[str]] = frozenset()
_STATES: Final = {"Coding": {"system", "code", "display"}, "CodeableConcept": {"coding", "text"}}
"""what states a concept; a concept that is only extended says why there is none"""
_ID: Final[AbstractSet[str]] = frozenset({"id"})


def explain(resource: object) -> tuple[Issue, ...]:
    """All issues of a resource, in the order of its members, at most 100 of them."""
    walk = _Walk()
    with suppress(_Enough):
        walk.resource(resource, "")
    return tuple(walk.issues)


class _Enough(Exception):
    pass


class _Walk:
    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._depth = 0

    def resource(self, value: object, path: str) -> None:
        """Checks what stands where a resource is allowed; `path` is "" for the resource that was sent."""
        if not isinstance(value, Mapping):
            self._add("structure", "a resource must be a JSON object", path or "resourceType")
            return
        type_name = value.get("resourceType")
        where = f"{path}.resourceType" if path else "resourceType"
        if type_name is None:
            self._add("structure", "resourceType is missing: it says which type the resource is of", where)
        elif not isinstance(type_name, str) or not definitions().is_resource(type_name):
            near = _near(type_name, definitions().resource_types) if isinstance(type_name, str) else ""
            self._add("structure", f"resourceType is not a resource type of FHIR {definitions().version}{near}", where)
        else:
            self._object(value, type_name, path or type_name, {"resourceType"})
            for issue in contained.issues(value, path or type_name):
                self._keep(issue)

    def _object(self, value: Mapping[str, Any], type_name: str, path: str, taken: AbstractSet[str]) -> None:
        """Checks the members of a JSON object of a type; `taken` are those that are no elements."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._add("too-costly", f"the resource is nested deeper than {MAX_DEPTH}", path)
            raise _Enough
        if not value:
            self._add("structure", f"{type_name} must not be an empty object: give its content, or leave it out", path)
        elif not taken and set(value) <= {"id"}:
            self._add("invariant", "an element must have a value or children, not an id alone (ele-1)", path)
        else:
            self._members(value, type_name, path, taken)
        self._depth -= 1

    def _members(self, value: Mapping[str, Any], type_name: str, path: str, taken: AbstractSet[str]) -> None:
        known = _members(type_name)
        given: dict[str, dict[str, Element]] = {}
        for name in value:
            if name in known:
                group, element = known[name]
                given.setdefault(group, {})[element.name] = element
            elif name not in taken:
                near = _near(name, known)
                self._add("structure", f"{type_name} has no element '{name[:40]}'{near}", f"{path}.{_step(name)}")
        for group, elements in given.items():
            for element in elements.values():
                (self._array if element.repeats else self._single)(value, element, f"{path}.{group}")
            if len(elements) > 1:
                text = f"{group}[x] may be of one type only: keep one of {', '.join(elements)}"
                self._add("structure", text, f"{path}.{group}")
        for group, element, names in _required(type_name):
            if group not in given:
                text = f"{element.path} is required" + (f": {_list(names)}" if element.choice else "")
                self._add("required", text, f"{path}.{group}")
        if type_name == "Extension" and ("value" in given) == ("extension" in given):
            self._add("invariant", "an extension must have either a value[x] or extensions inside (ext-1)", path)

    def _single(self, value: Mapping[str, Any], element: Element, here: str) -> None:
        if element.name in value:
            content = value[element.name]
            if isinstance(content, list):
                self._add("structure", f"{element.path} does not repeat: give one value, not an array", here)
            else:
                self._value(content, element, here)
        if element.sibling is not None and element.sibling in value:
            self._sibling(value[element.sibling], element, here, alone=element.name not in value)

    def _array(self, value: Mapping[str, Any], element: Element, here: str) -> None:
        arrays = [(n, value[n]) for n in (element.name, element.sibling) if n is not None and n in value]
        for name, content in arrays:
            if not isinstance(content, list):
                self._add("structure", f"{element.path} repeats: {name} must be an array", here)
                return
            if not content:
                self._add("structure", f"{name} must not be an empty array: give an item, or leave it out", here)
                return
        values = value.get(element.name, [])
        siblings = value.get(element.sibling, []) if element.sibling else []
        for i in range(max(len(values), len(siblings))):
            content = values[i] if i < len(values) else None
            sibling = siblings[i] if i < len(siblings) else None
            at = f"{here}[{i}]"
            if content is None and sibling is None:
                but = f", unless {element.sibling} has an item beside it" if element.sibling else ""
                self._add("structure", f"an item of {element.path} must not be null{but}", at)
            if content is not None:
                self._value(content, element, at)
            if sibling is not None:
                self._sibling(sibling, element, at, alone=content is None)

    def _sibling(self, value: object, element: Element, here: str, *, alone: bool) -> None:
        """`_name`: id and extensions of a primitive; where there is no value, an extension must stand for it."""
        if not isinstance(value, Mapping):
            self._add("structure", f"{element.sibling} must be a JSON object with id or extension", here)
            return
        before = len(self.issues)
        self._object(value, "Element", here, _NONE if alone else _ID)
        if alone and element.min and len(self.issues) == before and "extension" not in value:
            self._add("required", f"{element.path} needs a value, or an extension that stands for it", here)

    def _value(self, content: object, element: Element, here: str) -> None:
        if content is None:
            self._add("structure", f"{element.path} must not be null: give a value, or leave it out", here)
        elif element.type == "Resource":
            self.resource(content, here)
        elif element.primitive:
            self._primitive(content, element, here)
        elif not isinstance(content, Mapping):
            self._add("structure", f"{element.path} must be a JSON object ({element.type})", here)
        else:
            before = len(self.issues)
            self._object(content, element.type, here, _NONE)
            if len(self.issues) == before:
                self._content(content, element, here)

    def _primitive(self, content: object, element: Element, here: str) -> None:
        fault = primitives.fault(element.type, content)
        if fault is not None:
            self._add(fault[0], f"{element.path} must be {fault[1]}", here)
        elif element.type == "xhtml":
            for text in narrative.faults(str(content)):
                self._add("invalid", text, here)
        else:
            codes = _required_codes(element)
            if codes is not None and content not in {c for _, c in codes}:
                self._unbound(element, codes, here)

    def _content(self, value: Mapping[str, Any], element: Element, here: str) -> None:
        """What the element asks of a well-formed value: targets of a Reference, codes of a required binding."""
        if element.type == "Reference" and isinstance(value.get("reference"), str):
            self._reference(value["reference"], element, f"{here}.reference")
        codes = _required_codes(element)
        stated = _STATES.get(element.type)
        if codes is None or stated is None or ("extension" in value and not stated & set(value)):
            return
        codings = [value] if element.type == "Coding" else value.get("coding", ())
        if not any((c.get("system"), c.get("code")) in codes for c in codings):
            self._unbound(element, codes, here)

    def _reference(self, reference: str, element: Element, here: str) -> None:
        if not _refers(())(reference):
            text = f"{element.path} must be Type/id with a resource type, an absolute URL, a urn: or #id of a contained resource"
            self._add("value", text, here)
        elif not _refers(element.targets)(reference):
            found = references.parse(reference)
            type_ = found.type if found is not None else ""
            # of an absolute URL that does not end like a RESTful one nobody can tell
            if ":" not in reference.partition("?")[0] or type_ not in ("", *element.targets):
                self._add("value", f"{element.path} may refer to {_list(element.targets)} only", here)

    def _unbound(self, element: Element, codes: frozenset[tuple[str, str]], here: str) -> None:
        assert element.binding is not None
        listed = sorted({c for _, c in codes}) if element.primitive else sorted({f"{s}|{c}" for s, c in codes})
        what = "must be a code" if element.primitive else "must have a coding"
        self._add("code-invalid", f"{element.path} {what} of {element.binding.value_set}: {_list(listed)}", here)

    def _add(self, code: str, text: str, expression: str) -> None:
        self._keep(Issue(code, text, (expression,)))

    def _keep(self, issue: Issue) -> None:
        self.issues.append(issue)
        if len(self.issues) >= MAX_ISSUES:
            raise _Enough


@cache
def _members(type_name: str) -> Mapping[str, tuple[str, Element]]:
    """JSON name (of a value or a sibling) → FHIRPath name, Element."""
    elements = definitions().elements(type_name).values()
    names = ((n, (e.choice or e.name, e)) for e in elements for n in (e.name, e.sibling) if n is not None)
    return dict(names)


@cache
def _required(type_name: str) -> tuple[tuple[str, Element, tuple[str, ...]], ...]:
    """FHIRPath name, (first) Element, JSON names of what a type must have."""
    groups: dict[str, list[Element]] = {}
    for element in definitions().elements(type_name).values():
        if element.min:
            groups.setdefault(element.choice or element.name, []).append(element)
    return tuple((name, group[0], tuple(e.name for e in group)) for name, group in groups.items())


@cache
def _required_codes(element: Element) -> frozenset[tuple[str, str]] | None:
    binding = element.binding
    return definitions().value_set_codes(binding.value_set) if binding and binding.strength == "required" else None


@cache
def _refers(targets: tuple[str, ...]) -> Callable[[str], bool]:
    return primitives.matcher(reference_pattern(targets))


def _step(name: str) -> str:
    """A member's name as a step of a FHIRPath: in backticks where it is no identifier."""
    plain = name[:64].removeprefix("_")
    if plain.isidentifier() and plain.isascii():
        return plain
    return "`" + plain.encode("unicode_escape").decode().replace("`", "\\`") + "`"


def _near(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name[:64], sorted(known), 1)
    return f": did you mean {close[0]}?" if close else ""


def _list(names: Sequence[str]) -> str:
    more = f" … ({len(names)} in all)" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
