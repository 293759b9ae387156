"""The commands, one file each, and what they share: which errors end a command and how.

Exit codes: 0 done, 1 could not be done or found problems, 2 wrong usage or setting.
"""

import sys

import typer

from fhir_server.cli import backup, check, copy, export, load, reindex, restore, serve, settings
from fhir_server.cli.package import package
from fhir_server.cli.terminology import terminology
from fhir_server.outcome import FhirError
from fhir_server.settings import SettingError
from fhir_server.storage.base import SchemaError

application = typer.Typer(
    name="fhir-server",
    help="A FHIR R4 (4.0.1) server. Every option is also a setting: see `fhir-server settings`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (serve, load, export, backup, restore, check, copy, reindex, settings):
    application.command()(getattr(command, command.__name__.rpartition(".")[2]))
application.add_typer(package)
application.add_typer(terminology)


def main() -> None:
    """Runs the command line; an error that a person can act on is one line, never a traceback."""
    try:
        application()
    except (FhirError, SettingError, SchemaError, OSError) as error:
        sys.exit(f"fhir-server: {error}")
    except KeyboardInterrupt:
        sys.exit("fhir-server: interrupted; run the same command again to go on")
