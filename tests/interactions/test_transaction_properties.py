"""transaction: what holds for any bundle."""

import asyncio
import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.outcome import FhirError
from tests.interactions.client import Client, Json, bundle, entry, identified, observation, server

IDS = ("a", "b", "c")
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3}

values = st.sampled_from(["1", "2", "3"])


@st.composite
def writes(draw: st.DrawFn) -> Json:
    """An interaction without links, so that it means the same alone as in a Bundle."""
    id_, value, active = draw(st.sampled_from(IDS)), draw(values), draw(st.booleans())
    kind = draw(st.sampled_from(["put", "delete", "post", "create", "update", "remove", "match", "get"]))
    criteria = f"identifier=http://acme.org/mrn|{value}"
    match kind:
        case "put":
            return entry("PUT", f"Patient/{id_}", identified(value, id=id_, active=active))
        case "delete":
            return entry("DELETE", f"Patient/{id_}")
        case "post":
            return entry("POST", "Patient", identified(value, active=active))
        case "create":
            return entry("POST", "Patient", identified(value, active=active), ifNoneExist=criteria)
        case "update":
            return entry("PUT", f"Patient?{criteria}", identified(value, active=active))
        case "remove":
            return entry("DELETE", f"Patient?{criteria}")
        case "match":
            return entry("PUT", f"Patient/{id_}", identified(value, id=id_), ifMatch=draw(st.sampled_from(["1", "2"])))
    return entry("GET", f"Patient/{id_}")


Stored = list[tuple[str, Any, Any]]


async def contents(client: Client) -> Stored:
    """What is stored now: ids that the server chose are left out."""
    page = await client.get("Patient?_count=1000")
    found = []
    for each in page.get("entry", ()):
        resource = each["resource"]
        id_ = resource["id"] if resource["id"] in IDS else ""
        found.append((id_, resource["identifier"][0]["value"], resource.get("active")))
    return sorted(found, key=str)


async def one_by_one(client: Client, entries: list[Json]) -> None:
    """The entries in R4's order, conditions being decided before anything is written."""
    for each in sorted(entries, key=lambda e: ORDER[e["request"]["method"]]):
        request: Mapping[str, Any] = each["request"]
        await client.request(
            request["method"],
            request["url"],
            each.get("resource"),
            if_match=request.get("ifMatch"),
            if_none_exist=request.get("ifNoneExist"),
        )


async def compare(before: list[Json], entries: list[Json], folder: Path) -> None:
    outcomes: list[Stored | None] = []
    for number, way in enumerate(("transaction", "alone")):
        place = folder / str(number)
        place.mkdir()
        running = await server(place)
        client = Client(running)
        for each in before:
            await client.put(each["request"]["url"], each["resource"])
        versions = await client.everything()
        try:
            if way == "transaction":
                await client.post("", bundle("transaction", *copy.deepcopy(entries)))
            else:
                await one_by_one(client, copy.deepcopy(entries))
            outcomes.append(await contents(client))
        except FhirError:
            if way == "transaction":
                assert await client.everything() == versions
            outcomes.append(None)
        await running.store.close()
    conditional = [e for e in entries if "?" in e["request"]["url"] or "ifNoneExist" in e["request"]]
    urls = [e["request"]["url"] for e in entries if e["request"]["method"] in ("PUT", "DELETE")]
    if not conditional:
        assert outcomes[0] == (outcomes[1] if len(set(urls)) == len(urls) else None)
    elif (
        len([e for e in entries if e["request"]["method"] != "GET"]) == 1
    ):  # nobody else changes what the criteria match
        assert outcomes[0] == outcomes[1]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(st.sampled_from(IDS), unique=True).flatmap(
        lambda ids: st.tuples(*(st.builds(lambda v, i=i: (i, v), values) for i in ids))
    ),
    entries=st.lists(writes(), max_size=5),
)
def test_transaction_is_its_entries_in_order_or_nothing(
    folder: Path, before: tuple[tuple[str, str], ...], entries: list[Json]
) -> None:
    stored = [entry("PUT", f"Patient/{id_}", identified(value, id=id_)) for id_, value in before]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        asyncio.run(compare(stored, entries, Path(place)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), edges=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
def test_any_graph_of_links_in_any_order_is_resolved(
    folder: Path, order: list[int], edges: list[tuple[int, int]]
) -> None:
    """Observations that refer to each other (`hasMember`), circles and selves included."""
    urls = [f"urn:uuid:00000000-0000-4000-8000-{number:012}" for number in range(6)]
    resources = [observation("Patient/1", valueInteger=number) for number in range(6)]
    for source, target in edges:
        resources[source].setdefault("hasMember", []).append({"reference": urls[target]})

    async def run(place: Path) -> None:
        running = await server(place)
        client = Client(running)
        await client.transaction(*(entry("POST", "Observation", resources[n], urls[n]) for n in order))
        page = await client.get("Observation?_count=10")
        keys = {e["resource"]["valueInteger"]: f"Observation/{e['resource']['id']}" for e in page["entry"]}
        for each in page["entry"]:
            number = each["resource"]["valueInteger"]
            links = [member["reference"] for member in each["resource"].get("hasMember", ())]
            assert links == [keys[target] for source, target in edges if source == number]
        await running.store.close()

    with tempfile.TemporaryDirectory(dir=folder) as place:
        asyncio.run(run(Path(place)))
