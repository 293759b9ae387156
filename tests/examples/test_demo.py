"""The demo Bundles: written by their generator, valid, and whole: ids unique, every reference inside the set."""

import subprocess
import sys
import tarfile
from collections import Counter
from functools import cache
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from fhir_server.validation.structure import check
from tests.conformance_data import require
from tests.examples.demo import FOLDER, bundles, references, resources


def test_committed_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / "make.py", "--into", tmp_path], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*.json")}
    assert sorted(written) == sorted(committed)
    assert [name for name in written if written[name] != committed[name]] == []


def test_the_set_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 1_500_000


@pytest.mark.parametrize("name", bundles())
def test_structure_is_valid(name: str) -> None:
    assert check(bundles()[name]) == ()


@cache
def _schema() -> dict[str, object]:
    with tarfile.open(require("r4-examples", "r4-schemas.tar.xz")) as archive:
        member = next(each for each in archive.getmembers() if each.name.endswith("fhir.schema.json"))
        file = archive.extractfile(member)
        assert file is not None
        schema = orjson.loads(file.read())
    return {"$schema": schema["$schema"], "definitions": schema["definitions"]}


@cache
def _validator(resource_type: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({**_schema(), "$ref": f"#/definitions/{resource_type}"})


@pytest.mark.parametrize("resource_type", sorted({url.partition("/")[0] for url in resources()}))
def test_json_schema_of_r4_agrees(resource_type: str) -> None:
    validator = _validator(resource_type)
    faults = [
        f"{url}: {fault.message}"
        for url, resource in resources().items()
        if resource["resourceType"] == resource_type
        for fault in validator.iter_errors(resource)
    ]
    assert faults == []


def test_json_schema_of_r4_would_find_a_fault() -> None:
    assert not _validator("Patient").is_valid({"resourceType": "Patient", "gender": 1})


def test_ids_are_unique() -> None:
    urls = Counter(entry["request"]["url"] for bundle in bundles().values() for entry in bundle["entry"])
    assert [url for url, times in urls.items() if times > 1] == []
    assert len(urls) == len(resources())


def test_every_entry_is_a_put_to_its_own_url() -> None:
    entries = [entry for bundle in bundles().values() for entry in bundle["entry"]]
    assert {bundle["type"] for bundle in bundles().values()} == {"transaction"}
    assert {entry["request"]["method"] for entry in entries} == {"PUT"}
    for entry in entries:
        url = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        assert entry["request"] == {"method": "PUT", "url": url}
        assert entry["fullUrl"] == f"https://larkmere.example/fhir/{url}"


def test_references_resolve_within_the_same_or_an_earlier_bundle() -> None:
    known: set[str] = set()
    for name, bundle in bundles().items():
        known |= {entry["request"]["url"] for entry in bundle["entry"]}
        missing = [(name, target) for target in references(bundle) if target not in known]
        assert missing == []
