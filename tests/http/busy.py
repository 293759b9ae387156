"""Another client that inserts, updates and deletes what is being paged through.

http://hl7.org/fhir/R4/http.html#paging
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from tests.http.wire import Wire

Tree = dict[str, Any]


@dataclass(slots=True)
class Busy:
    """What the other client has done so far: the ids that it made, and those that it changed or deleted.

    `wrote` can be acquired once for each write, and at will once it has finished.
    """

    made: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    wrote: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@contextmanager
def writing(port: int, type_: str, matches: Sequence[Tree], seed: int, share: float = 0.5) -> Iterator[Busy]:
    """Until the block ends another client writes: copies of `matches`, changes to them, and deletions, at most a `share`."""
    busy, stop = Busy(), threading.Event()
    worker = threading.Thread(target=_write, args=(port, type_, matches, Random(seed), share, busy, stop))
    worker.start()
    try:
        yield busy
    finally:
        stop.set()
        worker.join(30)
        assert not worker.is_alive()


def _write(
    port: int, type_: str, matches: Sequence[Tree], random: Random, share: float, busy: Busy, stop: threading.Event
) -> None:
    order = random.sample(matches, int(len(matches) * share))
    with Wire(port) as wire:
        for number, one in enumerate(order):
            if stop.is_set():
                break
            copy = {name: value for name, value in one.items() if name not in {"id", "meta"}}
            kind = ("insert", "update", "delete")[number % 3]
            if kind == "insert":
                answer = wire.request("POST", f"/fhir/{type_}", json.dumps(copy).encode())
                busy.made.add(answer.headers.get("location", "/_history").split("/_history")[0].rpartition("/")[2])
            elif kind == "update":
                busy.touched.add(one["id"])
                changed = copy | {"id": one["id"], "language": "en"}
                answer = wire.request("PUT", f"/fhir/{type_}/{one['id']}", json.dumps(changed).encode())
            else:
                busy.touched.add(one["id"])
                answer = wire.request("DELETE", f"/fhir/{type_}/{one['id']}")
            if answer.status not in {200, 201, 204}:
                busy.errors.append(f"{kind}: {answer.status} {answer.body[:500]!r}")
            busy.wrote.release()
    busy.wrote.release(1_000_000)


def walked(wire: Wire, target: str, busy: Busy | None = None) -> Iterator[Tree]:
    """The matches on all pages from `target` on, as long as there is a next one; between two pages `busy` writes."""
    while True:
        answer = wire.request("GET", target)
        assert answer.status == 200, (target, answer.body[:2000])
        page = answer.json()
        yield from (e["resource"] for e in page.get("entry", ()) if e.get("search", {}).get("mode", "match") == "match")
        if busy is not None:
            busy.wrote.acquire(timeout=5)
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            return
        parts = urlsplit(following[0])
        target = f"{parts.path}?{parts.query}"


def missed(wire: Wire, type_: str, query: str, seed: int, *, count: int = 7) -> dict[str, int]:
    """Pages through `[type]?[query]` while another client writes: the ids of those matches that did not change and did not
    come exactly once, with how often they came; what never matched is named too. {} where all is well.
    """
    target = f"/fhir/{type_}?{query}{'&' if query else ''}_count="
    matches = list(walked(wire, f"{target}1000"))
    with writing(wire.port, type_, matches, seed) as busy:
        seen = Counter(one["id"] for one in walked(wire, f"{target}{count}", busy))
    assert busy.errors == []
    before = {one["id"] for one in matches}
    wrong = {id_: seen[id_] for id_ in before - busy.touched if seen[id_] != 1}
    return wrong | {id_: times for id_, times in seen.items() if id_ not in before | busy.made}
