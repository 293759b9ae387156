"""Whatever is sent as a batch or transaction, the answer is a Bundle or an error of the house."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.outcome import FhirError
from tests.interactions.client import Client, bundle, entry, identified, observation, patient, server

P = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"

GOOD = bundle(
    "transaction",
    entry("POST", "Patient", identified("1", name=[{"family": "x"}]), P, ifNoneExist="identifier=1"),
    entry(
        "POST",
        "Observation",
        observation(
            P, text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><a href="x">y</a></div>'}
        ),
    ),
    entry("PUT", "Patient/a", patient("a", extension=[{"url": "u", "valueUri": P}]), ifMatch='W/"1"'),
    entry(
        "PATCH", "Patient/b", {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="}
    ),
    entry("DELETE", "Patient?identifier=2"),
    entry("GET", "Patient?_count=1", ifModifiedSince="2026-01-01T00:00:00Z"),
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        [P, f"{P}/_history/1", "Patient?identifier=1", "Patient?x", "#", "", "Patient/1", "/", "?", "$validate"]
    ),
)
json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return found + [place for name, value in items for place in places(value, (*path, name))]


PLACES = places(GOOD)


def test_no_other_exception_gets_out(folder: Path) -> None:
    with asyncio.Runner() as runner:
        running = runner.run(server(folder))
        client = Client(running)

        @settings(max_examples=500, deadline=None)
        @given(st.sampled_from(PLACES), json, st.sampled_from(["batch", "transaction"]))
        def any_change(path: tuple[Any, ...], value: Any, type_: str) -> None:
            sent = orjson.loads(orjson.dumps({**GOOD, "type": type_}))
            node = sent
            for name in path[:-1]:
                node = node[name]
            node[path[-1]] = value
            try:
                answer = runner.run(client.post("", sent))
            except FhirError:
                return
            assert answer["type"] == f"{type_}-response"
            assert not [e for e in answer.get("entry", ()) if e["response"]["status"].startswith("5")]

        any_change()
        runner.run(running.store.close())
