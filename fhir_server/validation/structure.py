"""Structure of a resource: what R4's definitions say of elements, cardinality, types, values, required bindings, targets.

http://hl7.org/fhir/R4/validation.html

The generated schema accepts nearly all that is valid in a few microseconds; only what it does not accept is walked
through along the definitions, which finds every issue, or that there is none.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from fhir_server.outcome import Issue
from fhir_server.validation import contained, narrative
from fhir_server.validation.explain import explain
from fhir_server.validation.schema import generate


def check(resource: Mapping[str, Any]) -> tuple[Issue, ...]:
    """All structural issues of a resource, () if there is none; at most 100.

    `resource` is a tree as orjson parses it: plain dicts, lists, str, int, float, bool, None. Resources inside it
    (contained, entries of a Bundle, Parameters) are checked with it. Each issue has one FHIRPath from the resource's type.
    """
    return () if _accepted(resource) else explain(resource)


def _accepted(resource: object) -> bool:
    """True only if the resource is valid; False asks for a closer look."""
    try:
        type_name = resource["resourceType"]  # type: ignore[index]
        if not _is_valid()({type_name: resource}):
            return False
    except (KeyError, TypeError, ValueError):
        return False
    assert isinstance(resource, Mapping)
    for found in contained.narratives(resource):
        if narrative.faults(found["div"]):  # type: ignore[index]
            return False
    held = tuple(contained.inside(resource))
    return not held or (all(map(_accepted, held)) and not any(contained.issues(resource, type_name)))


@cache
def _is_valid() -> Callable[[object], bool]:
    """The one compiled schema of this process; 0.2 s to make. Its patterns run in linear time."""
    return jsonschema_rs.Draft4Validator(generate(), pattern_options=jsonschema_rs.RegexOptions()).is_valid
