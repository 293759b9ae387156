"""Settings: every knob has a type, a default and help, comes from FHIR_*, and refuses what it cannot be."""

import pytest

from fhir_server.settings import SettingError, Settings, from_environment, table, to_environment, unknown


def test_every_setting_has_a_line_of_help() -> None:
    assert [name for name, _, _, help_ in table() if not help_.strip()] == []


def test_environment_sets_and_arguments_win() -> None:
    settings = from_environment({"FHIR_PORT": "9000", "FHIR_HOST": "::1", "FHIR_PURGE": "yes"}, port=9001, host=None)
    assert (settings.port, settings.host, settings.purge) == (9001, "::1", True)


def test_settings_survive_the_way_through_an_environment() -> None:
    settings = Settings(port=9, purge=True, statement_timeout=0.5, base_url="https://fhir.example.org/fhir")
    assert from_environment(to_environment(settings)) == settings


@pytest.mark.parametrize(
    ("name", "value"), [("FHIR_PORT", "eighty"), ("FHIR_PURGE", "perhaps"), ("FHIR_MAX_BODY", "1e9")]
)
def test_wrong_value_is_refused_with_the_name_and_what_would_be_right(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"{name}='{value}': expected"):
        from_environment({name: value})


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("workers", 0, "1 or more"),
        ("port", 65536, "from 0 to 65535"),
        ("port", -1, "from 0"),
        ("max_body", -1, "0 or more"),
    ],
)
def test_number_out_of_range_is_refused(name: str, value: int, right: str) -> None:
    with pytest.raises(SettingError, match=f"FHIR_{name.upper()}={value}: expected {right}"):
        from_environment({}, **{name: value})


def test_unknown_variables_are_named() -> None:
    assert unknown({"FHIR_PROT": "1", "FHIR_PORT": "1", "HOME": "/"}) == ["FHIR_PROT"]
