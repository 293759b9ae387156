"""Which of several business versions is the newest.

http://hl7.org/fhir/R4/references.html#canonical
"""

import pytest

from fhir_server.definitions.canonicals import newest


@pytest.mark.parametrize(
    ("versions", "wanted", "found"),
    [
        (["1.10", "1.2", "1.9.9"], "", "1.10"),
        (["4.0.1", "4.1.0"], "4.0", "4.0.1"),
        (["12042023", "03042024", "02052024"], "", "03042024"),
        (["20231204", "20240304"], "", "20240304"),
        (["http://snomed.info/sct/1/version/20240101", "http://snomed.info/sct/1/version/20230101"], "", "http://snomed.info/sct/1/version/20240101"),
        (["1"], "2", None),
    ],
)  # fmt: skip
def test_the_newest_version(versions: list[str], wanted: str, found: str | None) -> None:
    assert newest(versions, wanted) == found
