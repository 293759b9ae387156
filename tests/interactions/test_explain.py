"""_explain: how a search was understood and executed."""

from pathlib import Path
from typing import Any

from fhir_server.context import Prefer
from fhir_server.validation import structure
from tests.interactions.client import Client, observation, patient, server


def parts(parameters: dict[str, Any], name: str) -> list[Any]:
    """The values of a name: those of value[x], or of its parts by name."""
    named = [each for each in parameters["parameter"] if each["name"] == name]
    return [{p["name"]: _value(p) for p in each["part"]} if "part" in each else _value(each) for each in named]


def _value(part: dict[str, Any]) -> Any:
    return next(value for name, value in part.items() if name.startswith("value"))


async def test_search_is_explained(client: Client) -> None:
    await client.put("Patient/a", patient("a", gender="male", name=[{"family": "Smith"}]))
    await client.put("Observation/o", {**observation("Patient/a"), "id": "o"})
    query = "Observation?subject:Patient.family=smith&_include=Observation:subject&_total=accurate&_explain=true"
    made = await client.get(query)
    assert structure.check(made) == ()
    (tree,) = parts(made, "tree")
    assert "subject" in tree
    assert "smith" in tree
    (plan,) = parts(made, "plan")
    assert plan.startswith("Observation: ")
    assert (parts(made, "include"), parts(made, "matches"), parts(made, "total")) == (
        ["_include=Observation:subject"],
        [1],
        [1],
    )
    statements = parts(made, "statement")
    assert {tuple(each) for each in statements} == {("text", "steps", "seconds")}
    assert parts(made, "steps") == [sum(each["steps"] for each in statements)]


async def test_what_was_ignored_is_said(client: Client) -> None:
    made = await client.get("Patient?nonsense=1&_explain=true", prefer=Prefer(handling="lenient"))
    (ignored,) = parts(made, "ignored")
    assert ignored.startswith("nonsense: ")


async def test_only_when_it_is_true(client: Client) -> None:
    assert (await client.get("Patient?_explain=false"))["resourceType"] == "Bundle"
    assert (await client.fails("GET", "Patient?_explain=maybe")).status == 400
    assert (await client.get("?_type=Patient,Observation&_explain=true"))["resourceType"] == "Parameters"


async def test_it_is_for_administrators(folder: Path) -> None:
    running = await server(folder, auth="smart")
    assert (await Client(running).fails("GET", "Patient?_explain=true")).status == 403
    await running.store.close()
