"""Gate R5: whatever arrives, no 5xx, an answer within 2 s, every error a valid OperationOutcome, memory bounded."""

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.formats import xml
from fhir_server.validation.structure import check
from tests.gates.database import resident
from tests.gates.fuzz import KINDS, Sent
from tests.http.server import Process, running
from tests.http.wire import Answer, Wire

SEED = 20261122
SLOWEST = 2.0
NOT_HTTP = b"Invalid HTTP request received."
"""What the HTTP parser below says to what is no HTTP (control characters in a header): no resource is asked for yet."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("fuzz")
    with running("--store", f"sqlite:///{folder / 'fhir.db'}", cwd=folder) as process:
        yield process


@pytest.fixture(scope="module")
def wire(server: Process) -> Iterator[Wire]:
    with Wire(server.port) as connection:
        patient = json.dumps({"resourceType": "Patient", "id": "there", "name": [{"family": "Fuzz"}]}).encode()
        assert connection.request("PUT", "/fhir/Patient/there", patient).status == 201
        yield connection


def fault(sent: Sent, answer: Answer) -> str | None:
    """What is wrong with this answer; None: nothing."""
    if answer.status >= 500 and answer.status != 501:
        return f"status {answer.status}"
    if answer.seconds > SLOWEST:
        return f"{answer.seconds:.1f} s"
    if answer.status == 400 and answer.body == NOT_HTTP:
        return None
    if answer.status >= 400 and sent.method != "HEAD":
        kind = answer.headers.get("content-type", "")
        try:
            outcome: Any = xml.from_xml(answer.body) if "xml" in kind else json.loads(answer.body)
        except Exception:  # noqa: BLE001 - whatever it is, it is no outcome
            return f"{answer.status} with {answer.body[:80]!r}"
        if outcome.get("resourceType") != "OperationOutcome" or check(outcome):
            return f"not a valid OperationOutcome: {check(outcome)}"
    return None


def send(wire: Wire, sent: Sent) -> Answer:
    return wire.request(sent.method, sent.target, sent.body, **sent.headers)


def fuzz(wire: Wire, kind: str, count: int, *, seed: int = SEED) -> list[str]:
    """Sends `count` requests of this kind; gives what was wrong, with the number that makes the request again."""
    found: list[str] = []
    for number in range(count):
        sent = KINDS[kind](random.Random(f"{kind}-{seed}-{number}"))
        try:
            wrong = fault(sent, send(wire, sent))
        except ConnectionError as error:
            wrong = f"{type(error).__name__}"
        if wrong:
            found.append(
                f"{kind}-{seed}-{number}: {wrong}: {sent.method} {sent.target[:200]!r} {(sent.body or b'')[:200]!r} {sent.headers}"
            )
            if len(found) >= 10:
                break
    return found


@pytest.mark.parametrize(("kind", "count"), [("json", 1_500), ("xml", 400), ("url", 800), ("header", 400)])
def test_hostile_requests_get_a_proper_answer(kind: str, count: int, wire: Wire, server: Process) -> None:
    fuzz(wire, kind, 50)
    before = resident(server.process.pid)
    assert fuzz(wire, kind, count) == []
    assert resident(server.process.pid) < 2 * before


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("json", 10_000), ("xml", 2_000), ("url", 5_000), ("header", 1_000)])
def test_thousands_of_hostile_requests_get_a_proper_answer(
    kind: str, count: int, wire: Wire, server: Process, soak: float
) -> None:
    fuzz(wire, kind, 200)
    before = resident(server.process.pid)
    assert fuzz(wire, kind, count) == []
    until, seed = time.monotonic() + soak / 4, SEED
    while time.monotonic() < until:
        seed += 1
        assert fuzz(wire, kind, 1_000, seed=seed) == []
    assert resident(server.process.pid) < 2 * before


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ELEMENTS = st.sampled_from(
    [
        "active",
        "name",
        "gender",
        "birthDate",
        "contained",
        "extension",
        "_gender",
        "meta",
        "id",
        "text",
        "contact",
        "link",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(ELEMENTS, values, max_size=5))
def test_any_json_gets_a_proper_answer(wire: Wire, elements: dict[str, Any]) -> None:
    body = json.dumps({"resourceType": "Patient", **elements}).encode()
    sent = Sent("POST", b"/fhir/Patient", body)
    assert fault(sent, send(wire, sent)) is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.sampled_from(["application/fhir+json", "application/fhir+xml"]))
def test_any_bytes_get_a_proper_answer(wire: Wire, body: bytes, kind: str) -> None:
    sent = Sent("POST", b"/fhir", body, {"Content_Type": kind})
    assert fault(sent, send(wire, sent)) is None
