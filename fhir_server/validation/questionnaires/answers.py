"""One answer against its question: type, options, length, bounds.

http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.type
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from fhir_server import references
from fhir_server.definitions import definitions
from fhir_server.fhirpath.units import unit
from fhir_server.outcome import Issue
from fhir_server.validation import metadata
from fhir_server.validation.codes import Codes
from fhir_server.validation.profiles.values import beyond
from fhir_server.validation.questionnaires.enabled import same, value_of

Json = Mapping[str, Any]
CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

TYPES: Final[dict[str, tuple[str, ...]]] = {
    "boolean": ("Boolean",),
    "decimal": ("Decimal",),
    "integer": ("Integer",),
    "date": ("Date",),
    "dateTime": ("DateTime",),
    "time": ("Time",),
    "string": ("String",),
    "text": ("String",),
    "url": ("Uri",),
    "choice": ("Coding",),
    "open-choice": ("Coding", "String"),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}
"""Item type → the types that its answers may have."""


def check(question: Json, answer: Json, codes: Codes, path: str) -> Iterator[Issue]:
    """What is wrong with an answer, which stands at `path`."""
    key = next((k for k in answer if k.startswith("value")), None)
    if key is None:
        return
    value, kind = answer[key], key.removeprefix("value")
    right = tuple(
        {str(o)[5:] for option in question.get("answerOption", ()) for o in option if str(o).startswith("value")}
    )
    allowed = (TYPES.get(str(question.get("type")), ()) if question.get("type") not in ("choice", "open-choice") or not right
               else (*right, "String") if question["type"] == "open-choice" else right)  # fmt: skip
    if allowed and kind not in allowed:
        text = f"the answer is a {kind}; a question of type {question.get('type')} takes {' or '.join(allowed)}"
        yield Issue("invariant", text, (f"{path}.value",))
        return
    if kind == "Uri" and isinstance(value, str) and (wrong := metadata.uuid_fault(value)):
        yield Issue("invalid", wrong, (f"{path}.value",))
    yield from _options(question, value, kind, codes, path)
    yield from _length(question, value, path)
    yield from _bounds(question, value, kind, path)
    if kind == "Quantity":
        yield from _units(question, value, path)
    if kind == "Reference":
        yield from _reference(question, value, path)
    if kind == "Attachment":
        yield from _attachment(question, value, path)


def extension(element: Json, *urls: str) -> Any:
    """The value of the first extension with one of these urls; None without one."""
    return next((value_of(e) for e in element.get("extension", ()) if e.get("url") in urls), None)


def _options(question: Json, value: Any, kind: str, codes: Codes, path: str) -> Iterator[Issue]:
    free = question.get("type") == "open-choice" and kind == "String"
    options = [value_of(option) for option in question.get("answerOption", ())]
    if options and not free and not any(same(value, option) for option in options):
        shown = ", ".join(_shown(option) for option in options[:10])
        yield Issue("invariant", f"{_shown(value)} is none of the options: {shown}", (f"{path}.value",))
    value_set = question.get("answerValueSet")
    if isinstance(value_set, str) and kind == "Coding" and "code" in value:
        coded = value.get("system", ""), value["code"]
        answer = codes.member(value_set, *coded)
        why = codes.why(value_set, *coded) if answer is None else ""
        if answer is False:
            yield Issue("code-invalid", f"{_shown(value)} is not in the value set {value_set}", (f"{path}.value",))
        elif why:
            text = f"whether it is in the value set {value_set} cannot be told here: {why}"
            yield Issue("not-found", text, (f"{path}.value",), "warning")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value.get('system', '')}|{value.get('code', value.get('reference', ''))}"
    return str(value)


def _length(question: Json, value: Any, path: str) -> Iterator[Issue]:
    if not isinstance(value, str):
        return
    most, least = question.get("maxLength"), extension(question, f"{CORE}minLength")
    if isinstance(most, int) and len(value) > most:
        yield Issue("too-long", f"{len(value)} characters; at most {most} are allowed", (f"{path}.value",))
    if isinstance(least, int) and len(value) < least:
        yield Issue("invariant", f"{len(value)} characters; at least {least} are needed", (f"{path}.value",))


def _bounds(question: Json, value: Any, kind: str, path: str) -> Iterator[Issue]:
    for name, least, word in (("min", True, "below the least"), ("max", False, "above the largest")):
        bound = extension(question, f"{CORE}{name}Value", f"{SDC}{name}Quantity")
        if bound is None:
            continue
        found = (
            _beyond_quantity(value, bound, least=least)
            if kind == "Quantity"
            else beyond(value, (kind, bound), least=least)
        )
        if found is None and kind == "Quantity":
            text = f"{_amount(value)} cannot be compared with {_amount(bound)}: both need UCUM units of one kind"
            yield Issue("invariant", text, (f"{path}.value",))
        elif found:
            shown = _amount(bound) if isinstance(bound, Mapping) else bound
            yield Issue("invariant", f"{_amount(value)} is {word} value allowed, {shown}", (f"{path}.value",))
    places = extension(question, f"{CORE}maxDecimalPlaces")
    if isinstance(places, int) and kind == "Decimal":
        exponent = Decimal(str(value)).as_tuple().exponent
        if isinstance(exponent, int) and -exponent > places:
            yield Issue(
                "invariant", f"{value} has {-exponent} decimal places; at most {places} are allowed", (f"{path}.value",)
            )


def _beyond_quantity(value: Json, bound: Json, *, least: bool) -> bool | None:
    """As `values.beyond`, across units of one kind."""
    here, there = unit(str(value.get("code", ""))), unit(str(bound.get("code", "")))
    if not (value.get("code") and bound.get("code") and here and there) or here.powers != there.powers:
        return None
    if "value" not in value or "value" not in bound:
        return None
    a, b = Decimal(str(value["value"])), Decimal(str(bound["value"]))
    left, right = a.as_integer_ratio(), b.as_integer_ratio()
    x, y = here.factor * left[0] / left[1], there.factor * right[0] / right[1]
    return x < y if least else x > y


def _amount(value: Any) -> str:
    return (
        f"{value.get('value')} {value.get('code') or value.get('unit') or ''}".strip()
        if isinstance(value, Mapping)
        else str(value)
    )


def _units(question: Json, value: Json, path: str) -> Iterator[Issue]:
    options = [value_of(e) for e in question.get("extension", ()) if e.get("url") == f"{CORE}questionnaire-unitOption"]
    if options and not any(
        o.get("code") == value.get("code") and o.get("system") == value.get("system") for o in options
    ):
        right = ", ".join(str(option.get("code")) for option in options)
        yield Issue(
            "invariant", f"the unit {value.get('code') or value.get('unit')} is none of: {right}", (f"{path}.value",)
        )


def _reference(question: Json, value: Json, path: str) -> Iterator[Issue]:
    literal = value.get("reference")
    if not isinstance(literal, str) or literal.startswith(("#", "urn:")):
        return
    target = references.parse(literal)
    parts = literal.rstrip("/").split("/")
    named = target.type if target is not None and target.type else parts[-2] if len(parts) > 1 else ""
    if named and not definitions().is_resource(named):
        yield Issue("invariant", f"{named[:64]!r}, in {literal[:100]}, is no resource type", (f"{path}.value",))
        return
    wanted = [
        value_of(e) for e in question.get("extension", ()) if e.get("url") == f"{CORE}questionnaire-referenceResource"
    ]
    if wanted and named and named not in wanted:
        yield Issue(
            "invariant", f"a reference to a {named}; the question asks for {' or '.join(wanted)}", (f"{path}.value",)
        )


def _attachment(question: Json, value: Json, path: str) -> Iterator[Issue]:
    most = extension(question, f"{CORE}maxSize")
    data = value.get("data")
    size = len(data) * 3 // 4 - data.count("=") if isinstance(data, str) else value.get("size")
    if isinstance(most, int | float) and isinstance(size, int) and size > most:
        yield Issue("too-long", f"the attachment has {size} bytes; at most {most} are allowed", (f"{path}.value",))
    kinds = [value_of(e) for e in question.get("extension", ()) if e.get("url") == f"{CORE}mimeType"]
    if kinds and value.get("contentType") not in kinds:
        yield Issue("invariant", f"{value.get('contentType')} is none of: {', '.join(kinds)}", (f"{path}.value",))
