"""Quantities: a search in one unit finds what was written in another; codes and units as they stand."""

import pytest

from fhir_server.search.query import And, Match, Not, Op, Quantity
from fhir_server.storage.base import Store
from tests.storage.contract.shorthand import either, ids, quantity, save, save_each, where, write

UCUM = "http://unitsofmeasure.org"
LOCAL = "http://units.example.org"


def ucum(code: str, *tests: tuple[str, Op, float]) -> Match:
    return where("q", Quantity, *tests, ("system", Op.EQ, UCUM), ("code", Op.EQ, code))


def about(value: float, code: str, half: float) -> Match:
    """The value to the precision of its digits."""
    return ucum(code, ("low", Op.GE, value - half), ("high", Op.LT, value + half))


CASES: list[tuple[str, Match, list[str]]] = [
    ("the same unit and another", about(5.4, "g/dL", 0.05), ["dl", "kg", "l", "mg"]),
    ("the other way round", about(54, "g/L", 0.5), ["dl", "kg", "l", "mg"]),
    ("exactly at the bound", ucum("g/dL", ("low", Op.GE, 5.4)), ["dl", "heavy", "kg", "l", "mg"]),
    ("nothing above the bound", ucum("kg/m3", ("low", Op.GT, 54.0)), ["heavy"]),
    ("an odd factor at the bound", ucum("g/mL", ("high", Op.LE, 0.054)), ["dl", "kg", "l", "light", "mg"]),
    ("below", ucum("mg/dL", ("high", Op.LT, 5400.0)), ["light"]),
    ("scales with an offset", about(98.6, "[degF]", 0.05), ["warm"]),
    ("kelvin", about(310.15, "K", 0.005), ["warm"]),
    ("an annotation does not count", about(5.4, "g/dL{blood}", 0.05), ["dl", "kg", "l", "mg"]),
    ("a unit nobody used", about(0.0054, "kg/dL", 0.00005), ["dl", "kg", "l", "mg"]),
    ("another dimension", about(5.4, "g", 0.05), []),
    ("a code that UCUM does not have", about(5.4, "furlong", 0.05), ["furlong"]),
    ("the unit as written with it", where("q", Quantity, ("low", Op.EQ, 5.4), ("unit", Op.EQ, "g%")), ["plain"]),
    (
        "a system and a unit",
        where("q", Quantity, ("system", Op.EQ, UCUM), ("code", Op.EQ, "g/dL"), ("unit", Op.EQ, "gram per dl")),
        ["dl"],
    ),
    ("a code of any system", where("q", Quantity, ("low", Op.EQ, 5.4), ("code", Op.EQ, "g/dL")), ["dl", "local"]),
    ("another system", where("q", Quantity, ("system", Op.EQ, LOCAL), ("code", Op.EQ, "g/dL")), ["local"]),
    ("a system alone", where("q", Quantity, ("system", Op.EQ, LOCAL)), ["local"]),
    ("no system", where("q", Quantity, ("system", Op.EQ, ""), ("low", Op.GT, 0.0)), ["plain"]),
    ("a number alone", where("q", Quantity, ("low", Op.EQ, 5.4)), ["dl", "furlong", "local", "plain"]),
    ("unknown", where("q", Quantity, ("system", Op.EQ, "http://nowhere")), []),
    ("contradictory", where("q", Quantity, ("code", Op.EQ, "g/L"), ("code", Op.EQ, "g/dL")), []),
    ("commas", either(about(5.4, "g/dL", 0.05), about(37, "Cel", 0.5)), ["dl", "kg", "l", "mg", "warm"]),
]


async def kept(store: Store) -> None:
    await save(
        store,
        write("Observation/dl", quantity("q", 5.4, "g/dL", UCUM, "gram per dl")),
        write("Observation/l", quantity("q", 54, "g/L", UCUM)),
        write("Observation/mg", quantity("q", 5400, "mg/dL", UCUM)),
        write("Observation/kg", quantity("q", 0.054, "kg/L", UCUM)),
        write("Observation/heavy", quantity("q", 55, "g/L", UCUM)),
        write("Observation/light", quantity("q", 53, "g/L", UCUM)),
        write("Observation/warm", quantity("q", 37, "Cel", UCUM)),
        write("Observation/local", quantity("q", 5.4, "g/dL", LOCAL)),
        write("Observation/plain", quantity("q", 5.4, "", "", "g%")),
        write("Observation/furlong", quantity("q", 5.4, "furlong", UCUM)),
    )


@pytest.mark.parametrize(("node", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_quantities(store: Store, node: Match, found: list[str]) -> None:
    await kept(store)
    assert await ids(store, "Observation", node) == found
    everything = await ids(store, "Observation")
    assert await ids(store, "Observation", Not(node)) == sorted(set(everything) - set(found))
    assert await ids(store, "Observation", And((node, node))) == found


async def test_a_unit_that_comes_later_is_found_by_a_search_made_before(store: Store) -> None:
    asked = about(5.4, "g/dL", 0.05)
    for number, code in enumerate(("g/dL", "g/L", "mg/mL", "ug/mL"), 1):
        amount = {"g/dL": 5.4, "g/L": 54, "mg/mL": 54, "ug/mL": 54000}[code]
        await save(store, write(f"Observation/{number}", quantity("q", amount, code, UCUM)))
        assert len(await ids(store, "Observation", asked)) == number


async def test_the_unit_of_a_quantity_changes(store: Store) -> None:
    await save_each(
        store,
        write("Observation/1", quantity("q", 5.4, "g/dL", UCUM)),
        write("Observation/1", quantity("q", 5.4, "g/L", UCUM), number=2),
    )
    assert await ids(store, "Observation", about(5.4, "g/dL", 0.05)) == []
    assert await ids(store, "Observation", about(5.4, "g/L", 0.05)) == ["1"]
    assert await store.check() == []
