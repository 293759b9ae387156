"""The wheel: what is in it, and that it serves from a fresh environment."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.http.server import free_port, served

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_wheel_holds_code_definitions_and_demo_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fhir_server"}
    expected = [
        "fhir_server/_data/profiles/SOURCES.md",
        "fhir_server/_data/profiles/r4/structures.json.gz",
        "fhir_server/_data/profiles/own/OperationDefinition-fhir-server-reindex.json",
        "fhir_server/_data/terminology/SOURCES.md",
        "fhir_server/storage/base.py",
    ]
    assert [name for name in expected if name not in names] == []
    assert [name for name in names if name.startswith("fhir_server/_data/demo/") and name.endswith(".json")]
    assert [name for name in names if name.endswith((".db", ".pyc"))] == []


def test_wheel_installed_in_a_fresh_environment_serves(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(CHECKOUT / "requirements.lock")], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    port = free_port()
    command = [str(python.parent / "fhir-server"), "serve", "--demo", "--port", str(port), "--store", "sqlite:///x.db"]
    with served(command, port, cwd=tmp_path) as base:
        statement = httpx.get(f"{base}/metadata").json()
        assert statement["fhirVersion"] == "4.0.1"
        assert httpx.get(f"{base}/Patient?_summary=count").json()["total"] >= 30
