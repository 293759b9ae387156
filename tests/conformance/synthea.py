"""The Synthea set: its Bundles in the order to load them, and loading them over HTTP with every resource read back."""

import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from tests.conformance.exact import Tree, exact, stripped, with_references
from tests.conformance_data import require
from tests.http.wire import Wire

Named = tuple[str, bytes]


def demo() -> Iterator[Named]:
    """Seven Bundles, 996 resources."""
    for path in sorted(require("synthea", "demo-5").glob("*.json")):
        yield path.name, path.read_bytes()


def everybody() -> Iterator[Named]:
    """122 Bundles, 92,114 resources: the two batches of hospitals and practitioners first."""
    with tarfile.open(require("synthea", "blaze-120.tar.xz")) as archive:
        members = {PurePosixPath(m.name).name: m for m in archive.getmembers() if m.name.endswith(".json")}
        for name in sorted(members):
            file = archive.extractfile(members[name])
            assert file is not None
            yield name, file.read()


@dataclass(slots=True)
class Loaded:
    """What went in: resources by type, and what came back otherwise than it was sent."""

    types: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    _by_identifier: dict[str, str] = field(default_factory=dict)

    def load(self, wire: Wire, bundles: Iterable[Named]) -> "Loaded":
        """Posts each Bundle and reads back each of its resources."""
        for name, raw in bundles:
            sent = exact(raw)
            answer = wire.request("POST", "/fhir", raw)
            if answer.status != 200:
                self.errors.append(f"{name}: {answer.status} {answer.body[:2000]!r}")
                continue
            self._read_back(wire, name, sent["entry"], answer.json()["entry"])
        return self

    def _read_back(self, wire: Wire, name: str, sent: list[Tree], responses: list[Tree]) -> None:
        places: dict[str, str] = {}
        for entry, response in zip(sent, (each["response"] for each in responses), strict=True):
            if not response["status"].startswith("201"):
                self.errors.append(f"{name}: {entry.get('fullUrl')}: {response}")
                continue
            place = "/".join(response["location"].split("/_history/")[0].split("/")[-2:])
            places[entry["fullUrl"]] = place
            for identifier in entry["resource"].get("identifier", ()) if "ifNoneExist" in entry["request"] else ():
                key = f"{entry['resource']['resourceType']}?identifier={identifier.get('system')}|{identifier['value']}"
                self._by_identifier[key] = place

        def resolve(reference: str) -> str:
            return places.get(reference) or self._by_identifier.get(reference, reference)

        for entry in sent:
            if entry["fullUrl"] in places:
                place = places[entry["fullUrl"]]
                self.types[entry["resource"]["resourceType"]] += 1
                read: Any = exact(wire.request("GET", f"/fhir/{place}").body)
                expected = with_references(stripped(entry["resource"], "id"), resolve)
                if stripped(read, "id") != expected or f"{read['resourceType']}/{read.get('id')}" != place:
                    self.different.append(f"{name}: {entry['fullUrl']} as {place}")
