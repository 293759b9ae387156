"""Token search parameters: codes, identifiers, contact points, booleans; `:text` on the words that go with them.

http://hl7.org/fhir/R4/search.html#token

Codes are compared with their case where the code system is known to mind it, and without it otherwise: when in doubt,
servers should not tell cases apart. Index and search fold by the same rule, so that an entry shows by its system how to compare it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from fhir_server.definitions import Binding, definitions
from fhir_server.search.folding import fold
from fhir_server.search.query import Compare, Identifier, IndexEntry, Op, Text, Token
from fhir_server.search.types.reading import Alternatives, Reading, split, unescape

Add = Callable[[IndexEntry], None]

MODIFIERS = frozenset({"not", "text", "above", "below", "in", "not-in"})
OF_TYPE, BELOW = ":of-type", ":below"
"""Added to a parameter's code: entries of their own for identifiers by their type, and for MIME types without parameters."""
MEDIA_TYPES = "http://hl7.org/fhir/ValueSet/mimetypes"
MEDIA_TYPE_SYSTEM = "urn:ietf:bcp:13"
UCUM = "http://unitsofmeasure.org"
UNSYSTEMATIC = frozenset({"ContactPoint", "uri", "boolean", "id", "string", "dateTime"})
"""Types of elements that have no system: `|` is no part of their search values."""


@cache
def case_sensitive() -> frozenset[str]:
    """The code systems whose codes differ by case: those of R4's definitions that say so, and UCUM."""
    return definitions().case_sensitive | {UCUM}


def folded(system: str, code: str) -> str:
    """The code as it is compared within its system."""
    return code if system in case_sensitive() else code.lower()


def coding(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    code, system, display = value.get("code"), value.get("system", ""), value.get("display")
    if code is not None or system:
        add(IndexEntry(param, Token(system, folded(system, code or "")), group))
    if display is not None:
        add(IndexEntry(param, Text(fold(display)), group))


def codeable_concept(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    """Each coding, and each different text of the concept once."""
    text = value.get("text")
    for one in value.get("coding", ()):
        code, system, display = one.get("code"), one.get("system", ""), one.get("display")
        if code is not None or system:
            add(IndexEntry(param, Token(system, folded(system, code or "")), group))
        if display is not None and display != text:
            add(IndexEntry(param, Text(fold(display)), group))
    if text is not None:
        add(IndexEntry(param, Text(fold(text)), group))


def identifier(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    code, system = value.get("value"), value.get("system", "")
    if code is not None or system:
        add(IndexEntry(param, Token(system, folded(system, code or "")), group))
    kind = value.get("type")
    if kind is None:
        return
    if (text := kind.get("text")) is not None:
        add(IndexEntry(param, Text(fold(text)), group))
    if code is not None:
        for one in kind.get("coding", ()):
            add(IndexEntry(param + OF_TYPE, _typed(one.get("system", ""), one.get("code", ""), code), group))


def _typed(system: str, type_: str, value: str) -> Token:
    """An identifier by its type: `:of-type` does not know the identifier's own system, so the case of its value is not minded."""
    return Token(f"{system}|{folded(system, type_)}", value.lower())


def contact_point(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    if (text := value.get("value")) is not None:
        add(IndexEntry(param, Token("", text.lower()), group))


def boolean(add: Add, param: str, value: bool, group: int) -> None:
    add(IndexEntry(param, Token("", "true" if value else "false"), group))


def exact(add: Add, param: str, value: str, group: int) -> None:
    """URIs and ids: as they stand."""
    add(IndexEntry(param, Token("", value), group))


def text(add: Add, param: str, value: str, group: int) -> None:
    """A string: without its case."""
    add(IndexEntry(param, Token("", value.lower()), group))


def code(add: Add, param: str, value: str, group: int, systems: Mapping[str, str] | str = "") -> None:
    """A code: its system is what its binding implies."""
    system = systems if isinstance(systems, str) else systems.get(value, "")
    add(IndexEntry(param, Token(system, folded(system, value)), group))


def media_type(add: Add, param: str, value: str, group: int) -> None:
    """A MIME type, and the same without its parameters: `text/xml; charset=UTF-8` is below `text/xml`."""
    plain = value.lower()
    add(IndexEntry(param, Token(MEDIA_TYPE_SYSTEM, plain), group))
    base, mark, _ = plain.partition(";")
    if mark:
        add(IndexEntry(param + BELOW, Token(MEDIA_TYPE_SYSTEM, base.strip()), group))


def is_media_type(binding: Binding | None) -> bool:
    return binding is not None and binding.value_set.partition("|")[0] == MEDIA_TYPES


CONVERTERS: Mapping[str, Callable[..., None]] = {
    "Coding": coding,
    "CodeableConcept": codeable_concept,
    "Identifier": identifier,
    "ContactPoint": contact_point,
    "boolean": boolean,
    "code": code,
    "string": text,
    "uri": exact,
    "id": exact,
}


@cache
def implied_systems(binding: Binding | None) -> Mapping[str, str] | str:
    """The system of a bound code: one for all, or one for each code; "" where the value set cannot be listed."""
    if is_media_type(binding):
        return MEDIA_TYPE_SYSTEM
    codes = (
        definitions().value_set_codes(binding.value_set)
        if binding is not None and binding.strength == "required"
        else None
    )
    if not codes:
        return ""
    systems = {system for system, _ in codes}
    return systems.pop() if len(systems) == 1 else {code: system for system, code in sorted(codes)}


@cache
def minds_case(binding: Binding | None) -> bool:
    """All codes of the binding are of systems that mind the case."""
    systems = implied_systems(binding)
    return bool(systems) and case_sensitive().issuperset((systems,) if isinstance(systems, str) else systems.values())


def alternatives(value: str, modifier: str, reading: Reading) -> Alternatives:
    """`code`, `system|code`, `|code` (no system), `system|` (any code of it). Raises BadRequest."""
    if modifier == "text":
        return ((Compare(Text, "folded", Op.WORDS, fold(unescape(value))),),)
    pieces = [unescape(piece) for piece in split(value, "|")]
    if len(pieces) > 2:
        raise reading.wrong(
            f"{value[:64]!r} has more than one |: expected [code], [system]|[code], |[code] or [system]|"
        )
    if len(pieces) == 1:
        return ((Compare(Token, "code", Op.EQ, pieces[0]),),) if reading.exact else any_system(Token, pieces[0])
    if reading.types and reading.types <= UNSYSTEMATIC:
        raise reading.wrong(r"its elements have no system: give the value alone (a | within it is written \|)")
    return (_pair(*pieces),)


def of_type(value: str, reading: Reading) -> tuple[Compare, ...]:
    """`system|code|value`: an identifier with that value whose type has that coding. Raises BadRequest."""
    pieces = [unescape(piece) for piece in split(value, "|")]
    if len(pieces) != 3 or not all(pieces):
        raise reading.wrong(f"{value[:64]!r}: :of-type needs all of [system]|[code]|[value]")
    wanted = _typed(*pieces)
    return (Compare(Token, "system", Op.EQ, wanted.system), Compare(Token, "code", Op.EQ, wanted.code))


def concept(value: str, reading: Reading) -> tuple[str, str]:
    """(system, code) of `[system]|[code]`, or of `[code]` with system "". Raises BadRequest."""
    pieces = [unescape(piece) for piece in split(value, "|")]
    if len(pieces) > 2 or not pieces[-1]:
        raise reading.wrong(f"{value[:64]!r} is no concept: expected [system]|[code] or [code]")
    return (pieces[0] if len(pieces) > 1 else "", pieces[-1])


@cache
def _folding(kind: type[Token | Identifier]) -> Compare:
    """The entry's system is one that does not mind the case."""
    return Compare(kind, "system", Op.NONE, "\n".join(sorted(case_sensitive())))


def any_system(kind: type[Token | Identifier], code_: str) -> Alternatives:
    """The code in systems that mind the case, and folded in those that do not."""
    as_it_is, lower = (Compare(kind, "code", Op.EQ, form) for form in (code_, code_.lower()))
    return ((as_it_is,),) if lower == as_it_is else ((as_it_is,), (lower, _folding(kind)))


def _pair(system: str, code_: str) -> tuple[Compare, ...]:
    if not code_:
        return (Compare(Token, "system", Op.EQ, system),)
    return (Compare(Token, "system", Op.EQ, system), Compare(Token, "code", Op.EQ, folded(system, code_)))
