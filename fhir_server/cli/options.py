"""Options that several commands take; each is the setting of the same name."""

from typing import Annotated

import typer

Store = Annotated[str | None, typer.Option(help="Where resources are kept: sqlite:///FILE.", show_default="FHIR_STORE")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
