"""What an SQLite store holds, as one hash over all tables; how much memory a process takes. For the gates only."""

import hashlib
import subprocess
from pathlib import Path

import apsw

PASSING = {"state", "counter"}
"""Tables of records that are no resources: readiness and page links write there whenever somebody asks."""


def digest(path: Path) -> str:
    """A hash over every row of every table and over the index entries: equal where two stores hold the same."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = hashlib.sha256()
    try:
        with connection:
            names = [
                name
                for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
                if name not in PASSING and not name.startswith("sqlite_")
            ]
            for name in names:
                found.update(name.encode())
                for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2, 3'):
                    found.update(repr(row).encode())
    finally:
        connection.close()
    return found.hexdigest()


def resident(pid: int) -> float:
    """Resident memory of the process and its children, in MB."""
    listed = subprocess.run(["ps", "-Ao", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return sum(rss for own, parent, rss in rows if pid in (own, parent)) / 1024
