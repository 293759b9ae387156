"""Bundle.entry: its request understood as a Request, a Response written as its response.

http://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

import orjson

from fhir_server.bundle import done
from fhir_server.bundle import response as written
from fhir_server.context import Body, Context, Match, Prefer, Request, Response
from fhir_server.dates import DateError, date_range, moment_of
from fhir_server.interactions.preferred import WRITES, content, report
from fhir_server.interactions.subset import subset, understood
from fhir_server.interactions.versions import require_tags
from fhir_server.outcome import BadRequest, FhirError, Invalid, Issue, TooLarge
from fhir_server.search.parse import query_string
from fhir_server.validation import structure

_HEADERS: Final = {
    "http.If-Match": "request.ifMatch",
    "http.If-None-Match": "request.ifNoneMatch",
    "http.If-None-Exist": "request.ifNoneExist",
}
_ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3}
_WRITING: Final = frozenset({"create", "update", "patch", "delete"})
STAGES: Final = 4

MOST_READ: Final = 64 * 2**20
"""Bytes that the reading entries of one Bundle may bring back together: ten thousand searches fit into a small Bundle, and
what they find does not fit into memory.
"""


@dataclass(slots=True)
class Entry:
    """One entry of a batch or transaction. `number` counts from 0, `stage` is when R4 has it processed."""

    number: int
    match: Match
    request: Request
    full_url: str
    head: bool = False

    @property
    def stage(self) -> int:
        return _ORDER[self.request.method]

    @property
    def reads(self) -> bool:
        """It is none of the four writes: what it answers with is not bounded by what was sent."""
        return self.match.route.interaction not in _WRITING


class Allowance:
    """What is left of MOST_READ for the entries of one Bundle."""

    def __init__(self) -> None:
        self._left = MOST_READ

    def require(self) -> None:
        """Raises TooLarge where nothing is left."""
        if self._left < 0:
            raise TooLarge(
                f"The entries before this one have read {MOST_READ} bytes already, the most for one Bundle; send fewer",
                code="too-costly",
                expression="request.url",
            )

    def spend(self, response: Response) -> None:
        """Takes off what this response holds."""
        version = response.version.body if response.version is not None else None
        self._left -= len(response.body or version or b"")


def entries_of(body: Body) -> list[Mapping[str, Any]]:
    """The entries of a Bundle, sound apart from the resources in them, which are objects. Raises Invalid."""
    entries = body.plain.get("entry", [])
    shell = dict(body.plain)
    if isinstance(entries, list) and entries:
        shell["entry"] = [_without_resource(entry) if isinstance(entry, dict) else entry for entry in entries]
        for number, entry in enumerate(entries):
            if isinstance(entry, dict) and not isinstance(entry.get("resource", {}), dict):
                raise Invalid("A resource is a JSON object", expression=f"Bundle.entry[{number}].resource")
    issues = structure.check(shell)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Invalid(issues=issues)
    return list(entries)


def _without_resource(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is left of an entry; something is left of one that has nothing else, for an element is never empty."""
    return {name: value for name, value in entry.items() if name != "resource"} or {"fullUrl": "urn:none"}


def understand(ctx: Context, number: int, tree: Mapping[str, Any], plain: Mapping[str, Any], prefer: Prefer) -> Entry:
    """The entry whose structure has been checked. Raises FhirError, its expressions without the entry's place."""
    asked = plain.get("request")
    if asked is None:
        raise Invalid("Every entry of a batch or transaction needs a request", code="required", expression="request")
    method: str = asked["method"]
    head = method == "HEAD"
    segments, parameters = address(asked["url"], ctx.server.base_url)
    match = ctx.server.routes.match("GET" if head else method, segments)
    if match.route.interaction == "transaction":
        raise BadRequest("A Bundle cannot be processed within a Bundle", expression="request.url", code="not-supported")
    if match.route.interaction in ("read", "vread"):
        lenient = (prefer.handling or ctx.settings.handling) == "lenient"
        parameters = understood(parameters, match.type, lenient=lenient)
    body = None
    if "resource" in plain:
        _require_place(match)
        body = _body(match.route.method, tree["resource"], plain["resource"])
    elif method in ("PUT", "PATCH") or match.route.interaction == "create":
        raise Invalid(f"An entry with {method} needs a resource", code="required", expression="resource")
    request = match.request(
        parameters=parameters,
        body=body,
        if_match=require_tags(asked.get("ifMatch"), "request.ifMatch"),
        if_none_match=require_tags(asked.get("ifNoneMatch"), "request.ifNoneMatch"),
        if_modified_since=_since(asked.get("ifModifiedSince")),
        if_none_exist=asked.get("ifNoneExist"),
        prefer=prefer,
    )
    return Entry(number, match, request, plain.get("fullUrl", ""), head)


def _require_place(match: Match) -> None:
    """Invalid for a resource in an entry that posts a search: nothing would come of it."""
    if match.route.method == "POST" and match.route.interaction.startswith("search"):
        raise Invalid(
            "A search in a Bundle has its parameters in request.url: no resource can carry them",
            code="not-supported",
            expression="resource",
        )


def _since(sent: str | None) -> datetime | None:
    try:
        return None if sent is None else moment_of(date_range(sent)[0])
    except DateError as error:
        raise Invalid(str(error), code="value", expression="request.ifModifiedSince") from None


def address(url: str, base: str) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The path below the base, cut at its slashes, and the query of `Patient?name=x`, `/Patient/1` or an absolute URL."""
    if url.isalpha():
        return [url], ()
    path, _, query = url.partition("?")
    if base and (path == base or path.startswith(base + "/")):
        path = path[len(base) :]
    if ":" in path:
        raise BadRequest(f"{url} is not a URL of this server; write it relative to the base", expression="request.url")
    try:
        segments = [unquote(part, errors="strict") for part in path.split("/") if part]
    except ValueError:
        raise BadRequest("The percent-encoding of the URL is not UTF-8", expression="request.url") from None
    if not all(map(str.isprintable, segments)):
        raise BadRequest("The path holds characters that cannot be printed", expression="request.url")
    try:
        return segments, tuple(query_string(query))
    except BadRequest as error:
        raise BadRequest(str(error), expression="request.url") from None


def _body(method: str, tree: dict[str, Any], plain: Mapping[str, Any]) -> Body:
    """The entry's resource; of a PATCH with a Binary the patch document that is in it."""
    if method != "PATCH" or plain.get("resourceType") != "Binary":
        return Body(tree, tree if tree is plain or _is_plain(tree) else plain)
    data = plain.get("data", "")
    try:
        raw = base64.b64decode(data) if isinstance(data, str) else None
    except ValueError:
        raw = None
    if raw is None:
        raise Invalid("The patch is not base64", code="value", expression="resource.data")
    return Body({}, {}, str(plain.get("contentType", "")).partition(";")[0].strip().lower(), raw)


def _is_plain(tree: dict[str, Any]) -> bool:
    """Whether there is no number in it that a float would spoil, though there is one elsewhere in the Bundle."""
    try:
        orjson.dumps(tree)
    except TypeError:
        return False
    return True


def located(error: FhirError, number: int) -> FhirError:
    """The same error, its expressions in the Bundle: `Bundle.entry[3].resource.name[0]`, `….request.ifMatch`."""
    place = f"Bundle.entry[{number}]"
    issues = [_located(issue, place) for issue in error.issues]
    return type(error)(issues=issues, headers={name: v for name, v in error.headers.items() if name != "ETag"})


def _located(issue: Issue, place: str) -> Issue:
    moved = []
    for expression in issue.expression:
        if expression.startswith("http."):
            moved.append(f"{place}.{_HEADERS.get(expression, 'request.url')}")
        elif expression.startswith(("request", "resource.", "fullUrl")) or expression == "resource":
            moved.append(f"{place}.{expression}")
        else:
            moved += issue.under(f"{place}.resource").expression
    return Issue(issue.code, issue.text, tuple(dict.fromkeys(moved)) or (place,), issue.severity, issue.diagnostics)


def answered(ctx: Context, entry: Entry, response: Response) -> bytes:
    """Bundle.entry of the response Bundle. Without a Prefer of the client, writes return no resource here."""
    request = entry.request
    write = request.method in WRITES and response.version is not None
    wish = request.prefer.representation or "minimal"
    tells = write and wish == "OperationOutcome"
    body = None
    if not (entry.head or tells):
        body = content(request.method, wish, response)
        if body is not None and request.parameters and not write and response.version is not None:
            body = _shaped(body, request)
    outcome = report(response) if tells else None
    if body is not None and response.version is None and response.issues:
        body, outcome = None, report(response)
    key = str(response.version.key) if body is not None and response.version is not None else ""
    answer = written(
        response.status,
        location=response.location,
        etag=response.etag,
        last_modified=response.last_modified,
        outcome=outcome,
    )
    return done(ctx.server.base_url, key, body, answer)


def refused(error: FhirError) -> bytes:
    """Bundle.entry of the response Bundle for an entry of a batch that failed."""
    return done("", "", None, written(error.status, outcome=error.outcome()))


def _shaped(body: bytes, request: Request) -> bytes:
    asked = dict(request.parameters)
    elements = tuple(name.strip() for name in asked.get("_elements", "").split(",") if name.strip())
    return subset(body, asked.get("_summary", ""), elements)
