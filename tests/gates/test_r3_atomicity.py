"""Gate R3: a transaction with a fault at any of its entries leaves every table as it was.

http://hl7.org/fhir/R4/http.html#transaction-response
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.gates.database import digest
from tests.http.server import running
from tests.http.wire import Wire

Entry = dict[str, Any]
SYSTEM = "urn:tests:atomicity"


@dataclass(slots=True)
class World:
    """A server with some patients in it: `ids` are there, two of them share the identifier `twin`."""

    wire: Wire
    database: Path
    chance: random.Random
    ids: list[str]
    number: int = 0

    def patient(self, **more: Any) -> dict[str, Any]:
        self.number += 1
        return {
            "resourceType": "Patient",
            "identifier": [{"system": SYSTEM, "value": f"new-{self.number}"}],
            "name": [{"family": f"Family{self.number}", "given": [self.chance.choice(["Ida", "Noor", "Åse"])]}],
            **more,
        }


def request(method: str, url: str, resource: dict[str, Any] | None = None, **more: str) -> Entry:
    return {"request": {"method": method, "url": url, **more}} | ({"resource": resource} if resource else {})


def parameters(path: str, value: str) -> dict[str, Any]:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", "valueCode": value},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


GOOD: tuple[Callable[[World, str], Entry], ...] = (
    lambda world, _id: request("POST", "Patient", world.patient()),
    lambda world, id_: request("PUT", f"Patient/{id_}", world.patient(id=id_)),
    lambda world, _id: request("PUT", f"Patient/put-{world.number}", world.patient(id=f"put-{world.number}")),
    lambda world, _id: request(
        "POST", "Patient", world.patient(), ifNoneExist=f"identifier={SYSTEM}|absent-{world.number}"
    ),
    lambda world, id_: request("PATCH", f"Patient/{id_}", parameters("Patient.gender", "other")),
    lambda _world, id_: request("DELETE", f"Patient/{id_}"),
    lambda _world, id_: request("GET", f"Patient/{id_}"),
    lambda world, id_: request(
        "POST",
        "Observation",
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": f"{SYSTEM}:{world.number}", "code": f"c{world.number}"}]},
            "subject": {"reference": f"Patient/{id_}"},
        },
    ),
)
BAD: dict[str, Callable[[World], Entry]] = {
    "a version that is not current": lambda world: request(
        "PUT", f"Patient/{world.ids[0]}", world.patient(id=world.ids[0]), ifMatch='W/"999"'
    ),
    "a patch of nothing": lambda _world: request("PATCH", "Patient/never", parameters("Patient.gender", "other")),
    "a patch that does not fit": lambda world: request(
        "PATCH", f"Patient/{world.ids[1]}", parameters("Patient.nosuch", "other")
    ),
    "a patch to what is not valid": lambda world: request(
        "PATCH", f"Patient/{world.ids[1]}", parameters("Patient.gender", "blue")
    ),
    "criteria with two matches": lambda world: request(
        "PUT", f"Patient?identifier={SYSTEM}|twin", world.patient(gender="other")
    ),
    "a conditional reference to nothing": lambda _world: request(
        "POST",
        "Observation",
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": f"Patient?identifier={SYSTEM}|nobody"},
        },
    ),
    "an invalid resource": lambda world: request("POST", "Patient", world.patient(colour="blue")),
    "a read of nothing": lambda _world: request("GET", "Patient/never"),
    "the same resource twice": lambda world: request(
        "PUT", f"Patient/{world.ids[-1]}", world.patient(id=world.ids[-1])
    ),
}


def bundle(world: World) -> list[Entry]:
    """A random transaction that would go through; each existing resource is written at most once."""
    ids = world.chance.sample(world.ids[2:-1], world.chance.randint(2, 9))
    return [world.chance.choice(GOOD)(world, id_) for id_ in ids]


def post(world: World, entries: list[Entry]) -> tuple[int, bytes]:
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
    answer = world.wire.request("POST", "/fhir", body)
    return answer.status, answer.body[:500]


@contextmanager
def a_world(folder: Path, seed: int) -> Iterator[World]:
    database = folder / "fhir.db"
    with running("--store", f"sqlite:///{database}", cwd=folder) as server, Wire(server.port) as wire:
        world = World(wire, database, random.Random(seed), [f"p{n}" for n in range(16)])
        refill(world)
        twins = [request("POST", "Patient", _twin()), request("POST", "Patient", _twin())]
        assert post(world, twins)[0] == 200
        yield world


def _twin() -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": "twin"}]}


def refill(world: World) -> None:
    """Brings back what transactions have deleted."""
    entries = [request("PUT", f"Patient/{id_}", world.patient(id=id_, gender="female")) for id_ in world.ids]
    assert post(world, entries)[0] == 200


def faults(world: World, bundles: int) -> int:
    """Posts each random Bundle once for each place of a fault, then without one. Returns how many were refused."""
    refused = 0
    for _ in range(bundles):
        good = bundle(world)
        before = digest(world.database)
        for place in range(len(good) + 1):
            name = world.chance.choice(list(BAD))
            bad = BAD[name](world)
            entries = [*good[:place], bad, *good[place:]]
            if name == "the same resource twice":
                entries.append(bad)
            status, said = post(world, entries)
            assert 400 <= status < 500, (name, said)
            assert digest(world.database) == before, (name, place, said)
            refused += 1
        status, said = post(world, good)
        assert status == 200, said
        refill(world)
    return refused


def test_fault_at_each_entry_changes_nothing(tmp_path: Path) -> None:
    with a_world(tmp_path, 20261122) as world:
        assert faults(world, 25) > 100


@pytest.mark.slow
def test_fault_at_each_entry_of_thousands_changes_nothing(tmp_path: Path, soak: float) -> None:
    """A new world every fifty Bundles: every row is hashed after every fault."""
    refused, until = 0, time.monotonic() + soak
    for seed in count():
        folder = tmp_path / str(seed)
        folder.mkdir()
        with a_world(folder, seed) as world:
            refused += faults(world, 50)
        if refused >= 10_000 and time.monotonic() >= until:
            break
