"""A StructureDefinition by itself: a profile that can be used, and only narrows what its base allows.

http://hl7.org/fhir/R4/profiling.html#limitations
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_server.fhirpath import types
from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue
from fhir_server.validation.profiles.snapshot import CORE, ProfileError, constrains, contradictions


def check(find: Callable[[str], Mapping[str, Any] | None], node: Node) -> Iterator[Issue]:
    """The issues of a constraint upon a base that is known; `find` gives definitions by canonical."""
    definition = node.value
    base = str(definition.get("baseDefinition", ""))
    of_core = base.startswith(CORE) and types.known(base.removeprefix(CORE))
    if not constrains(definition) or "differential" not in definition:
        return
    if not of_core and find(base) is None:
        yield Issue("not-found", f"the base {base} is not known here: not checked", (f"{node.path}.baseDefinition",), "warning")  # fmt: skip
        return
    try:
        for number, text in contradictions(definition, find):
            yield Issue("value", text, (f"{node.path}.differential.element[{number}]",))
    except ProfileError as error:
        for issue in error.issues:
            yield Issue(issue.code, issue.text, (f"{node.path}.differential",))
