"""R4's definitions in memory: what is in profiles/r4, read part by part when it is first asked for.

http://hl7.org/fhir/R4/resourcelist.html
"""

import gzip
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

from fhir_server.definitions.model import (
    Binding,
    CodeSystem,
    Compartment,
    Component,
    Concept,
    Constraint,
    Element,
    OperationDefinition,
    OperationParameter,
    Primitive,
    SearchParameter,
)

Json = dict[str, Any]

SYSTEM_JSON: Final = {"Boolean": "boolean", "Integer": "integer", "Decimal": "decimal"}
INLINE = ("BackboneElement", "Element")


@cache
def definitions() -> "Definitions":
    """The one set of R4 definitions of this process."""
    return Definitions(folder())


def folder() -> Path:
    """profiles/r4 of the checkout; in an installed wheel fhir_server/_data/profiles/r4."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_data" / "profiles" / "r4"
    return installed if installed.is_dir() else package.parent / "profiles" / "r4"


class Definitions:
    """Every question about R4's types, parameters, compartments, operations and bound value sets; immutable, thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._read: Callable[[str], Json] = lambda part: orjson.loads(
            gzip.decompress((folder / f"{part}.json.gz").read_bytes())
        )
        self._tables: dict[str, Mapping[str, Element]] = {}
        self._codes: dict[str, frozenset[tuple[str, str]] | None] = {}
        self._parameters: dict[str, Mapping[str, SearchParameter]] = {}

    # structures

    @cached_property
    def _structures(self) -> Json:
        return self._read("structures")

    @cached_property
    def _types(self) -> dict[str, Json]:
        types: dict[str, Json] = self._structures["types"]
        return types

    @property
    def version(self) -> str:
        """FHIR version, "4.0.1"."""
        return str(self._structures["version"])

    @cached_property
    def resource_types(self) -> tuple[str, ...]:
        """The concrete resource types, sorted."""
        return self._concrete("resource")

    @cached_property
    def data_types(self) -> tuple[str, ...]:
        """The complex datatypes, sorted; inline types are not among them."""
        return self._concrete("complex-type")

    @cached_property
    def primitives(self) -> Mapping[str, Primitive]:
        """The primitive types by name."""
        return MappingProxyType(
            {
                name: Primitive(name, s["base"], self._json_kind(name), s["pattern"])
                for name, s in self._types.items()
                if s["kind"] == "primitive-type"
            }
        )

    def is_resource(self, type: str) -> bool:  # noqa: A002 - FHIR's word
        """Whether `type` is a concrete resource type."""
        return type in self._resource_types

    def is_primitive(self, type: str) -> bool:  # noqa: A002
        return type in self.primitives

    def primitive(self, type: str) -> Primitive:  # noqa: A002
        """KeyError if there is no such primitive type."""
        return self.primitives[type]

    def base(self, type: str) -> str | None:  # noqa: A002
        """The type that this one specializes ("Patient" → "DomainResource"), None for Element and Resource; inline types
        give BackboneElement or Element. KeyError if unknown.
        """
        if type in self._types:
            base: str | None = self._types[type]["base"]
            return base
        return str(self._children[type][1])

    def is_a(self, type: str, ancestor: str) -> bool:  # noqa: A002
        """Whether `type` is `ancestor` or specializes it, however far."""
        current: str | None = type
        while current is not None and current != ancestor:
            current = self.base(current)
        return current is not None

    def elements(self, type: str) -> Mapping[str, Element]:  # noqa: A002
        """JSON name → Element in R4's order, for a resource type, a datatype or an inline path ("Patient.contact").

        The two names of Resource.resourceType and of primitives' `_name` siblings are not elements. KeyError if unknown.
        """
        table = self._tables.get(type)
        if table is None:
            given = self._children[type][0]
            table = MappingProxyType({e.name: e for g in given for e in self._expand(g)})
            self._tables[type] = table
        return table

    @cached_property
    def inline_types(self) -> tuple[str, ...]:
        """The paths of all inline (backbone) types, in R4's order by type."""
        return tuple(path for path in self._children if "." in path)

    @cached_property
    def constraints(self) -> Mapping[str, tuple[Constraint, ...]]:
        """Type → the invariants that R4 states for it and its inline elements (those of its base are under the base)."""
        return MappingProxyType({t: tuple(Constraint(*c) for c in cs) for t, cs in self._read("invariants").items()})

    @cached_property
    def profiles(self) -> Mapping[str, Json]:
        """Url → StructureDefinition, of R4's own profiles and extensions: the differential, without prose."""
        return MappingProxyType(self._read("profiles"))

    def rows(self, type: str) -> tuple[Json, ...]:  # noqa: A002
        """The rows of the elements right below a type or an inline path, one per choice. KeyError if unknown."""
        return tuple(self._children[type][0])

    @cached_property
    def _resource_types(self) -> frozenset[str]:
        return frozenset(self.resource_types)

    def _concrete(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, s in self._types.items() if s["kind"] == kind and not s["abstract"]))

    def _json_kind(self, name: str) -> str:
        while (base := self._types[name]["base"]) in self._types and self._types[base]["kind"] == "primitive-type":
            name = base
        return SYSTEM_JSON.get(self._types[name]["system"], "string")

    @cached_property
    def _children(self) -> dict[str, tuple[list[Json], str | None]]:
        """Type or inline path → the element rows right below it, and the base of an inline type."""
        children: dict[str, tuple[list[Json], str | None]] = {}
        for name, structure in self._types.items():
            children[name] = ([], structure["base"])
            codes: dict[str, str] = {}
            for row in structure["elements"]:
                parent = row["path"].rpartition(".")[0]
                if parent not in children:
                    children[parent] = ([], codes[parent])
                children[parent][0].append(row)
                if "types" in row:
                    codes[row["path"]] = row["types"][0][0]
        return children

    def _expand(self, row: Json) -> list[Element]:
        """The Elements of one row: one, or for a choice one per type."""
        path: str = row["path"]
        name = path.rpartition(".")[2]
        choice = name.removesuffix("[x]") if name.endswith("[x]") else None
        kinds = [[row["reference"], []]] if "reference" in row else row["types"]
        binding = Binding(*row["binding"]) if "binding" in row else None
        return [
            Element(
                name=name if choice is None else choice + code[0].upper() + code[1:],
                path=path,
                type=path if code in INLINE and path in self._children else code,
                min=row["min"],
                max=None if row["max"] == "*" else int(row["max"]),
                choice=choice,
                summary="summary" in row,
                modifier="modifier" in row,
                trial="trial" in row,
                targets=tuple(targets),
                binding=binding,
                primitive=code in self.primitives,
                bare="bare" in row,
            )
            for code, targets in kinds
        ]

    # search, compartments, operations

    @cached_property
    def all_search_parameters(self) -> Mapping[str, SearchParameter]:
        """Every R4 search parameter by its url."""
        return MappingProxyType({url: _search_parameter(p) for url, p in self._read("search-parameters").items()})

    @cached_property
    def _parameters_by_code(self) -> list[SearchParameter]:
        return sorted(self.all_search_parameters.values(), key=_by_code)

    @cached_property
    def _parameter_places(self) -> Mapping[str, list[int]]:
        """Type → where its own search parameters stand in `_parameters_by_code`."""
        places: dict[str, list[int]] = {}
        for place, parameter in enumerate(self._parameters_by_code):
            for type_ in parameter.base:
                places.setdefault(type_, []).append(place)
        return places

    def search_parameters(self, type: str) -> Mapping[str, SearchParameter]:  # noqa: A002
        """Code → SearchParameter of a resource type, those of Resource and DomainResource included; KeyError if unknown."""
        found = self._parameters.get(type)
        if found is None:
            bases = {t for t in ("Resource", "DomainResource", type) if self.is_a(type, t)}
            every = sorted({place for base in bases for place in self._parameter_places.get(base, ())})
            found = MappingProxyType({self._parameters_by_code[n].code: self._parameters_by_code[n] for n in every})
            self._parameters[type] = found
        return found

    @cached_property
    def compartments(self) -> Mapping[str, Compartment]:
        """Compartment code ("Patient") → Compartment."""
        return MappingProxyType(
            {
                code: Compartment(code, c["url"], MappingProxyType({t: tuple(ps) for t, ps in c["resources"].items()}))
                for code, c in self._read("compartments").items()
            }
        )

    @cached_property
    def operations(self) -> Mapping[str, OperationDefinition]:
        """OperationDefinition id ("Patient-everything") → OperationDefinition: several share a code."""
        return MappingProxyType({name: _operation(o) for name, o in self._read("operations").items()})

    # terminology

    @cached_property
    def _value_sets(self) -> Json:
        return self._read("value-sets")

    @cached_property
    def value_sets(self) -> frozenset[str]:
        """The urls of the value sets of required and extensible bindings and of those they import."""
        return frozenset(self._value_sets)

    def value_set(self, url: str) -> Json | None:
        """R4's value set with this url as a ValueSet resource, without its texts; None where it is unknown here."""
        given = self._value_sets.get(url)
        if given is None:
            return None
        compose = {side: [_include(part) for part in parts] for side, parts in given["compose"].items()}
        about = {"url": url, "version": given["version"], "name": given["name"], "status": "active"}
        return {"resourceType": "ValueSet", **{k: v for k, v in about.items() if v is not None}, "compose": compose}

    def value_set_codes(self, url: str) -> frozenset[tuple[str, str]] | None:
        """(system, code) of a value set (`|version` may follow); None where it is unknown here or cannot be listed."""
        url = url.split("|", maxsplit=1)[0]
        if url not in self._codes:
            systems = self._value_sets.get(url, {}).get("codes")
            pairs = None if systems is None else frozenset((s, c) for s, codes in systems.items() for c in codes)
            self._codes[url] = pairs
        return self._codes[url]

    @cached_property
    def code_systems(self) -> Mapping[str, CodeSystem]:
        """The code systems that those value sets draw on, by url."""
        return MappingProxyType({url: _code_system(url, s) for url, s in self._read("code-systems").items()})

    @cached_property
    def case_sensitive(self) -> frozenset[str]:
        """The urls of all code systems of R4's package that say that case matters, bound to or not."""
        return frozenset(self._read("case")["sensitive"])

    def code_system(self, url: str) -> CodeSystem | None:
        return self.code_systems.get(url)


def _include(part: Json) -> Json:
    if "concept" not in part:
        return part
    concepts = [{"code": code, **({"display": display} if display else {})} for code, display in part["concept"]]
    return {**part, "concept": concepts}


def _by_code(parameter: SearchParameter) -> str:
    return parameter.code


def _search_parameter(given: Json) -> SearchParameter:
    return SearchParameter(
        code=given["code"],
        url=given["url"],
        base=tuple(given["base"]),
        type=given["type"],
        expression=given.get("expression"),
        targets=tuple(given.get("target", ())),
        components=tuple(Component(*c) for c in given.get("component", ())),
        comparators=tuple(given.get("comparator", ())),
        modifiers=tuple(given.get("modifier", ())),
        multiple_or=given.get("multipleOr", True),
        description=given["description"],
    )


def _operation(given: Json) -> OperationDefinition:
    return OperationDefinition(
        code=given["code"],
        url=given["url"],
        name=given["name"],
        kind=given["kind"],
        resource=tuple(given["resource"]),
        system=given["system"],
        type=given["type"],
        instance=given["instance"],
        affects_state=given.get("affectsState", False),
        parameters=tuple(map(_operation_parameter, given["parameter"])),
    )


def _operation_parameter(given: Json) -> OperationParameter:
    return OperationParameter(
        name=given["name"],
        use=given["use"],
        min=given["min"],
        max=None if given["max"] == "*" else int(given["max"]),
        type=given.get("type"),
        targets=tuple(given.get("target", ())),
        search_type=given.get("searchType"),
        parts=tuple(map(_operation_parameter, given.get("part", ()))),
    )


def _code_system(url: str, given: Json) -> CodeSystem:
    concepts = {
        c: Concept(c, display, tuple(parents), bool(abstract)) for c, display, parents, abstract in given["concepts"]
    }
    return CodeSystem(
        url, given["version"], given["name"], given["content"], given["caseSensitive"], MappingProxyType(concepts)
    )
