"""`fhir-server settings`: every knob is in the table; what is set here is shown; what is no setting is warned of."""

from dataclasses import fields

import pytest

from fhir_server.settings import Settings
from tests.cli.conftest import Cli


def test_plain_table_has_every_setting_with_type_default_and_help(cli: Cli) -> None:
    rows = [line.split("\t") for line in cli("settings", "--plain").out.splitlines()]
    assert [row[0] for row in rows] == [f"FHIR_{knob.name.upper()}" for knob in fields(Settings)]
    assert [row[2] for row in rows] == [str(knob.default) for knob in fields(Settings)]
    assert [row for row in rows if len(row) != 4 or not row[1] or len(row[3]) < 10] == []


def test_table_shows_what_is_in_force(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PORT", "8765")
    monkeypatch.setenv("FHIR_PROT", "1")
    done = cli("settings")
    assert ("8765" in done.out, "FHIR_PROT is not a setting" in done.out + done.err) == (True, True)


def test_value_that_cannot_be_is_said_in_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PORT", "many")
    done = cli("settings")
    assert (done.code, done.err.strip()) == (1, "fhir-server: FHIR_PORT='many': expected a value of type int")
