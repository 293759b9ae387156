"""XML: resources to and from the JSON tree, driven by the definitions; the same documents are refused as in JSON.

http://hl7.org/fhir/R4/xml.html
"""

from fhir_server.formats.xml.reader import from_xml
from fhir_server.formats.xml.writer import to_xml

__all__ = ["from_xml", "to_xml"]
