"""Content negotiation: the format of an answer, from `_format` or the Accept header.

http://hl7.org/fhir/R4/http.html#mime-type and #parameters

`_format` overrides Accept. A client that asks with a generic type (application/json, text/xml) gets that type back; the
content is the same. Browsers (text/html) get JSON: this server draws no pages of resources. Nothing that fits: 406.
"""

from dataclasses import dataclass
from typing import Final

from fhir_server.outcome import NotAcceptable, UnsupportedMediaType

FHIR_VERSIONS: Final = ("4.0", "4.0.1")
"""Values of the MIME type parameter fhirVersion that mean this release. http://hl7.org/fhir/R4/http.html#version-parameter"""


@dataclass(frozen=True, slots=True)
class Format:
    """How an answer is written: `xml` or JSON, and the Content-Type that says so."""

    xml: bool
    content_type: bytes


def _format(media_type: str, *, xml: bool, version: str = "") -> Format:
    suffix = f"; fhirVersion={version}" if version else ""
    return Format(xml, f"{media_type}; charset=utf-8{suffix}".encode())


JSON: Final = _format("application/fhir+json", xml=False)
XML: Final = _format("application/fhir+xml", xml=True)

MEDIA_TYPES: Final[dict[str, tuple[str, bool]]] = {
    "application/fhir+json": ("application/fhir+json", False),
    "application/fhir+xml": ("application/fhir+xml", True),
    "application/json": ("application/json", False),
    "application/xml": ("application/xml", True),
    "text/json": ("text/json", False),
    "text/xml": ("text/xml", True),
    "application/json+fhir": ("application/fhir+json", False),  # the names of DSTU2, still sent by old clients
    "application/xml+fhir": ("application/fhir+xml", True),
    "text/html": ("application/fhir+json", False),
    "application/xhtml+xml": ("application/fhir+json", False),
}
"""A type that may be asked for → (the type that is sent, whether it is XML)."""

_WILD: Final = {"*/*": "application/fhir+json", "application/*": "application/fhir+json", "text/*": "text/json"}
_SHORT: Final = {"json": "application/fhir+json", "xml": "application/fhir+xml", "html": "text/html"}
_SUPPORTED: Final = "application/fhir+json and application/fhir+xml (fhirVersion=4.0)"

_remembered: dict[str, Format] = {}


def negotiate(accept: str, asked: str | None) -> Format:
    """The format for this Accept header ("" where it is absent) and this `_format` (None where it is absent)."""
    if asked is not None:
        return _named(asked)
    if not accept:
        return JSON
    found = _remembered.get(accept)
    if found is None:
        found = _accepted(accept)
        if len(_remembered) < 512 and len(accept) < 512:
            _remembered[accept] = found
    return found


def _named(asked: str) -> Format:
    """The format that `_format` names; the `+` of a media type may have become a space on the way."""
    media_type, parameters = media(asked)
    media_type = media_type.replace(" ", "+")
    media_type = _SHORT.get(media_type, media_type)
    media_type = _WILD.get(media_type, media_type)
    if media_type not in MEDIA_TYPES or not version_fits(parameters):
        raise NotAcceptable(f"_format={asked}: this server writes {_SUPPORTED}", expression="http._format")
    sent, xml = MEDIA_TYPES[media_type]
    return _format(sent, xml=xml, version=parameters.get("fhirversion", ""))


def _accepted(accept: str) -> Format:
    """RFC 9110 §12.5.1: the highest q wins; among equals a named type goes before a range, then the first listed."""
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    refused = {name for name, q, parameters in ranges if q == 0}
    offers: list[tuple[float, bool, int, Format]] = []
    for position, (name, q, parameters) in enumerate(ranges):
        media_type = _WILD.get(name, name)
        if q == 0 or media_type not in MEDIA_TYPES or not version_fits(parameters):
            continue
        if media_type in refused:  # `*/*, application/fhir+json;q=0`: a range does not bring back what is refused
            media_type = "application/fhir+xml" if "application/fhir+xml" not in refused else ""
            if not media_type:
                continue
        sent, xml = MEDIA_TYPES[media_type]
        chosen = _format(sent, xml=xml, version=parameters.get("fhirversion", ""))
        offers.append((-q, name in _WILD, position, chosen))
    if not offers:
        raise NotAcceptable(f"Accept: this server writes {_SUPPORTED}", expression="http.Accept")
    browser = any(name == "text/html" and q == 1 for name, q, _ in ranges)
    return JSON if browser else min(offers, key=lambda offer: offer[:3])[3]


def _range(part: str) -> tuple[str, float, dict[str, str]]:
    name, parameters = media(part)
    try:
        q = float(parameters.get("q", "1"))
    except ValueError:
        q = 0.0
    return name, q if 0 <= q <= 1 else 0.0, parameters


def media(text: str) -> tuple[str, dict[str, str]]:
    """A media type or range in lower case, and its parameters (names in lower case, values unquoted)."""
    name, *rest = text.split(";")
    parameters = {}
    for parameter in rest:
        key, _, value = parameter.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return name.strip().lower(), parameters


def version_fits(parameters: dict[str, str]) -> bool:
    """No fhirVersion is asked for, or R4's."""
    return parameters.get("fhirversion", "4.0") in FHIR_VERSIONS


def require_version(parameters: dict[str, str]) -> None:
    """Raises UnsupportedMediaType for a body that says it is of another FHIR release."""
    if not version_fits(parameters):
        raise UnsupportedMediaType(
            f"Content-Type: fhirVersion={parameters['fhirversion']} is not supported; this server speaks fhirVersion=4.0",
            expression="http.Content-Type",
        )


def content_wanted(accept: str, content_type: str) -> bool:
    """A read of Binary gets the content itself, and not the resource round it: no FHIR type is asked for by name.

    A generic type (application/json) still gets the resource where the content is of another type, since that fits.
    http://hl7.org/fhir/R4/binary.html#rest
    """
    names = {media(part)[0] for part in accept.split(",")} - {""}
    if any("fhir" in name for name in names):
        return False
    generic = {"application/json", "application/xml", "text/json", "text/xml"}
    return not names or not names <= generic or media(content_type)[0] in names
