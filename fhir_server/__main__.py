"""`python -m fhir_server` is the command `fhir-server`."""

from fhir_server.cli import main

main()
