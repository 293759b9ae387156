"""Rows of delimited files: comma-separated with a header (LOINC, tables of one's own), by tabs (RF2), by bars (RRF).

https://www.rfc-editor.org/rfc/rfc4180, https://confluence.ihtsdotools.org/display/DOCRELFMT
"""

import csv
from collections.abc import Iterator, Sequence

from fhir_server.releases.files import Entry, Told

Row = list[str]


class Table:
    """A comma-separated file with a header. Columns are found by their name, in whichever case."""

    def __init__(self, entry: Entry, told: Told, delimiter: str = "") -> None:
        """`delimiter` "": a semicolon where the header has one and no comma. Raises Invalid where there is no header."""
        self.entry = entry
        self._lines = entry.lines(told)
        number, header = next(self._lines, (1, ""))
        self._before = number
        self._delimiter = delimiter or (";" if ";" in header and "," not in header else ",")
        names = next(csv.reader([header], delimiter=self._delimiter), [])
        self.names = [name.strip() for name in names]
        self._columns = {name.lower(): n for n, name in reversed(list(enumerate(self.names)))}
        if not any(self.names):
            raise entry.wrong(1, "a header with the names of the columns is expected")
        if len(self._columns) < len(self.names):
            raise entry.wrong(1, "the header has a column twice")

    def column(self, name: str) -> int:
        """Raises Invalid where there is no such column."""
        found = self._columns.get(name.lower())
        if found is None:
            raise self.entry.wrong(1, f"the column {name} is missing: there are {', '.join(self.names)[:500]}")
        return found

    def has(self, name: str) -> bool:
        return name.lower() in self._columns

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(number of its first line, as many fields as columns); empty lines are passed over. Raises Invalid for others."""
        width = len(self.names)
        last = self._before

        def texts() -> Iterator[str]:
            nonlocal last
            for number, text in self._lines:
                last = number
                yield text

        reader = csv.reader(texts(), delimiter=self._delimiter, strict=True)
        while True:
            first = last + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise self.entry.wrong(last, str(error)) from error
            if row is None:
                return
            if not row:
                continue
            if len(row) != width:
                raise self.entry.wrong(first, f"{len(row)} fields, the header has {width} columns")
            yield first, row


def tabbed(entry: Entry, columns: Sequence[str], told: Told) -> Iterator[tuple[int, Row]]:
    """The rows of an RF2 file that has exactly these columns. Raises Invalid where it has others."""
    width = len(columns)
    for number, text in entry.lines(told):
        row = text.rstrip("\r\n").split("\t")
        if number == 1:
            if row != list(columns):
                raise entry.wrong(1, f"the columns {' '.join(columns)} are expected")
        elif len(row) == width:
            yield number, row
        elif row != [""]:
            raise entry.wrong(number, f"{len(row)} fields, {width} are expected")


def barred(entry: Entry, width: int, told: Told) -> Iterator[tuple[int, Row]]:
    """The rows of an RRF file: `width` fields, each with a bar behind it."""
    for number, text in entry.lines(told):
        row = text.rstrip("\r\n").split("|")
        if len(row) != width + 1 or row[width]:
            raise entry.wrong(number, f"{len(row) - 1} fields, {width} are expected")
        yield number, row
