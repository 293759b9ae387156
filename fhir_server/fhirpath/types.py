"""What FHIRPath asks about types: members of a type, subtypes, type specifiers such as `FHIR.Patient`.

http://hl7.org/fhirpath/N1/#types and http://hl7.org/fhir/R4/fhirpath.html#types
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fhir_server.definitions import Element, definitions
from fhir_server.fhirpath.temporal import Kind

__all__ = [
    "SYSTEM",
    "TEMPORAL",
    "Element",
    "Type",
    "element",
    "element_name",
    "is_primitive",
    "is_resource",
    "is_subtype",
    "known",
    "members",
    "specifier",
]

TEMPORAL: Final[dict[str, Kind]] = {"date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time"}
"""FHIR's primitives that become a Date, DateTime or Time of the language."""

SYSTEM: Final = frozenset({"Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"})


@dataclass(frozen=True, slots=True)
class Type:
    """A type by namespace (`FHIR` or `System`) and name; what `type()` gives, with `namespace` and `name` as members."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"


@lru_cache(maxsize=4096)
def known(type: str) -> bool:  # noqa: A002  # FHIR's word, here and below
    """Whether R4 has this type, abstract and inline ones included."""
    try:
        definitions().base(type)
    except KeyError:
        return False
    return True


def is_resource(type: str) -> bool:  # noqa: A002
    return definitions().is_resource(type)


@lru_cache(maxsize=4096)
def is_primitive(type: str) -> bool:  # noqa: A002
    return type == "xhtml" or definitions().is_primitive(type)


@lru_cache(maxsize=4096)
def is_subtype(type: str, of: str) -> bool:  # noqa: A002
    """Whether `type` is `of` or derives from it; False where R4 does not know `type`."""
    return type == of or (known(type) and definitions().is_a(type, of))


@lru_cache(maxsize=8192)
def members(type: str, name: str) -> tuple[Element, ...]:  # noqa: A002
    """The elements that `name` means in `type`: one, or all JSON names of a choice; none where there is no such element."""
    try:
        table = definitions().elements(type)
    except KeyError:
        return ()
    found = table.get(name)
    if found is not None:
        return () if found.choice else (found,)
    return tuple(element for element in table.values() if element.choice == name)


@lru_cache(maxsize=8192)
def element(type: str, key: str) -> Element | None:  # noqa: A002
    """The element with the JSON name `key`."""
    try:
        return definitions().elements(type).get(key)
    except KeyError:
        return None


def element_name(type: str, key: str) -> str:  # noqa: A002
    """The name that FHIRPath has for the JSON name `key`: `value` for `valueQuantity`."""
    found = element(type, key)
    return found.choice if found and found.choice else key


def specifier(names: tuple[str, ...]) -> Type | None:
    """The type that `names` (`Patient`, `FHIR.Patient`, `System.String`) specifies; FHIR's before the language's.

    None for a name that neither has; a name that is qualified with System is taken as it is.
    """
    if len(names) == 2 and names[0] == "System":
        return Type("System", names[1])
    if len(names) > 1 and names[0] == "FHIR":
        names = names[1:]
        return Type("FHIR", ".".join(names)) if known(".".join(names)) else None
    name = ".".join(names)
    if known(name):
        return Type("FHIR", name)
    return Type("System", name) if name in SYSTEM else None
