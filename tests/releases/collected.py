"""What a release says, as concepts with their parents."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from fhir_server.concepts import Concept
from fhir_server.releases.files import Files
from fhir_server.releases.formats import format_of
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.workbench import Workbench


def quiet(_: int) -> None:
    """Nobody watches."""


def collected(*paths: Path, wanted: Wanted | None = None) -> tuple[Release, Mapping[str, Concept]]:
    """The release and its concepts by code, in their order."""
    files = Files(paths)
    with Workbench() as bench:
        release = format_of(files).read(files, bench, wanted or Wanted(), quiet)
        bench.settle()
        placed = list(bench.placed())
    codes = [each.concept.code for each in placed]
    return release, {
        each.concept.code: msgspec.structs.replace(each.concept, parents=tuple(codes[n] for n in each.above))
        for each in placed
    }


def said(concept: Concept) -> dict[str, list[str]]:
    """The values of its properties by name."""
    found: dict[str, list[str]] = {}
    for each in concept.properties:
        found.setdefault(each.code, []).append(each.value)
    return found
