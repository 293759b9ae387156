"""fhir-kit-client and fhirclient from npm, unmodified, against the real server (their tests are in node/)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def packages() -> None:
    if shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Node 20 with npm is absent: the npm clients cannot be tested")
        pytest.skip("Node 20 with npm is absent: the npm clients are not tested")
    stamp = NODE / "node_modules" / ".package-lock.json"
    if not stamp.exists():
        install = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(install, cwd=NODE, check=True, capture_output=True)


@pytest.mark.parametrize("client", ["fhir-kit-client", "fhirclient"])
def test_npm_client_works_unmodified(client: str, base: str, packages: None) -> None:
    command = ["node", "--test", f"{client}.test.mjs"]
    ran = subprocess.run(
        command, cwd=NODE, env=os.environ | {"FHIR_BASE": base}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
