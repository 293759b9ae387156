"""`fhir-server terminology`: releases come in whole, whatever interrupts it, are listed, and go again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fhir_server.concepts import EVERY
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.sqlite import SQLiteStore
from tests.cli.conftest import Cli
from tests.releases.made import ORDER, TABULAR, loinc, packed, snomed

STORE = ("--store", "sqlite:///fhir.db")


def test_import_list_remove(cli: Cli, tmp_path: Path) -> None:
    packed(tmp_path / "Loinc.zip", loinc())
    packed(tmp_path / "SnomedCT.zip", snomed())
    added = cli("terminology", "import", "Loinc.zip", "SnomedCT.zip", *STORE)
    assert (added.code, [line.partition(" in ")[0] for line in added.out.splitlines()]) == (
        0,
        [
            "http://loinc.org|2.100: 11 concepts",
            "http://snomed.info/sct|http://snomed.info/sct/900000000000207008/version/20240101: 11 concepts",
        ],
    )
    again = cli("terminology", "import", "Loinc.zip", *STORE)
    assert again.out == "http://loinc.org|2.100: there already, 11 concepts from the same files\n"
    listed = cli("terminology", "list", *STORE)
    assert listed.out.splitlines()[0] == "http://loinc.org|2.100  11 concepts  LOINC"
    removed = cli("terminology", "remove", "http://loinc.org|2.100", *STORE)
    assert (removed.code, removed.out) == (0, "http://loinc.org|2.100: removed\n")
    assert len(cli("terminology", "list", *STORE).out.splitlines()) == 1
    gone = cli("terminology", "remove", "http://loinc.org|2.100", *STORE)
    assert (gone.code, "Traceback" in gone.err) == (1, False)


def test_files_of_one_release_come_together(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "icd10cm_order_2098.txt").write_text(ORDER)
    (tmp_path / "icd10cm_tabular_2098.xml").write_text(TABULAR)
    done = cli("terminology", "import", "--together", "icd10cm_order_2098.txt", "icd10cm_tabular_2098.xml", *STORE)
    assert done.out.startswith("http://hl7.org/fhir/sid/icd-10-cm|2098: 7 concepts")


def test_what_is_wrong_is_said_in_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code,display\na,A\na,B\n")
    named = ("--url", "http://acme.org/codes", "--version", "1")
    for arguments, text in (
        (("codes.csv",), "give --url and --version"),
        (("codes.csv", *named), "codes.csv:3: the code 'a' is there already: codes.csv:2"),
        (("codes.csv", "missing.csv", *named), "import one at a time"),
        (("missing.zip",), "missing.zip does not exist"),
    ):
        done = cli("terminology", "import", *arguments, *STORE)
        assert (done.code, "Traceback" in done.err, len(done.err.strip().splitlines())) == (1, False, 1)
        assert text in done.err


async def state(path: Path) -> tuple[int, int]:
    """How many concepts are seen, and how many a draft has."""
    store = SQLiteStore(path)
    await store.open()
    try:
        concepts = store.reader(UNRESTRICTED).concepts
        seen = sum([await concepts.count(system, EVERY) for system in await concepts.systems("http://acme.org/codes")])
        done = await store.readers.run(
            lambda reads: (
                reads.db.execute("SELECT coalesce(sum(done), 0) FROM concept_draft WHERE name IS NOT NULL").get
            )
        )
        return seen, done
    finally:
        await store.close()


def test_the_same_command_goes_on_after_kill_9(tmp_path: Path) -> None:
    size = 20_000
    rows = "".join(f"c{n},Concept {n},{f'c{(n - 1) // 10}' if n else ''}\n" for n in range(size))
    (tmp_path / "codes.csv").write_text(f"code,display,parent\n{rows}")
    named = ("--url", "http://acme.org/codes", "--version", "1")
    command = [sys.executable, "-m", "fhir_server", "terminology", "import", "codes.csv", *named, *STORE]
    path = tmp_path / "fhir.db"
    asyncio.run(state(path))
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not asyncio.run(state(path))[1]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    seen, done = asyncio.run(state(path))
    assert (seen, 0 < done < size) == (0, True)
    listed = subprocess.run(
        [*command[:3], "terminology", "list", *STORE], cwd=tmp_path, check=True, capture_output=True
    )
    assert b"nothing yet  Codes" in listed.stdout or b"an import was interrupted" in listed.stdout
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert asyncio.run(state(path)) == (size, 0)
    checked = subprocess.run(
        [*command[:3], "check", *STORE], cwd=tmp_path, check=False, capture_output=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout
