"""Texts looked into (`:contains`, `:text`): each different text once, then those who have it.

http://hl7.org/fhir/R4/search.html#string

Names and displays come back: sixteen times the patients have few more first names. A text is found behind the one before by a
seek, ten times as dear as a row that is just passed; so this is for texts that many share.
"""

from fhir_server.search.query import Op
from fhir_server.storage.sql.compare import Alternative, condition
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.storage.sql.layout import STRING
from fhir_server.storage.sql.text import Sql, all_of

SAMPLE = 2_000
SHARED = 4
"""Rows to a text, from which on it is worth it."""

_INSIDE = (Op.CONTAINS, Op.ENDS, Op.WORDS)


def looks_inside(found: Alternative) -> bool:
    """No begin of the text is given, so that all texts of the entry would be passed."""
    inside = (test.column == "folded" and test.op in _INSIDE for test in found.tests)
    return found.table is STRING and bool(found.tests) and all(inside)


def texts(found: Alternative) -> Sql:
    """The statement of the different texts (as `rid`: for counting) among the first rows."""
    rows = Sql("SELECT folded FROM string WHERE entry = ? LIMIT ?", (found.entry, SAMPLE))
    return Sql("SELECT DISTINCT folded AS rid FROM (") + rows + ") q"


def rids(dialect: Dialect, found: Alternative, alias: str) -> Sql:
    """The statement of the resources that have one of the texts for which all tests hold."""
    return (
        Sql(
            f"SELECT {alias}.rid AS rid FROM (WITH RECURSIVE each(text) AS (SELECT min(folded) FROM string WHERE entry = ?"
            " UNION ALL SELECT (SELECT next.folded FROM string next WHERE next.entry = ? AND next.folded > each.text"
            " ORDER BY next.folded LIMIT 1) FROM each WHERE each.text IS NOT NULL)"
            " SELECT text FROM each WHERE text IS NOT NULL AND ",
            (found.entry, found.entry),
        )
        + all_of([condition(dialect, "text", test.op, test.value) for test in found.tests])
        + Sql(
            f") t{alias}{dialect.join}string {alias} ON {alias}.entry = ? AND {alias}.folded = t{alias}.text",
            (found.entry,),
        )
    )
