"""Empty databases, one for each test that asks: made from a template once, then emptied and handed out again.

Measured with 30 tables and 60 indexes: CREATE DATABASE … TEMPLATE 60 to 230 ms, TRUNCATE 60 to 115 ms, DELETE 1 to 24 ms.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from tests.postgres.cluster import ROLE, Cluster

DONE = "-- done --"

TABLES = """SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg_temp%'"""

EMPTY = f"""BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL session_replication_role = replica;
DO $$ DECLARE name text; BEGIN FOR name IN {TABLES} LOOP EXECUTE 'DELETE FROM ' || name; END LOOP; END $$;"""


class Session:
    """A `psql` that stays: starting one for every statement costs more than the statements do."""

    def __init__(self, cluster: Cluster, database: str) -> None:
        self.database = database
        self._process = subprocess.Popen(
            cluster.psql(database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, statements: str) -> None:
        """Runs the statements; raises with the message where one fails, and is of no use afterwards."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{statements}\n\\echo {DONE}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self._process.stdout:
            if line.strip() == DONE:
                return
        raise RuntimeError(f"{self.database}: {self._process.communicate()[1]}")

    def close(self) -> None:
        self._process.communicate()


class Databases:
    """Databases that hold what `prepare` puts into one of which it is given the URL: a schema, and what belongs to it."""

    def __init__(
        self, cluster: Cluster, prepare: Callable[[str], None] = lambda _: None, *, name: str = "fhir"
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._template = f"{name}_template"
        self._made = 0
        self._idle: list[Session] = []
        prepare(self.create(self._template, template="template0"))
        address = ["-h", str(cluster.folder), "-p", str(cluster.port), "-U", "postgres"]
        self._rows = subprocess.run(
            [cluster.programs / "pg_dump", *address, "--data-only", "--inserts", self._template],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def create(self, name: str, *, template: str | None = None) -> str:
        """Makes a database of this name, as the others are, and returns its URL; it goes with the cluster."""
        self._cluster.sql(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template or self._template}")
        return self._cluster.url(name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database that nobody else uses for as long as the block runs.

        Whoever leaves a connection open that holds a lock fails here.
        """
        session = self._idle.pop() if self._idle else self._session()
        yield self._cluster.url(session.database)
        session.run(f"{EMPTY}\n{self._rows}\nCOMMIT; RESET ALL;")
        self._idle.append(session)

    def close(self) -> None:
        for session in self._idle:
            session.close()

    def _session(self) -> Session:
        self._made += 1
        name = f"{self._name}_{self._made}"
        self.create(name)
        return Session(self._cluster, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
