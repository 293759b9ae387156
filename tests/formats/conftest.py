"""The XSDs of R4, compiled once."""

import pytest
from lxml import etree

from tests.formats.examples import schemas


@pytest.fixture(scope="session")
def fhir_single(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    folder = tmp_path_factory.mktemp("xsd")
    for name, raw in schemas().items():
        (folder / name.rpartition("/")[2]).write_bytes(raw)
    return etree.XMLSchema(etree.parse(folder / "fhir-single.xsd"))
