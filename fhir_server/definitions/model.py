"""The words of R4's definitions: elements, primitives, search parameters, compartments, operations.

http://hl7.org/fhir/R4/elementdefinition.html and http://hl7.org/fhir/R4/searchparameter.html
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binding:
    """ElementDefinition.binding: `value_set` is a canonical with its version ("…|4.0.1"), `strength` R4's code."""

    strength: str
    value_set: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type, under its JSON name; a choice has one Element per type ("valueQuantity", "valueString")."""

    name: str
    """JSON name"""
    path: str
    """definition path, "Observation.value[x]" """
    type: str
    """"Quantity", "code", "xhtml"; "Resource" for any resource; an inline (backbone) type is its path: "Patient.contact" """
    min: int
    """for a choice: of the whole choice"""
    max: int | None
    """None: *"""
    choice: str | None = None
    """"value" for value[x]"""
    summary: bool = False
    modifier: bool = False
    trial: bool = False
    """for trial use, though its type is normative"""
    targets: tuple[str, ...] = ()
    """types that a Reference or canonical may point to; empty: any"""
    binding: Binding | None = None
    primitive: bool = False
    """a JSON string, number or boolean"""
    bare: bool = False
    """an attribute of the JSON object itself (id, Extension.url): never has a `_name` sibling, an attribute in XML"""

    @property
    def repeats(self) -> bool:
        """JSON array"""
        return self.max != 1

    @property
    def sibling(self) -> str | None:
        """`_name`, where id and extensions of a primitive stand; None for what cannot have them."""
        return "_" + self.name if self.primitive and not self.bare and self.type != "xhtml" else None


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type: `json` is "string", "boolean", "integer" or "decimal"; `pattern` R4's own regular expression."""

    name: str
    base: str
    json: str
    pattern: str | None


@dataclass(frozen=True, slots=True)
class Component:
    """SearchParameter.component: `definition` is the url of the parameter, `expression` relative to the composite's."""

    definition: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One SearchParameter; `targets` are resource types, `description` R4's sentence (by type where it differs by type)."""

    code: str
    url: str
    base: tuple[str, ...]
    type: str
    expression: str | None = None
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    comparators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    multiple_or: bool = True
    multiple_and: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class Compartment:
    """CompartmentDefinition: resource type → search parameter codes that link it; a type without any is not in it."""

    code: str
    url: str
    resources: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class OperationParameter:
    """OperationDefinition.parameter; `use` is "in" or "out", `max` None is *."""

    name: str
    use: str
    min: int
    max: int | None
    type: str | None = None
    targets: tuple[str, ...] = ()
    search_type: str | None = None
    parts: tuple["OperationParameter", ...] = ()


@dataclass(frozen=True, slots=True)
class OperationDefinition:
    """One OperationDefinition: what may be called where, and with what."""

    code: str
    url: str
    name: str
    kind: str
    resource: tuple[str, ...]
    system: bool
    type: bool
    instance: bool
    affects_state: bool
    parameters: tuple[OperationParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """An invariant of R4: `path` is the element that it constrains, `expression` FHIRPath, `human` R4's sentence."""

    key: str
    path: str
    severity: str
    expression: str
    human: str


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of a code system; `parents` are codes, `abstract` is R4's notSelectable."""

    code: str
    display: str | None
    parents: tuple[str, ...] = ()
    abstract: bool = False


@dataclass(frozen=True, slots=True)
class CodeSystem:
    url: str
    version: str | None
    name: str
    content: str
    case_sensitive: bool
    concepts: Mapping[str, Concept]
