"""The settings of outbound requests.

https://www.rfc-editor.org/rfc/rfc6454.html
"""

import pytest

from fhir_server.outbound import Origin, Rules, rules
from fhir_server.settings import SettingError, Settings


def test_nothing_inside_is_allowed_unless_it_is_named() -> None:
    assert rules(Settings(), "terminology") == Rules(frozenset(), frozenset({443}))


def test_targets_inside_are_listed_by_purpose() -> None:
    setting = "terminology=http://10.0.0.5:8080, terminology=https://TX.internal"
    found = rules(Settings(outbound_internal=setting, outbound_ports="443,8443"), "terminology")
    assert found.internal == {Origin("http", "10.0.0.5", 8080), Origin("https", "tx.internal", 443)}
    assert found.ports == {443, 8443}


@pytest.mark.parametrize(
    "setting", ["http://10.0.0.5", "other=http://10.0.0.5", "terminology=http://10.0.0.5/fhir", "terminology=10.0.0.5"]
)
def test_what_is_no_list_of_targets_is_refused(setting: str) -> None:
    with pytest.raises(SettingError, match="FHIR_OUTBOUND_INTERNAL"):
        rules(Settings(outbound_internal=setting), "terminology")


@pytest.mark.parametrize("setting", ["", "https", "0", "443,65536"])
def test_what_is_no_list_of_ports_is_refused(setting: str) -> None:
    with pytest.raises(SettingError, match="FHIR_OUTBOUND_PORTS"):
        rules(Settings(outbound_ports=setting), "terminology")
