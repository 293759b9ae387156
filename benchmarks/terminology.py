"""Figures of the terminology service: loading 100,000 concepts, and finding some of them.

http://hl7.org/fhir/R4/valueset-operation-expand.html

`python -m benchmarks.terminology [concepts]` prints them.
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from fhir_server.app import assemble
from fhir_server.context import Body, Server, context
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import Settings
from fhir_server.storage.sqlite import SQLiteStore

SYSTEM = "http://acme.org/many"
WORDS = ["acute", "chronic", "left", "right", "upper", "lower", "fracture", "disorder", "infection", "pain", "lesion", "of", "with", "bone", "skin", "heart", "lung", "liver", "kidney", "nerve"]  # fmt: skip


def code_system(size: int) -> dict[str, Any]:
    """A hierarchy of ten concepts below each, every tenth of them below a second one too; displays of four words."""
    chance = random.Random(1)
    concepts = []
    for n in range(size):
        parents = [f"c{(n - 1) // 10}"] if n else []
        if n and n % 10 == 0:
            parents.append(f"c{chance.randrange(n // 10 + 1)}")
        display = " ".join(chance.choices(WORDS, k=4)) + f" {n}"
        properties = [{"code": "parent", "valueCode": each} for each in dict.fromkeys(parents)]
        concepts.append({"code": f"c{n}", "display": display, **({"property": properties} if properties else {})})
    return {
        "resourceType": "CodeSystem",
        "id": "many",
        "url": SYSTEM,
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": concepts,
    }


def value_set() -> dict[str, Any]:
    """All of it but a twig."""
    twig = {"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "c77"}]}
    return {
        "resourceType": "ValueSet",
        "id": "many",
        "url": "http://acme.org/vs",
        "status": "active",
        "compose": {"include": [{"system": SYSTEM}], "exclude": [twig]},
    }


async def _ask(server: Server, method: str, path: str, resource: Any = None) -> Any:
    parts, _, query = path.partition("?")
    match = server.routes.match(method, parts.split("/"))
    pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name)
    body = None if resource is None else Body(resource, resource)
    request = match.request(parameters=pairs, body=body)
    return await server.routes.dispatch(context(server, UNRESTRICTED, "benchmark"), request)


async def _best(work: Callable[[], Awaitable[Any]], times: int = 5) -> float:
    """Milliseconds of the processor, of the fastest of some."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        await work()
        taken.append(time.process_time() - began)
    return 1000 * min(taken)


async def main(size: int) -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fhir.db"
        store = SQLiteStore(path)
        await store.open()
        server = await assemble(Settings(), store)
        tree = orjson.loads(orjson.dumps(code_system(size)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name in ("load", "replace"):
            began, cpu = time.perf_counter(), time.process_time()
            await _ask(server, "PUT", "CodeSystem/many", tree)
            tree["version"] = "2"
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            print(f"{name}: {size} concepts in {time.perf_counter() - began:.2f} s ({time.process_time() - cpu:.2f} s of processor), memory +{grown // 1024} MiB, file {sum(f.stat().st_size for f in path.parent.iterdir()) >> 20} MiB")  # fmt: skip
        await _ask(server, "PUT", "ValueSet/many", value_set())
        vs = "url=http://acme.org/vs"
        for path_ in (
            f"ValueSet/$expand?{vs}&count=20",
            f"ValueSet/$expand?{vs}&count=20&offset=90000",
            f"ValueSet/$expand?{vs}&filter=frac&count=20",
            f"ValueSet/$expand?{vs}&filter=acute fracture bone&count=20",
            f"ValueSet/$expand?{vs}&filter=a&count=20",
            f"ValueSet/$expand?{vs}&filter=frac lung&count=1000",
            f"ValueSet/$expand?{vs}&filter=99999",
            f"ValueSet/$validate-code?{vs}&system={SYSTEM}&code=c99",
            f"CodeSystem/$lookup?system={SYSTEM}&code=c99",
            f"CodeSystem/$subsumes?system={SYSTEM}&codeA=c7&codeB=c77777",
        ):
            print(f"{await _best(lambda path_=path_: _ask(server, 'GET', path_)):8.2f} ms  {path_}")  # type: ignore[misc]
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
