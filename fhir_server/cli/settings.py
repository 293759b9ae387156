"""`fhir-server settings`: every knob, its default, what it does, and what is in force here."""

from dataclasses import fields
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fhir_server.settings import Settings, from_environment, table, unknown


def settings(
    plain: Annotated[bool, typer.Option("--plain", help="Tab-separated, for scripts and documents.")] = False,
) -> None:
    """Print every setting with its default and what is in force here."""
    if plain:
        for row in table():
            print("\t".join(row))
        return
    in_force = from_environment()
    values = [getattr(in_force, knob.name) for knob in fields(Settings)]
    shown = Table("Variable", "Default", "In force", "What it does", header_style="bold")
    for (variable, _, default, help_), value in zip(table(), values, strict=True):
        shown.add_row(variable, default, "" if str(value) == default else f"[green]{value}[/]", help_)
    Console().print(shown)
    for name in unknown():
        print(f"warning: {name} is not a setting")
