"""Which of its packed rows a resource is sorted by.

http://hl7.org/fhir/R4/search.html#sort
"""

from fhir_server.search.query import String, Value
from fhir_server.storage.sql.compare import packed
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import STRING


def sorting(dialect: Dialect, kind: type[Value] | None, element: str) -> str:
    """The condition on a packed row that a sort compares it: not the later words of a text (see query.String)."""
    if kind is not String:
        return "TRUE"
    original, folded = (packed(dialect, STRING, column, element) for column in ("original", "folded"))
    return f"({original} <> '' OR {folded} = '')"
