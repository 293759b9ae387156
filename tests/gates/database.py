"""What an SQLite store holds, as one hash for each table; how much memory and computing a process takes. For the gates only."""

import hashlib
import subprocess
from pathlib import Path

import apsw

PASSING = {"state", "counter", "name"}
"""Tables that hold no resources and no entries: readiness writes there, and the dictionary of names may keep a number that an
undone work had given; it stands in no row."""

INNER = frozenset({"prose_data", "prose_idx", "prose_docsize"})
"""Tables inside the full-text index: they also tell in which order it came about."""


def digest(path: Path) -> dict[str, str]:
    """A hash of the rows of each table, index entries too: equal where two stores hold the same."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("BEGIN")
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    tables = [str(name) for (name,) in names if name not in PASSING and name not in INNER]
    found = {name: _rows(connection, name) for name in tables}
    connection.close()
    return found


def _rows(connection: apsw.Connection, table: str) -> str:
    found = hashlib.sha256()
    for row in sorted(map(repr, connection.execute(f'SELECT * FROM "{table}"'))):
        found.update(row.encode())
    return found.hexdigest()


def resident(pid: int) -> float:
    """Resident memory of the process and its children, in MB."""
    listed = subprocess.run(["ps", "-Ao", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return sum(rss for own, parent, rss in rows if pid in (own, parent)) / 1024


def computed(pid: int) -> float:
    """Seconds of computing of the process."""
    text = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    days, _, clock = text.strip().rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)
