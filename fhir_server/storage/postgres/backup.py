"""A copy of everything, made by the database's own program.

https://www.postgresql.org/docs/current/app-pgdump.html
"""

import asyncio
import os
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from fhir_server.outcome import Conflict, NotSupported
from fhir_server.storage.postgres.errors import unavailable

_ACCOUNT = re.compile("(//[^:/@]*):[^/?]*@")
_OPTION = re.compile("(?<=[?&])password=[^&]*&?")


def pg_dump() -> str | None:
    """The newest `pg_dump` of this machine; None where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"), key=lambda path: int(path.parts[-3]))
    return str(folders[-1]) if folders else shutil.which("pg_dump")


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """The address without its password, and the password as the environment tells it: a command line is seen by everybody."""
    parts = urlsplit(url)
    known = parse_qs(parts.query).get("password", [])
    if parts.password is not None:
        known = [unquote(parts.password)]
    bare = _OPTION.sub("", _ACCOUNT.sub(r"\1@", url)).rstrip("?&")
    return bare, {"PGPASSWORD": known[0]} if known else {}


async def dump(url: str, target: Path) -> None:
    """`target` is a complete copy, for `pg_restore`. Raises Conflict where it exists; a failed copy leaves nothing behind."""
    program = pg_dump()
    if program is None:
        raise NotSupported(
            "pg_dump is not installed here: run `pg_dump --format=custom --file=FILE URL` where it is, as new as the database at least."
        )
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise Conflict(f"{target} exists already: a backup never replaces a file.") from error
    try:
        await _run(program, url, target)
    except BaseException:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise


async def _run(program: str, url: str, target: Path) -> None:
    address, secret = without_password(url)
    running = await asyncio.create_subprocess_exec(
        program,
        "--format=custom",
        f"--file={target}",
        f"--dbname={address}",
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | secret,
    )
    _, said = await running.communicate()
    if running.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or [""]
        raise unavailable(f"pg_dump failed: {lines[-1]}")
