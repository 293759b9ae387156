"""The server of the tests of HTTP serves the tests in this folder too."""

from tests.rest.conftest import client, patient, server

__all__ = ["client", "patient", "server"]
