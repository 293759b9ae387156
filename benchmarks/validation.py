"""What validation costs: CPU time per resource of five synthetic patients, tier by tier.

    python -m benchmarks.validation [--rounds 5]

`written` is the write path (interactions/conformance): a glance, and the walk for what that does not accept; `walked` is
what $validate does. Vital signs are held to R4's profiles, what claims a profile of US Core 3.1.1 to that.
"""

import argparse
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time
from typing import Any

import orjson

from benchmarks.data import CHECKOUT
from fhir_server.formats.json import parse
from fhir_server.validation import structure, vitalsigns
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator

Json = Mapping[str, Any]
US_CORE = "hl7.fhir.us.core-3.1.1.tgz"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.validation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    folder = Path(os.environ.get("FHIR_CONFORMANCE_DATA") or CHECKOUT.parent / "shared" / "data")
    resources: list[Json] = [
        parse(json.dumps(entry["resource"]).encode()).plain
        for path in sorted((folder / "synthea" / "demo-5").glob("*.json"))
        for entry in orjson.loads(path.read_bytes())["entry"]
    ]
    bare = [_unclaimed(r) for r in resources]
    signs = [
        r for r in bare if any("vital" in str(c) for c in r.get("category", ())) and r["resourceType"] == "Observation"
    ]
    core = Validator(Profiles(), CoreCodes(), lambda *_: None)
    us_core = Validator(Profiles(_definitions(folder / "us-core" / US_CORE).get), CoreCodes(), lambda *_: None)

    def signs_of(observation: Json) -> tuple[str, ...]:
        return tuple(vitalsigns.profiles(observation))

    claiming = [r for r in resources if r.get("meta", {}).get("profile")]
    print(f"{'µs of CPU per resource':44} {'resources':>9} {'µs':>7}")
    rows: tuple[tuple[str, list[Json], Callable[[Json], object]], ...] = (
        ("structure", bare, structure.check),
        ("written: invariants and extensions", bare, lambda r: core.sound(r, None) or core.further(r, None)),
        ("walked: invariants and extensions", bare, lambda r: core.further(r, None, best_practice=True)),
        (
            "written: vital signs and R4's profiles",
            signs,
            lambda r: core.sound(r, signs_of(r)) or core.further(r, signs_of(r)),
        ),
        ("walked: vital signs and R4's profiles", signs, lambda r: core.further(r, signs_of(r), best_practice=True)),
        ("written: what claims US Core", claiming, lambda r: us_core.sound(r) or us_core.further(r)),
        ("walked: what claims US Core", claiming, lambda r: us_core.further(r, best_practice=True)),
    )
    for name, chosen, check in rows:
        print(f"{name:46} {len(chosen):7} {_cost(chosen, check, rounds):7.1f}")


def _cost(resources: list[Json], check: Callable[[Json], object], rounds: int) -> float:
    """The best round's CPU time, in µs per resource; the first one, which compiles, does not count."""
    best = float("inf")
    for number in range(rounds + 1):
        begun = process_time()
        for resource in resources:
            check(resource)
        if number:
            best = min(best, process_time() - begun)
    return best / len(resources) * 1e6


def _unclaimed(resource: Json) -> Json:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name != "profile"}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


def _definitions(archive: Path) -> Mapping[str, Json]:
    """Canonical → StructureDefinition of a package."""
    found: dict[str, Json] = {}
    with tarfile.open(archive) as opened:
        for member in opened:
            content = opened.extractfile(member)
            if content is not None and member.name.startswith("package/StructureDefinition-"):
                definition = orjson.loads(content.read())
                found[definition["url"]] = definition
    return found


if __name__ == "__main__":
    main()
