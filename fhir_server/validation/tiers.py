"""All tiers of validation together: structure first, then what only makes sense of a sound structure.

http://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhirpath.node import root
from fhir_server.outcome import Issue
from fhir_server.validation import extensions, invariants
from fhir_server.validation.profiles.check import Checker
from fhir_server.validation.profiles.registry import Profiles


def issues(resource: Mapping[str, Any], profiles: Profiles, checker: Checker) -> Iterator[Issue]:
    node = root(resource)
    yield from invariants.check(node, checker.environment)
    yield from extensions.check(checker, node)
