"""JSON Merge Patch: the part of a resource that changes; null removes an element.

https://www.rfc-editor.org/rfc/rfc7386. R4 does not name it; clients send it, some as `application/json`.
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.formats import json
from fhir_server.outcome import BadRequest, Invalid
from fhir_server.patch.tree import clone

MEDIA_TYPE = "application/merge-patch+json"


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object `raw` as strictly read as any resource; BadRequest for anything else."""
    try:
        return json.parse(raw).tree
    except Invalid as error:
        raise BadRequest(f"The JSON Merge Patch is not acceptable JSON: {error}") from None


def apply(tree: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The merged copy of `tree`, which stays as it is: objects member by member, anything else whole.

    An object that the patch leaves without members disappears with it: FHIR has no empty objects.
    """
    merged: dict[str, Any] = clone(_merged(tree, patch))
    return merged


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
            continue
        new = _merged(merged.get(name), value)
        if new == {} and value != {}:
            merged.pop(name, None)
        else:
            merged[name] = new
    return merged
