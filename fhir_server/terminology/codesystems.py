"""Code systems read: from CodeSystem resources, and from R4's own definitions.

http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from fhir_server import definitions
from fhir_server.concepts import Concept, Designation, Property, System

Json = Mapping[str, Any]

DEFINED: Final = "http://hl7.org/fhir/concept-properties#"
"""Where R4 says what its own properties mean (http://hl7.org/fhir/R4/codesystem.html#defined-props)."""
PARENT: Final = frozenset({"parent", "subsumedBy"})
CHILD: Final = "child"
ABSTRACT: Final = frozenset({"notSelectable", "abstract"})
INACTIVE: Final = frozenset({"retired", "inactive"})
"""Values of `status` that mean that a concept is not to be used any more."""


def system(resource: Json) -> System:
    """The CodeSystem resource without its concepts."""
    return System(
        url=resource.get("url", ""),
        version=resource.get("version"),
        name=resource.get("title") or resource.get("name"),
        content=resource.get("content", "not-present"),
        case_sensitive=resource.get("caseSensitive", False),
        value_set=resource.get("valueSet"),
        language=resource.get("language"),
        meaning=resource.get("hierarchyMeaning"),
        declared={p["code"]: (p["type"], p.get("description")) for p in resource.get("property", ())},
    )


def concepts(resource: Json) -> list[Concept]:
    """All concepts, parents of nesting before their children. One that is there twice is one, under the parents of both.

    Above a concept is what it is nested in, what its properties name as parents, and what names it as a child. Parents that
    the code system does not have are left out.
    """
    meanings = {p["code"]: p["uri"].removeprefix(DEFINED) for p in resource.get("property", ()) if p.get("uri", "").startswith(DEFINED)}  # fmt: skip
    found: dict[str, Concept] = {}
    above: dict[str, list[str]] = {}
    for given, parent in _walk(resource):
        code = given.get("code")
        if code is None:
            continue
        if code not in found:
            found[code] = _concept(given, meanings)
        own = above.setdefault(code, [])
        if parent is not None:
            own.append(parent)
        for each in given.get("property", ()):
            meaning, other = meanings.get(each.get("code"), each.get("code")), each.get("valueCode")
            if other is not None and meaning in PARENT:
                own.append(other)
            elif other is not None and meaning == CHILD:
                above.setdefault(other, []).append(code)
    return [
        msgspec.structs.replace(concept, parents=parents) if (parents := _known(above[code], found)) else concept
        for code, concept in found.items()
    ]


def _known(codes: list[str], found: Mapping[str, Concept]) -> tuple[str, ...]:
    return tuple(code for code in dict.fromkeys(codes) if code in found) if codes else ()


def _walk(resource: Json) -> Iterator[tuple[Json, str | None]]:
    """(concept, code of the one it is nested in), in their order in the resource."""
    waiting: list[tuple[Json, str | None]] = [(each, None) for each in reversed(resource.get("concept", ()))]
    while waiting:
        concept, parent = waiting.pop()
        yield concept, parent
        if "concept" in concept:
            code = concept.get("code", parent)
            waiting += [(each, code) for each in reversed(concept["concept"])]


def _concept(given: Json, meanings: Mapping[str, str]) -> Concept:
    properties: list[Property] = []
    inactive = abstract = False
    for each in given.get("property", ()):
        made = _property(each)
        if made is None:
            continue
        properties.append(made)
        meaning = meanings.get(made.code, made.code)
        if meaning in ABSTRACT:
            abstract = made.value == "true"
        elif meaning == "inactive":
            inactive = inactive or made.value == "true"
        elif meaning == "status":
            inactive = inactive or made.value in INACTIVE
    return Concept(
        given["code"],
        given.get("display"),
        designations=tuple(designations(given)) if "designation" in given else (),
        properties=tuple(properties),
        definition=given.get("definition"),
        inactive=inactive,
        abstract=abstract,
    )


def designations(given: Json) -> Iterator[Designation]:
    """Those of a concept, in a CodeSystem or in a ValueSet."""
    for each in given.get("designation", ()):
        if isinstance(each.get("value"), str):
            use = each.get("use", {})
            pairs = tuple((name, str(use[name])) for name in ("system", "code", "display") if name in use)
            yield Designation(each["value"], each.get("language"), pairs)


def _property(given: Json) -> Property | None:
    for name, value in given.items():
        if name.startswith("value"):
            kind = name[5:6].lower() + name[6:]
            if isinstance(value, Mapping):
                return Property(given["code"], str(value.get("code", "")), "Coding", value.get("system"))
            text = ("true" if value else "false") if isinstance(value, bool) else str(value)
            return Property(given["code"], text, kind)
    return None


def own(given: definitions.CodeSystem) -> tuple[System, list[Concept]]:
    """One of R4's own code systems."""
    made = System(
        given.url, given.version, given.name, given.content, given.case_sensitive, language="en", meaning="is-a"
    )
    return made, [
        Concept(c.code, c.display, tuple(p for p in c.parents if p in given.concepts), abstract=c.abstract)
        for c in given.concepts.values()
    ]
