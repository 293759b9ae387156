"""One function per resource type, generated from its search parameters, that lists what a resource is found by.

http://hl7.org/fhir/R4/searchparameter.html

All ways down that a type's search parameters take are merged into one tree, so that each element is looked at once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fhir_server.definitions import definitions
from fhir_server.search.computed import computed
from fhir_server.search.expression import Branch, Step, branches
from fhir_server.search.parameters import Parameter, indexed, stored
from fhir_server.search.query import IndexEntry, Token
from fhir_server.search.registry import registry, remembered
from fhir_server.search.types import CONVERTERS, reference, string, token

Extractor = Callable[[Mapping[str, Any], str], list[IndexEntry]]


@dataclass(slots=True)
class _Place:
    """A place in the resource: what is taken there, and what lies below. Steps with a condition are places of their own."""

    takes: list[tuple[str, str, Branch]] = field(default_factory=list)
    below: dict[Step, "_Place"] = field(default_factory=dict)


@remembered
def extractor(type_: str) -> Extractor:
    """The function for one resource type: (resource, base URL) → entries. KeyError for an unknown type."""
    source, names = _Writer(type_).function()
    exec(compile(source, f"<search parameters of {type_}>", "exec"), names)  # noqa: S102 - made from definitions alone
    made: Extractor = names["extract"]
    return made


def _tree(type_: str) -> tuple[_Place, list[tuple[str, list[Branch]]]]:
    """The places of all branches, and the parameters that ask whether anything is there."""
    root = _Place()
    truths: dict[str, list[Branch]] = {}
    for code, ways in stored(type_).items():
        for way in ways:
            if way.truth:
                truths.setdefault(code, []).append(way)
                continue
            place = root
            for step in way.steps:
                place = place.below.setdefault(step, _Place())
            place.takes.append((code, indexed(type_)[code].usage, way))
    return root, list(truths.items())


def _group_bases(type_: str) -> frozenset[tuple[str, ...]]:
    """The repeating elements that composite parameters start from, or that hold these: their entries are numbered alike."""
    composites = [p for p in registry().defined(type_).values() if p.type == "composite" and p.expression]
    return frozenset(repeated for p in composites for repeated in grouped(str(p.expression), type_))


def mixed(type_: str) -> str:
    """The code of a composite whose parts lie below another one's base, so that their entries carry that one's number; "" for none."""
    bases = _group_bases(type_)
    for p in indexed(type_).values():
        own = set(grouped(str(p.definition.expression), type_)) if p.usage == "composite" else set()
        for branch in (branch for way in p.ways for part in way if part.grouped for branch in part.parameter.branches):
            path = tuple(step.name for step in branch.steps)
            if max((path[:n] for n in range(1, len(path) + 1) if path[:n] in bases), key=len) not in own:
                return p.code
    return ""


def grouped(base: str, type_: str) -> Iterator[tuple[str, ...]]:
    """The path to the innermost repeating element of each way that leads to the base of a composite."""
    for way in branches(base, type_):
        last = max((n for n, step in enumerate(way.steps, 1) if step.repeats), default=0)
        if last:
            yield tuple(step.name for step in way.steps[:last])


class _Group(NamedTuple):
    """Variables: the number of the base element that entries carry, and that of the repeating element they are in ("0": none)."""

    base: str
    place: str


_OF_ALL: Final = _Group("0", "0")


class _Writer:
    """Writes the source of one type's function and the names that it uses."""

    def __init__(self, type_: str) -> None:
        self.type = type_
        self.bases = _group_bases(type_)
        self.counted = frozenset(base[: n + 1] for base in self.bases for n in range(len(base)))
        self.names: dict[str, Any] = {"IndexEntry": IndexEntry, "resolves_to": reference.resolves_to}
        self.count = 0

    def function(self) -> tuple[str, dict[str, Any]]:
        root, truths = _tree(self.type)
        lines = [f"    {line}" for line in self.place(root, "resource", (), _OF_ALL)]
        if any("groups." in line for line in lines):
            lines.insert(0, "    groups = {}")
        lines[:0] = ["def extract(resource, base):", "    out = []", "    add = out.append"]
        lines += [f"    {line}" for code, ways in truths for line in self.truth(code, ways)]
        lines += [f"    {self.computed(p)}" for p in indexed(self.type).values() if p.computed]
        return "\n".join([*lines, "    return out", ""]), self.names

    def place(self, place: _Place, variable: str, path: tuple[str, ...], group: _Group) -> Iterator[str]:
        """The lines that take from the element in `variable` and go below it."""
        for code, kind, way in place.takes:
            yield from self.take(code, kind, way, variable, group.base)
        names: dict[tuple[str, bool], list[tuple[Step, _Place]]] = {}
        for step, below in place.below.items():
            names.setdefault((step.name, step.repeats), []).append((step, below))
        for (name, repeats), variants in names.items():
            yield from self.element(name, repeats, variants, variable, path, group)

    def element(
        self,
        name: str,
        repeats: bool,
        variants: list[tuple[Step, _Place]],
        variable: str,
        path: tuple[str, ...],
        group: _Group,
    ) -> Iterator[str]:
        """The lines for one JSON property: looked up once, gone through once for each condition."""
        found = self.fresh("v")
        yield f'if ({found} := {variable}.get("{name}")) is not None:'
        for step, below in variants:
            item, inner, indent = found, group, "    "
            if repeats:
                item = self.fresh("i")
                source = found if step.index is None else f"{found}[{step.index}:{step.index + 1}]"
                indent = "        "
                if (*path, name) in self.counted:
                    number = self.fresh("n")
                    yield f"    for {number}, {item} in enumerate({source}, {(step.index or 0) + 1}):"
                    if group.place != "0":  # repeats within what repeats: the number of the one and of the other
                        whole = self.fresh("g")
                        key = f"{'.'.join((*path, name))!r}, {group.place}, {number}"
                        yield f"{indent}{whole} = groups.setdefault(({key}), len(groups) + 1)"
                        number = whole
                    inner = _Group(number if (*path, name) in self.bases else group.base, number)
                else:
                    yield f"    for {item} in {source}:"
            tests = [f'{item}.get("{child}") == {value!r}' for child, value in step.where]
            if repeats and any(way.element.primitive for _, _, way in below.takes):
                tests.insert(0, f"{item} is not None")
            if tests:
                yield f"{indent}if {' and '.join(tests)}:"
                indent += "    "
            for line in self.place(below, item, (*path, name), inner):
                yield indent + line

    def take(self, code: str, kind: str, way: Branch, variable: str, group: str) -> Iterator[str]:
        """The lines that turn the element in `variable` into entries of one parameter."""
        if (kind, way.type) == ("token", "code") and not token.is_media_type(way.element.binding):
            yield from self.take_code(code, way, variable, group)
            return
        converter = CONVERTERS[kind][way.type]
        if kind == "string":
            converter = string.SPECIAL.get(way.element.path, converter)
        elif (kind, way.type) == ("token", "code"):
            converter = token.media_type
        name = f"{kind}_{converter.__name__}"
        self.names[name] = converter
        base = ", base" if kind == "reference" else ""
        call = f'{name}(add, "{code}", {variable}, {group}{base})'
        yield f"if resolves_to({variable}, {way.resolves_to!r}): {call}" if way.resolves_to else call

    def take_code(self, code: str, way: Branch, variable: str, group: str) -> Iterator[str]:
        """A bound code has few values: their entries are made beforehand."""
        systems = token.implied_systems(way.element.binding)
        constant, implied = self.fresh("CODES"), self.fresh("SYSTEMS")
        self.names |= {"token_code": token.code, constant: _entries(code, way, systems), implied: systems}
        call = f'token_code(add, "{code}", {variable}, {group}, {implied})'
        if group == "0" and self.names[constant]:
            made = self.fresh("e")
            yield f"if ({made} := {constant}.get({variable})) is not None: add({made})"
            yield f"else: {call}"
        else:
            yield call

    def truth(self, code: str, ways: list[Branch]) -> Iterator[str]:
        """`x.exists() and x != false`: one entry, true or false, whatever the resource holds."""
        names = [f'resource.get("{way.steps[0].name}", False) is not False' for way in ways]
        self.names["token_boolean"] = token.boolean
        yield f'token_boolean(add, "{code}", {" or ".join(names)}, 0)'

    def computed(self, p: Parameter) -> str:
        """The line for a parameter whose expression is evaluated."""
        name = self.fresh("computed")
        self.names[name] = computed(p.code, p.type, str(p.definition.expression))
        return f"{name}(add, resource, base)"

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"


def _entries(code: str, way: Branch, systems: Mapping[str, str] | str) -> dict[str, IndexEntry]:
    """Bound code → its entry; {} where the value set cannot be listed."""
    binding = way.element.binding
    codes = definitions().value_set_codes(binding.value_set) if binding and systems else None
    return {
        c: IndexEntry(code, Token(system, token.folded(system, c)))
        for system, c in codes or ()
        if system == (systems if isinstance(systems, str) else systems[c])
    }
