"""Value sets of R4's required and extensible bindings, with their codes where they can be listed, and their code systems.

http://hl7.org/fhir/R4/valueset.html#compositions and http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Codes = set[tuple[str, str]]

STRENGTHS = ("required", "extensible")


def value_sets(types: Json, definitions: Iterable[Json], systems: Iterable[Json]) -> Json:
    """Url → {version, name, compose, codes}; codes (system → sorted codes) is None where they cannot all be listed here."""
    sets = {v["url"]: v for v in definitions}
    expander = Expander(sets, {s["url"]: s for s in systems if s["content"] == "complete"})
    bound = {url.split("|")[0] for url in _bound(types)}
    distilled: Json = {}
    for url in sorted(_with_imports(bound, sets)):
        given = sets[url]
        codes = expander.codes(url)
        by_system: dict[str, list[str]] = {}
        for system, code in sorted(codes or ()):
            by_system.setdefault(system, []).append(code)
        compose = {k: [_part(p) for p in given["compose"][k]] for k in ("include", "exclude") if k in given["compose"]}
        distilled[url] = {
            "version": given.get("version"),
            "name": given["name"],
            "compose": compose,
            "codes": None if codes is None else by_system,
        }
    return distilled


def code_systems(sets: Json, definitions: Iterable[Json]) -> Json:
    """Url → {version, name, content, caseSensitive, concepts: [[code, display, [parent…], abstract]]} of what `sets` draw on."""
    used = {p["system"] for s in sets.values() for ps in s["compose"].values() for p in ps if "system" in p}
    return {
        d["url"]: {
            "version": d.get("version"),
            "name": d["name"],
            "content": d["content"],
            "caseSensitive": d.get("caseSensitive", False),
            "concepts": [[c["code"], c.get("display"), parents, int(_abstract(c))] for c, parents in _concepts(d)],
        }
        for d in definitions
        if d["url"] in used
    }


def case_sensitive(definitions: Iterable[Json]) -> list[str]:
    """The urls of all code systems that say that case matters; where they are silent, it does not (CodeSystem.caseSensitive)."""
    return sorted(d["url"] for d in definitions if d.get("caseSensitive", False))


class Expander:
    """Lists the codes of value sets whose code systems are complete in the package."""

    def __init__(self, sets: Mapping[str, Json], systems: Mapping[str, Json]) -> None:
        self._sets = sets
        self._systems = systems

    def codes(self, url: str) -> Codes | None:
        """All codes of the value set; None where a part is infinite, or not to be had."""
        given = self._sets.get(url.split("|", maxsplit=1)[0])
        if given is None or not given.get("compose", {}).get("include"):
            return None
        included = [self._part_codes(p) for p in given["compose"]["include"]]
        excluded = [self._part_codes(p) for p in given["compose"].get("exclude", ())]
        listed = [codes for codes in (*included, *excluded) if codes is not None]
        if len(listed) < len(included) + len(excluded):
            return None
        return set().union(*listed[: len(included)]) - set().union(*listed[len(included) :])

    def _part_codes(self, part: Json) -> Codes | None:
        """One include or exclude: what its system, filters and value sets have in common."""
        sides = [self.codes(url) for url in part.get("valueSet", ())]
        if "system" in part:
            sides.append(self._system_codes(part))
        listed = [side for side in sides if side is not None]
        return set.intersection(*listed) if listed and len(listed) == len(sides) else None

    def _system_codes(self, part: Json) -> Codes | None:
        system = part["system"]
        if "concept" in part:
            return {(system, c["code"]) for c in part["concept"]}
        if system not in self._systems:
            return None
        parents = {c["code"]: (p, _abstract(c)) for c, p in _concepts(self._systems[system])}
        codes = set(parents)
        for condition in part.get("filter", ()):
            if condition["property"] != "concept" or condition["op"] != "is-a":
                return None
            codes &= {code for code in parents if condition["value"] in _ancestors(code, parents)}
        return {(system, code) for code in codes}


def _ancestors(code: str, parents: Mapping[str, tuple[list[str], bool]]) -> set[str]:
    """The code itself and all that subsume it."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        if (code := waiting.pop()) not in found:
            found.add(code)
            waiting += parents[code][0] if code in parents else ()
    return found


def _concepts(system: Json) -> Iterator[tuple[Json, list[str]]]:
    """Every concept with its parents: by nesting, and by the `child` properties that stand for further parents."""
    extra: dict[str, list[str]] = {}
    for concept, _ in _nested(system.get("concept", ()), []):
        for p in concept.get("property", ()):
            if p["code"] == "child":
                extra.setdefault(p["valueCode"], []).append(concept["code"])
    for concept, parents in _nested(system.get("concept", ()), []):
        yield concept, sorted({*parents, *extra.get(concept["code"], ())})


def _nested(concepts: Iterable[Json], parents: list[str]) -> Iterator[tuple[Json, list[str]]]:
    for concept in concepts:
        yield concept, parents
        yield from _nested(concept.get("concept", ()), [concept["code"]])


def _abstract(concept: Json) -> bool:
    return any(p["code"] == "notSelectable" and p.get("valueBoolean") for p in concept.get("property", ()))


def _part(given: Json) -> Json:
    part: Json = {k: given[k] for k in ("system", "version", "valueSet", "filter") if k in given}
    if "concept" in given:
        part["concept"] = [[c["code"], c.get("display")] for c in given["concept"]]
    return part


def _bound(types: Json) -> Iterator[str]:
    for structure in types.values():
        for element in structure["elements"]:
            if element.get("binding", [""])[0] in STRENGTHS:
                yield element["binding"][1]


def _with_imports(urls: set[str], sets: Mapping[str, Json]) -> set[str]:
    found: set[str] = set()
    waiting = list(urls)
    while waiting:
        url = waiting.pop().split("|")[0]
        if url in sets and url not in found:
            found.add(url)
            compose = sets[url].get("compose", {})
            waiting += [u for k in ("include", "exclude") for p in compose.get(k, ()) for u in p.get("valueSet", ())]
    return found
