"""Large resources: what they cost grows with their size, none keeps the others waiting, and what costs too much is refused.

http://hl7.org/fhir/R4/security.html
"""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gates.database import computed
from tests.http.server import Process, running

Tree = dict[str, Any]


def contained(n: int) -> Tree:
    """References among contained resources: ref-1 and dom-3."""
    held = [{"resourceType": "Organization", "id": f"o{i}", "name": "x"} for i in range(n)]
    links = [{"reference": f"#o{i}"} for i in range(n)]
    return {"resourceType": "Patient", "contained": held, "generalPractitioner": links}


def document(n: int) -> Tree:
    """References among the entries of a document."""
    entries = [entry(f"Patient/p{i}", {}) for i in range(n)]
    authors = [{"reference": f"http://x/Patient/p{i}"} for i in range(n)]
    said = {"status": "final", "type": {"text": "x"}, "date": "2026", "title": "x", "author": authors}
    rest = {"identifier": {"system": "urn:x", "value": "1"}, "timestamp": "2026-01-01T00:00:00Z"}
    return {"resourceType": "Bundle", "type": "document", **rest, "entry": [entry("Composition/c", said), *entries]}


def entry(key: str, said: Tree) -> Tree:
    type_, id_ = key.split("/")
    return {"fullUrl": f"http://x/{key}", "resource": {"resourceType": type_, "id": id_, **said}}


def nested(n: int) -> Tree:
    """Items within items: whatever looks at all that is below an item."""
    deep = '{"linkId":"a","type":"group","item":[' * 40 + '{"linkId":"z","type":"string"}' + "]}" * 40
    return {"resourceType": "Questionnaire", "status": "draft", "item": [json.loads(deep) for _ in range(n // 40)]}


def slices(n: int) -> Tree:
    elements = [{"id": f"Patient.name:s{i}", "path": "Patient.name", "sliceName": f"s{i}"} for i in range(n)]
    about = {"url": "http://x/sd", "name": "X", "status": "draft", "kind": "resource", "abstract": False}
    base = {"type": "Patient", "derivation": "constraint", "baseDefinition": f"{CORE}/Patient"}
    return {"resourceType": "StructureDefinition", **about, **base, "differential": {"element": elements}}


CORE = "http://hl7.org/fhir/StructureDefinition"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("large")
    with running("--store", f"sqlite:///{folder / 'fhir.db'}", cwd=folder) as process:
        yield process


@pytest.mark.parametrize(("shape", "size"), [(contained, 4_000), (document, 20_000), (nested, 4_000), (slices, 4_000)])
def test_thousands_of_parts_are_validated_soon(server: Process, shape: Any, size: int) -> None:
    """Where each part looks at all others this takes the server minutes of computing."""
    tree = shape(size)
    before = computed(server.process.pid)
    answer = httpx.post(f"{server.base}/{tree['resourceType']}", json=tree, timeout=120)
    assert answer.status_code in (201, 422, 503), answer.text[:500]
    assert computed(server.process.pid) - before < 20


def test_what_takes_long_ends_while_others_go_on(server: Process) -> None:
    body = json.dumps(nested(60_000)).encode()
    answers: list[httpx.Response] = []

    def send() -> None:
        answers.append(httpx.post(f"{server.base}/Questionnaire", content=body, timeout=120))

    sender = threading.Thread(target=send)
    sender.start()
    waited = []
    with httpx.Client(timeout=120) as client:
        while sender.is_alive():
            began = time.monotonic()
            assert client.get(f"{server.base}/Patient?_count=1").status_code == 200
            waited.append(time.monotonic() - began)
            time.sleep(0.02)
    sender.join()
    (answer,) = answers
    refused = {(422, "too-costly"), (503, "timeout")}  # validation gives up, or on a busy machine the request before it
    assert answer.status_code == 201 or (answer.status_code, answer.json()["issue"][0]["code"]) in refused
    assert len(waited) > 10
    assert sorted(waited)[len(waited) // 2] < 5
