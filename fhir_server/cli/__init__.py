"""The command line: `fhir-server serve | load | export | backup | restore | check | copy | reindex | settings`."""

from fhir_server.cli.main import main

__all__ = ["main"]
