"""Version ids in headers and in entries: ETag, If-Match, If-None-Match.

http://hl7.org/fhir/R4/http.html#versions and http://hl7.org/fhir/R4/http.html#concurrency
"""

import re
from typing import Final

from fhir_server.context import Response
from fhir_server.model import Version
from fhir_server.outcome import BadRequest, Gone, PreconditionFailed

_VERSION: Final = re.compile(r'(?:W/)?"[A-Za-z0-9.-]{1,64}"|[A-Za-z0-9.-]{1,64}')


def etag(version: Version) -> str:
    """`W/"2"`."""
    return f'W/"{version.version_id}"'


def location(version: Version) -> str:
    """`Patient/1/_history/2`, relative to the base."""
    return f"{version.key.type}/{version.key.id}/_history/{version.version_id}"


def tags(value: str) -> set[str]:
    """The version ids in a list of entity tags; "*" and bare version ids stay what they are."""
    return {part.strip().removeprefix("W/").strip('"') for part in value.split(",")}


def require_tags(value: str | None, expression: str) -> str | None:
    """`value` where it is "*" or a list of versions, each as an entity tag or bare, as some clients write them in entries.

    Raises BadRequest, which names `expression`.
    """
    if value is None or value.strip() == "*" or all(_VERSION.fullmatch(part.strip()) for part in value.split(",")):
        return value
    raise BadRequest(f'{value[:64]}: expected a version as W/"1", a list of these, or *', expression=expression)


def answer(status: int, version: Version) -> Response:
    """A response that carries this version and its headers; a deletion has no body."""
    return Response(
        status,
        version=None if version.deleted else version,
        etag=etag(version),
        last_modified=version.last_updated,
    )


def gone(version: Version) -> Gone:
    """410 for a deletion, with its version id in the ETag, so that it can be brought back to life under If-Match."""
    return Gone(
        f"{version.key} was deleted on {version.last_updated.isoformat(timespec='seconds')}; "
        f"its earlier versions are at {version.key}/_history",
        headers={"ETag": etag(version)},
    )


def require_match(if_match: str | None, current: Version | None) -> None:
    """PreconditionFailed unless `if_match` (None: not sent; "*": anything that exists) names the current version.

    It may name several, as RFC 9110 §13.1.1 has it.
    """
    if if_match is None:
        return
    wanted = tags(if_match)
    if current is None or ("*" in wanted and current.deleted):
        raise PreconditionFailed(
            f"If-Match: {if_match}: there is no such resource, so no version of it can match",
            expression="http.If-Match",
        )
    if wanted.isdisjoint({"*", current.version_id}):
        raise PreconditionFailed(
            f"If-Match: {if_match}: the current version of {current.key} is {etag(current)}; read it and try again",
            expression="http.If-Match",
        )
