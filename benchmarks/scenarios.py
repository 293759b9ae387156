"""What is measured, each a stream of requests: reads, searches, creates, updates, transactions, import."""

import itertools
import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks import data
from benchmarks.generator import request

Requests = Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store holds, sampled over HTTP: ids to read, values to search by."""

    patients: list[str]
    families: list[str]
    codes: list[str]

    @classmethod
    def sample(cls, port: int) -> "Loaded":
        patients = _search(port, "Patient?_count=200")
        observations = _search(port, "Observation?_count=500&_elements=code")
        codes = {c["system"] + "|" + c["code"] for o in observations for c in o["code"].get("coding", [])[:1]}
        families = {name["family"] for p in patients for name in p["name"][:1]}
        return cls([p["id"] for p in patients], sorted(families), sorted(codes))


def _search(port: int, query: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/fhir/{query}") as answer:
        return [entry["resource"] for entry in json.load(answer).get("entry", [])]


def _cycled(paths: list[str]) -> Requests:
    random.Random(1).shuffle(paths)
    sent = itertools.cycle([request("GET", path) for path in paths])
    return lambda: next(sent)


def reads(loaded: Loaded) -> Requests:
    return _cycled([f"/fhir/Patient/{id_}" for id_ in loaded.patients])


def searches_by_family(loaded: Loaded) -> Requests:
    return _cycled([f"/fhir/Patient?family={quote(family)}&_count=20" for family in loaded.families])


def searches_by_code(loaded: Loaded) -> Requests:
    return _cycled([f"/fhir/Observation?code={quote(code)}&_count=20" for code in loaded.codes])


def searches_by_patient_and_code(loaded: Loaded) -> Requests:
    pairs = itertools.islice(zip(itertools.cycle(loaded.patients), itertools.cycle(loaded.codes), strict=False), 499)
    return _cycled([f"/fhir/Observation?patient={patient}&code={quote(code)}" for patient, code in pairs])


def searches_by_three_tokens(loaded: Loaded) -> Requests:
    return _cycled(
        [
            f"/fhir/Observation?status=final&category=laboratory,vital-signs&code={quote(c)}&_count=20"
            for c in loaded.codes
        ]
    )


def creates_of_observations(loaded: Loaded) -> Requests:
    bodies = [json.dumps(data.observation(loaded.patients[n % len(loaded.patients)], n)).encode() for n in range(500)]
    sent = itertools.cycle([request("POST", "/fhir/Observation", body, Prefer="return=minimal") for body in bodies])
    return lambda: next(sent)


def creates_of_patients(_loaded: Loaded) -> Requests:
    bodies = [json.dumps(data.patient(10_000 + n)).encode() for n in range(500)]
    sent = itertools.cycle([request("POST", "/fhir/Patient", body, Prefer="return=minimal") for body in bodies])
    return lambda: next(sent)


def updates(_loaded: Loaded) -> Requests:
    """Each request changes one element of one of 500 Observations."""

    def bodies() -> Iterator[bytes]:
        for number in itertools.count():
            id_ = f"bench-{number % 500}"
            body = data.observation("bench", number % 500) | {"id": id_}
            body["valueQuantity"]["value"] = number
            yield request("PUT", f"/fhir/Observation/{id_}", json.dumps(body).encode(), Prefer="return=minimal")

    sent = bodies()
    return lambda: next(sent)


def small_transactions(_loaded: Loaded) -> Requests:
    bodies = [data.made(20_000 + n, observations=1) for n in range(500)]
    sent = itertools.cycle([request("POST", "/fhir", body, Prefer="return=minimal") for body in bodies])
    return lambda: next(sent)


SCENARIOS: tuple[tuple[str, Callable[[Loaded], Requests]], ...] = (
    ("read Patient by id", reads),
    ("search Patient?family, 20", searches_by_family),
    ("search Observation?code, 20", searches_by_code),
    ("search patient & code", searches_by_patient_and_code),
    ("search three tokens, 20", searches_by_three_tokens),
    ("create Observation", creates_of_observations),
    ("create Patient", creates_of_patients),
    ("update Observation", updates),
    ("small transaction (2)", small_transactions),
)
