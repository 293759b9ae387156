"""Requests that the server itself sends: one guarded HTTP client for all of them, so that nobody can aim it at what is inside.

The client itself is imported from `outbound.client` where it is made: its library takes longer than most to import.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from fhir_server.outbound.failed import Failed
from fhir_server.outbound.rules import PURPOSES, Rules, rules
from fhir_server.outbound.target import Origin, Target, target

__all__ = ["PURPOSES", "Failed", "Origin", "Rules", "Target", "rules", "target"]
