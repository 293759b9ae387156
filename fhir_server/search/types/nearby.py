"""The special parameter `near`: places within a distance of another place.

http://hl7.org/fhir/R4/location.html#search
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from fhir_server.fhirpath.units import unit
from fhir_server.search.query import IndexEntry, Near, Point
from fhir_server.search.types.reading import Reading, split, unescape

Add = Callable[[IndexEntry], None]

DEFAULT = 10_000.0
"""Metres, where no distance is given: R4 leaves it to the server what is near."""
UNITS: Mapping[str, float] = {"": 1000.0, "kms": 1000.0, "mi": 1609.344, "[mi_us]": 6_336_000 / 3937, "[nmi_i]": 1852.0}
"""Metres in units that people write, and in those of UCUM that the table of units does not have."""
MAX_NUMBER = 40


def position(add: Add, param: str, value: Mapping[str, Any], group: int) -> None:
    """A place on Earth; numbers that are none (latitude 91) cannot be near to anything."""
    latitude, longitude = value.get("latitude", 91), value.get("longitude", 181)
    if -90 <= latitude <= 90 and -180 <= longitude <= 180:
        add(IndexEntry(param, Point(float(latitude), float(longitude)), group))


CONVERTERS: Mapping[str, Callable[..., None]] = {"Location.position": position}


def near(param: str, value: str, reading: Reading) -> Near:
    """`latitude|longitude`, with `|distance` and `|units` (a length in UCUM; km where there is none). Raises BadRequest."""
    pieces = [unescape(piece).strip() for piece in split(value, "|")]
    if not 2 <= len(pieces) <= 4:
        raise reading.wrong(f"{value[:64]!r} has not the form [latitude]|[longitude]|[distance]|[units]")
    latitude = _number(pieces[0], "latitude", (-90.0, 90.0), reading)
    longitude = _number(pieces[1], "longitude", (-180.0, 180.0), reading)
    distance, units = (*pieces[2:], "", "")[:2]
    if not distance:
        return Near(param, latitude, longitude, DEFAULT)
    metres = _number(distance, "distance", (0.0, 1e9), reading) * _metres(units, reading)
    return Near(param, latitude, longitude, metres)


def _number(text: str, what: str, limits: tuple[float, float], reading: Reading) -> float:
    low, high = limits
    try:
        number = float(text) if text.isascii() and len(text) <= MAX_NUMBER and "_" not in text else None
    except ValueError:
        number = None
    if number is None or not isfinite(number) or not low <= number <= high:
        raise reading.wrong(f"{text[:64]!r} is no {what}: expected a number from {low:g} to {high:g}")
    return number


def _metres(units: str, reading: Reading) -> float:
    if units in UNITS:
        return UNITS[units]
    known = unit(units)
    if known is None or known.powers != (("m", 1),):
        raise reading.wrong(f"{units[:64]!r} is no length: expected units of UCUM such as km, m or [mi_i]")
    return float(known.factor)
