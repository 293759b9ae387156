"""What a terminology server has answered, read: Parameters, expansions, refusals.

http://hl7.org/fhir/R4/parameters.html and http://hl7.org/fhir/R4/valueset.html#expansion
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fhir_server.concepts import Concept, Designation
from fhir_server.outcome import BadRequest, Unavailable
from fhir_server.terminology.remote.answers import Reply

Json = Mapping[str, Any]

_INCOMPLETE: Final = ("valueset-unclosed", "valueset-toocostly")
_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/"
_SHOWN: Final = frozenset({"too-costly", "not-found", "not-supported"})


def required(reply: Reply) -> Json:
    """The resource of an answer. Raises BadRequest for a refusal, with the code that it has."""
    if not reply.good:
        raise refused(reply)
    return reply.resource


def refused(reply: Reply) -> BadRequest:
    code = reply.code if reply.code in _SHOWN else "processing"
    return BadRequest(f"the remote terminology server refuses ({reply.status} {reply.code})", code=code)


def expansion(resource: Json) -> Json:
    """Raises BadRequest for one that is not whole."""
    found = resource.get("expansion")
    if not isinstance(found, Mapping):
        raise Unavailable("the remote terminology server has sent no expansion")
    for each in objects(found.get("extension")):
        if str(each.get("url")).removeprefix(_EXTENSION) in _INCOMPLETE and each.get("valueBoolean") is not False:
            raise BadRequest("the remote terminology server cannot list all members", code="too-costly")
    return found


def flat(contains: Any) -> Iterable[Json]:
    """The members, without those that only group others."""
    waiting = list(reversed(objects(contains)))
    while waiting:
        each = waiting.pop()
        if isinstance(each.get("code"), str):
            yield {name: value for name, value in each.items() if name != "contains"}
        waiting += reversed(objects(each.get("contains")))


def concept(row: Json) -> Concept:
    display = row.get("display")
    return Concept(
        row["code"],
        display if isinstance(display, str) else None,
        designations=tuple(
            Designation(str(each.get("value", "")), each.get("language")) for each in objects(row.get("designation"))
        ),
        inactive=row.get("inactive") is True,
        abstract=row.get("abstract") is True,
    )


def objects(found: Any) -> list[Json]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def parts(resource: Json, name: str) -> list[Json]:
    """The parts of each parameter of this name, as Parameters."""
    return [{"parameter": each.get("part")} for each in _named(resource, name)]


def value(resource: Json, name: str) -> Any:
    """The value of the first parameter of this name; None without one."""
    found = next(iter(_named(resource, name)), {})
    return next((value for key, value in found.items() if key.startswith("value")), None)


def _named(resource: Json, name: str) -> list[Json]:
    return [each for each in objects(resource.get("parameter")) if each.get("name") == name]
