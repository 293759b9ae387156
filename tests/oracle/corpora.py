"""Resources to search: each set loaded into a server of its own, and read back for the oracle.

http://hl7.org/fhir/R4/search.html
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fhir_server.settings import Settings
from tests.conformance.synthea import demo
from tests.examples.demo import bundles
from tests.formats.examples import json_examples
from tests.http.site import site
from tests.http.wire import Wire
from tests.oracle.compare import Comparison, everything
from tests.oracle.definitions import package
from tests.oracle.pending import PENDING
from tests.oracle.world import World

GENERATED = "qs1"
"""188 examples share this id."""


def synthea(wire: Wire) -> None:
    """Five patients, 996 resources."""
    for name, raw in demo():
        answer = wire.request("POST", "/fhir", raw)
        assert answer.status == 200, (name, answer.body[:1000])


def examples(wire: Wire, largest: int = 60_000) -> None:
    """The official examples up to `largest` bytes, but for those that break R4's own rules."""
    for name, raw in json_examples().items():
        if len(raw) <= largest:
            resource = json.loads(raw)
            id_ = resource.get("id", name)
            if id_ != GENERATED:
                answer = wire.request("PUT", f"/fhir/{resource['resourceType']}/{id_}", raw)
                assert answer.status in {200, 201, 400, 422}, (name, answer.body[:1000])


def small_examples(wire: Wire) -> None:
    examples(wire, 6_000)


def demo_data(wire: Wire) -> None:
    """What `--demo` loads."""
    for name, bundle in bundles().items():
        answer = wire.request("POST", "/fhir", json.dumps(bundle).encode())
        assert answer.status == 200, (name, answer.body[:1000])


CORPORA: dict[str, Callable[[Wire], None]] = {
    "synthea": synthea,
    "examples": examples,
    "small_examples": small_examples,
    "demo": demo_data,
}


@contextmanager
def served(name: str, folder: Path) -> Iterator[Comparison]:
    """A server that holds a corpus, beside the oracle that holds the same."""
    with (
        site(folder, Settings()) as client,
        Wire(client.base_url.port or 0) as wire,
    ):
        CORPORA[name](wire)
        base = f"http://127.0.0.1:{wire.port}/fhir"
        resources = everything(wire, sorted(package().resource_types))
        yield Comparison(wire, World(resources, base, inside="contained chain" not in PENDING))
