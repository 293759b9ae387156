"""From a differential to all that a profile demands: the rules of its base, and on top of them its own.

http://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath import types
from fhir_server.outcome import Unprocessable
from fhir_server.validation.profiles.rule import UNBOUNDED, Discriminator, Invariant, Profile, Rule, Slicing, Type

Json = Mapping[str, Any]
Find = Callable[[str], Json | None]
"""The StructureDefinition of a canonical, None where it is not known."""

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
PROFILE_ELEMENT: Final = f"{CORE}elementdefinition-profile-element"
MAX_DEPTH: Final = 30
"""Profiles upon profiles; a circle of them is deeper."""


class ProfileError(Unprocessable):
    """422: a StructureDefinition that cannot be used; the text says which element of it, and why."""

    code = "invalid"


def compiled(definition: Json, find: Find, depth: int = 0) -> Profile:
    """The profile with the rules of its bases in it. Raises ProfileError where it or one of them cannot be used."""
    return _built(definition, find, depth)[0]


def constrains(definition: Json) -> bool:
    """Whether a definition narrows its base: it says so, or names the base's own type as its type."""
    derivation = definition.get("derivation", "constraint")
    return derivation == "constraint" or definition.get("baseDefinition") == f"{CORE}{definition.get('type')}"


def contradictions(definition: Json, find: Find) -> list[tuple[int, str]]:
    """(number of an element, what it says against the base): a derived profile can only narrow what its base allows.

    Raises ProfileError as `compiled` does. http://hl7.org/fhir/R4/profiling.html#limitations
    """
    return _built(definition, find, 0)[1]


def _built(definition: Json, find: Find, depth: int) -> tuple[Profile, list[tuple[int, str]]]:
    url = str(definition.get("url", ""))
    if depth > MAX_DEPTH:
        raise ProfileError(f"{url}: more than {MAX_DEPTH} profiles upon one another, or a circle of them")
    type_ = str(definition.get("type", ""))
    base = str(definition.get("baseDefinition", ""))
    elements = (definition.get("differential") or {}).get("element")
    if constrains(definition) and elements is not None and _known(base, find):
        root = _base(type_, base, find, depth)
    elif elements := (definition.get("snapshot") or {}).get("element"):
        root = core(type_) if types.known(type_) else Rule(type_, type_)
    else:
        raise ProfileError(f"{url}: its base {base or '(none)'} is not known here, and it has no snapshot")
    builder = _Builder(
        url, root, find, depth, {str(element.get("id") or element.get("path", "")) for element in elements}
    )
    contrary: list[tuple[int, str]] = []
    for number, element in enumerate(elements):
        contrary += [(number, text) for text in builder.apply(element)]
    version, title = str(definition.get("version", "")), str(definition.get("title") or definition.get("name") or url)
    return Profile(url, version, type_, title, root, definition), contrary


def core(type_: str) -> Rule:
    """The rule of one of R4's own types, with its elements right below."""
    rule = Rule(type_, type_, 0, UNBOUNDED, (Type(type_),))
    _below(rule, type_)
    return rule


def _known(base: str, find: Find) -> bool:
    return (base.startswith(CORE) and types.known(base.removeprefix(CORE))) or find(base) is not None


def _base(type_: str, base: str, find: Find, depth: int) -> Rule:
    name = base.removeprefix(CORE)
    if name != base and types.known(name):
        return core(name)
    definition = find(base)
    assert definition is not None
    found = compiled(definition, find, depth + 1).root
    if found.path.partition(".")[0] != type_:
        raise ProfileError(f"{base} constrains {found.path}, a profile on it cannot constrain {type_}")
    return found


def _below(rule: Rule, type_: str) -> None:
    """Gives the rule the elements of a type or an inline path."""
    rule.expanded = True
    try:
        rows = definitions().rows(type_)
    except KeyError:
        return
    for row in rows:
        name = row["path"].rpartition(".")[2]
        rule.children[name] = _of_row(row, f"{rule.path}.{name}", f"{rule.id}.{name}")


def _of_row(row: Json, path: str, id_: str) -> Rule:
    found = Rule(path, id_, row["min"], UNBOUNDED if row["max"] == "*" else int(row["max"]))
    found.types = tuple(
        Type(code, (), tuple(t if "/" in t else CORE + t for t in targets)) for code, targets in row.get("types", ())
    )
    found.reference = row.get("reference")
    if "binding" in row:
        found.binding = (row["binding"][0], row["binding"][1])
    if any(t.code in ("BackboneElement", "Element") for t in found.types):
        found.reference = found.reference or row["path"]
    return found


class _Builder:
    """Lays the elements of one definition over the rules of its base."""

    def __init__(self, url: str, root: Rule, find: Find, depth: int, paths: set[str]) -> None:
        self.url, self.root, self.find, self.depth, self.paths = url, root, find, depth, paths
        self.last: dict[str, Rule] = {}
        """Path → the rule that was spoken of last: where differentials have no ids, what follows a slice belongs to it."""

    def apply(self, element: Json) -> list[str]:
        """Adds what the element demands; returns what of it the base does not allow."""
        rule = self.rule(element)
        self.last[str(element["path"])] = rule
        before = rule.min, rule.max, rule.fixed
        self.constrain(rule, element)
        return list(_contrary(rule, *before)) if rule is not self.root else []

    def rule(self, element: Json) -> Rule:
        """The rule that the element speaks of; made where the base leaves it to the type. Raises ProfileError."""
        path = str(element.get("path", ""))
        steps = self.steps(element)
        rule = self.root
        for name, slice_ in steps:
            rule = self.child(rule, name, path)
            rule.spoken = True
            for part in slice_.split("/") if slice_ else ():
                rule = self.slice(rule, f"{rule.slice}/{part}" if rule.slice else part)
        return rule

    def steps(self, element: Json) -> list[tuple[str, str]]:
        """(element, slice) below the root, by the element's id; by its path and sliceName where it has no id."""
        id_ = element.get("id")
        if isinstance(id_, str) and id_.count(".") == str(element["path"]).count(".") and not _shortened(id_, element):
            return [_step(part) for part in id_.split(".")[1:]]
        parts = str(element["path"]).split(".")
        steps: list[tuple[str, str]] = []
        for n in range(1, len(parts)):
            so_far = ".".join(parts[: n + 1])
            known = self.last.get(so_far)
            own = element.get("sliceName", "") if n == len(parts) - 1 else known.slice if known is not None else ""
            steps.append((parts[n], own))
        return steps

    def child(self, rule: Rule, name: str, path: str) -> Rule:
        """The rule of an element below; `valueQuantity` is the slice of value[x] that has this type."""
        self.expand(rule)
        found = rule.children.get(name) or rule.children.get(f"{name}[x]")
        if found is not None:
            return found
        for choice, base in rule.children.items():
            stem = choice.removesuffix("[x]")
            if choice != stem and name.startswith(stem):
                code = next((t.code for t in base.types if _capital(t.code) == name.removeprefix(stem)), None)
                if code is not None:
                    return self.of_choice(base, name, code)
        raise ProfileError(f"{self.url}: {path}: there is no element {name} in {rule.path}", expression=path)

    def of_choice(self, base: Rule, name: str, code: str) -> Rule:
        """The only one that a differential speaks of is the only one that it allows, unless it slices by type itself."""
        typed = tuple(t for t in base.types if t.code == code)
        if len(base.types) == 1:
            return base
        stem = base.id.removesuffix("[x]")
        variants = {
            p
            for p in self.paths
            if p.startswith(stem) and p[len(stem) : len(stem) + 1].isupper() and "." not in p[len(stem) :]
        }
        if base.slicing is None and len(variants) == 1 and base.id not in self.paths:
            base.types = typed
            return base
        if base.slicing is None:
            base.slicing = Slicing((Discriminator("type", "$this"),))
        found = self.slice(base, name)
        found.types = typed
        return found

    def slice(self, rule: Rule, name: str) -> Rule:
        """The slice of this name; a new one demands what all values must, but none needs to be there."""
        parent, _, _ = name.rpartition("/")
        found = rule.slices.get(name)
        if found is None:
            found = rule.copy(f"{rule.id}:{name}" if not parent else f"{rule.id.rpartition(':')[0]}:{name}")
            found.min, found.slice = 0, name
            stem = rule.name.removesuffix("[x]")
            if stem != rule.name and name.startswith(stem):
                typed = tuple(t for t in rule.types if _capital(t.code) == name.removeprefix(stem))
                found.types = typed or found.types
            rule.slices[name] = found
        return found

    def expand(self, rule: Rule) -> None:
        """Gives a rule the elements of its type, or of what it refers to, where it has none yet."""
        if rule.expanded:
            return
        rule.expanded = True
        if rule.reference is not None:
            _below(rule, rule.reference)
            return
        codes = {t.code for t in rule.types}
        if len(codes) != 1:
            raise ProfileError(
                f"{self.url}: {rule.path} may be of several types ({', '.join(sorted(codes)[:5])}): say which before what is"
                " below it",
                expression=rule.path,
            )
        (type_,) = rule.types if len(rule.types) == 1 else (Type(codes.pop()),)
        profile = self.find(type_.profiles[0]) if len(type_.profiles) == 1 else None
        if profile is not None:
            for name, child in compiled(profile, self.find, self.depth + 1).root.children.items():
                rule.children[name] = child.moved(f"{rule.path}.{name}", f"{rule.id}.{name}")
            return
        code = type_.code if types.known(type_.code) else _system_type(type_.code)
        _below(rule, code)

    def constrain(self, rule: Rule, element: Json) -> None:
        """What the element demands is added to the rule."""
        if "min" in element:
            rule.min = int(element["min"])
        if "max" in element:
            rule.max = UNBOUNDED if element["max"] == "*" else int(element["max"])
        if element.get("type"):
            rule.types = tuple(_type(t) for t in element["type"])
        for name, value in element.items():
            if name.startswith("fixed"):
                rule.fixed = (name.removeprefix("fixed"), value)
            elif name.startswith("pattern"):
                rule.pattern = (name.removeprefix("pattern"), value)
            elif name.startswith("minValue"):
                rule.min_value = (name.removeprefix("minValue"), value)
            elif name.startswith("maxValue"):
                rule.max_value = (name.removeprefix("maxValue"), value)
        binding = element.get("binding") or {}
        if "valueSet" in binding:
            rule.binding = (str(binding.get("strength", "example")), str(binding["valueSet"]))
        for one in element.get("constraint", ()):
            if "expression" in one:
                source = str(one.get("source", self.url))
                rule.invariants[one["key"]] = Invariant(
                    one["key"], one.get("severity", "error"), one.get("human", ""), one["expression"], source
                )
        rule.max_length = element.get("maxLength", rule.max_length)
        rule.must_support = element.get("mustSupport", rule.must_support)
        if "contentReference" in element:
            rule.reference = str(element["contentReference"]).rpartition("#")[2]
        if "slicing" in element:
            rule.slicing = _slicing(element["slicing"])


def _contrary(rule: Rule, least: int, most: int, fixed: tuple[str, Any] | None) -> Iterator[str]:
    if rule.min < least:
        yield f"min is {rule.min}; the base asks for {least} at least"
    if rule.max > most:
        shown = "*" if rule.max == UNBOUNDED else rule.max
        yield f"max is {shown}; the base allows {most} at most"
    if fixed is not None and rule.fixed is not None and rule.fixed[1] != fixed[1]:
        yield f"the value is fixed to {rule.fixed[1]!r}; the base fixes {fixed[1]!r}"


def _shortened(id_: str, element: Json) -> bool:
    """The id leaves out the slice that the element makes."""
    return bool(element.get("sliceName")) and ":" not in id_.rpartition(".")[2]


def _step(part: str) -> tuple[str, str]:
    name, _, slice_ = part.partition(":")
    return name, slice_


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _type(given: Json) -> Type:
    code = str(given.get("code", ""))
    return Type(
        _system_type(code),
        tuple(_profiles(given)),
        tuple(given.get("targetProfile", ())),
        tuple(given.get("aggregation", ())),
        str(given.get("versioning", "either")),
    )


def _profiles(given: Json) -> Iterator[str]:
    """The profiles of a type; `canonical#id` where only that element of the profile is meant."""
    beside = given.get("_profile", ())
    for n, canonical in enumerate(given.get("profile", ())):
        extensions = (beside[n] or {}).get("extension", ()) if n < len(beside) else ()
        part = next((e.get("valueString") for e in extensions if e.get("url") == PROFILE_ELEMENT), None)
        yield f"{canonical}#{part}" if part else canonical


def _system_type(code: str) -> str:
    """FHIRPath's own types stand where an element is an attribute: id, Extension.url, the value of a primitive."""
    return code.removeprefix("http://hl7.org/fhirpath/System.").lower() if code.startswith("http:") else code


def _slicing(given: Json) -> Slicing:
    discriminators = tuple(
        Discriminator(str(d.get("type", "value")), str(d.get("path", "$this"))) for d in given.get("discriminator", ())
    )
    return Slicing(discriminators, str(given.get("rules", "open")), bool(given.get("ordered", False)))


def elements(rule: Rule) -> Iterator[Rule]:
    """The rule and all below it, in the order of a snapshot: each element, its children, its slices."""
    yield rule
    for child in rule.children.values():
        yield from elements(child)
    for one in rule.slices.values():
        yield from elements(one)
