"""Places within a distance: `near` of a Location.

http://hl7.org/fhir/R4/location.html#search

Distances are great circles on a sphere of the Earth's mean radius: up to half a per cent from those on the ellipsoid.
"""

from math import asin, cos, isfinite, pi, radians, sin

from fhir_server.search.query import Near, Point
from fhir_server.storage.sql.compare import packed
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import POINT, Names
from fhir_server.storage.sql.text import FALSE, TRUE, Sql, all_of, any_of

EARTH_RADIUS = 6_371_008.8
"""Metres: the mean radius R₁ of the International Union of Geodesy and Geophysics."""
MARGIN = 1e-9
"""Radians, six millimetres: what rounding may move a place. The box is wider by it, the distance decides."""


def metres(dialect: Dialect, latitude: str, longitude: str, place: tuple[float, float]) -> Sql:
    """The distance between the place and the one that two expressions give in degrees (haversine)."""
    south, west = (dialect.small(f"({degrees} - ?)") for degrees in (latitude, longitude))
    square = (
        f"sqrt(pow(sin(radians({south}) / 2), 2)"
        f" + cos(radians({dialect.small(latitude)})) * ? * pow(sin(radians({west}) / 2), 2))"
    )
    return Sql(
        f"({2 * EARTH_RADIUS} * asin({dialect.least('1.0', square)}))",
        (place[0], cos(radians(place[0])), place[1]),
    )


def on_table(dialect: Dialect, names: Names, node: Near, type_: str, alias: str) -> Sql:
    """The condition on a row of `point`: within the box, which the key begins with, and within the distance."""
    entry, within = names.of_entry(type_, node.param, Point), box(node)
    if entry is None or within is None:
        return FALSE
    (south, north), longitudes = within
    return all_of(
        [
            Sql(f"{alias}.entry = ? AND {alias}.latitude BETWEEN ? AND ?", (entry, south, north)),
            any_of([Sql(f"{alias}.longitude BETWEEN ? AND ?", each) for each in longitudes]) if longitudes else TRUE,
            metres(dialect, f"{alias}.latitude", f"{alias}.longitude", (node.latitude, node.longitude))
            + Sql(" <= ?", (node.metres,)),
        ]
    )


def on_packed(dialect: Dialect, node: Near, element: str) -> Sql:
    """The condition on one row of the packed entries, a JSON array."""
    if box(node) is None:
        return FALSE
    place = (node.latitude, node.longitude)
    return distance(dialect, element, place) + Sql(" <= ?", (node.metres,))


def distance(dialect: Dialect, element: str, place: tuple[float, float]) -> Sql:
    """Metres between the place and a row of the packed entries."""
    latitude, longitude = (packed(dialect, POINT, column, element) for column in ("latitude", "longitude"))
    return metres(dialect, latitude, longitude, place)


Range = tuple[float, float]


def box(node: Near) -> tuple[Range, list[Range]] | None:
    """(south, north) and the longitudes, in degrees, that hold all places within the distance; no longitudes: all of them.

    One that crosses the antimeridian has two ranges; one that holds a pole has all. None where the node's place is none.
    """
    if not (isfinite(node.latitude) and isfinite(node.longitude) and node.metres >= 0 and abs(node.latitude) <= 90):
        return None
    around = min(node.metres / EARTH_RADIUS, pi) + MARGIN
    reach = around / pi * 180
    south, north = node.latitude - reach, node.latitude + reach
    if south <= -90 or north >= 90:
        return (south, north), []
    width = asin(min(1.0, sin(around) / cos(radians(node.latitude)))) / pi * 180 + MARGIN
    west, east = _turned(node.longitude - width), _turned(node.longitude + width)
    return (south, north), [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def _turned(longitude: float) -> float:
    """The same meridian between -180 and 180."""
    return (longitude + 180) % 360 - 180
