"""A client without HTTP: requests go straight through the route table of a server on a store of its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson

from fhir_server.app import HOOKS
from fhir_server.context import Body, Hooks, Prefer, Response, Server, context
from fhir_server.formats import json
from fhir_server.interactions.preferred import content
from fhir_server.model import Version
from fhir_server.outcome import FhirError
from fhir_server.routes import Routes
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import Settings
from tests.stores import opened

BASE = "http://test.example/fhir"

Json = dict[str, Any]


async def server(folder: Path, *, hooks: Hooks | None = None, **settings: Any) -> Server:
    """A server on an opened store; whoever asks for it closes the store."""
    given = Settings(**settings)
    store = await opened(folder, given)
    return Server(given, store, Routes(), BASE, b"k" * 32, HOOKS if hooks is None else hooks)


class Client:
    """What went out with the last request is in `response`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.response = Response(0)

    async def request(
        self,
        method: str,
        url: str,
        resource: Any = None,
        *,
        media_type: str = "application/fhir+json",
        prefer: Prefer | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        if_modified_since: datetime | None = None,
        if_none_exist: str | None = None,
    ) -> Any:
        """The answer's JSON, None without a body. FhirError comes out as it is."""
        path, _, query = url.removeprefix(BASE).partition("?")
        match = self.server.routes.match(method, [part for part in path.split("/") if part])
        request = match.request(
            parameters=tuple(parse_qsl(query, keep_blank_values=True)),
            body=None if resource is None else body(resource, media_type),
            if_match=if_match,
            if_none_match=if_none_match,
            if_modified_since=if_modified_since,
            if_none_exist=if_none_exist,
            prefer=prefer,
        )
        ctx = context(self.server, UNRESTRICTED, "test")
        self.response = await self.server.routes.dispatch(ctx, request)
        sent = content(method, request.prefer.representation, self.response)
        return None if sent is None else orjson.loads(sent)

    async def get(self, url: str, **given: Any) -> Any:
        return await self.request("GET", url, **given)

    async def post(self, url: str, resource: Any, **given: Any) -> Any:
        return await self.request("POST", url, resource, **given)

    async def put(self, url: str, resource: Any, **given: Any) -> Any:
        return await self.request("PUT", url, resource, **given)

    async def delete(self, url: str, **given: Any) -> Any:
        return await self.request("DELETE", url, **given)

    async def fails(self, method: str, url: str, resource: Any = None, **given: Any) -> FhirError:
        """The error that the request is answered with."""
        try:
            answer = await self.request(method, url, resource, **given)
        except FhirError as error:
            return error
        raise AssertionError(f"{method} {url} succeeded with {self.response.status}: {answer}")

    async def transaction(self, *entries: Mapping[str, Any], **given: Any) -> Json:
        """The transaction-response."""
        made: Json = await self.post("", bundle("transaction", *entries), **given)
        return made

    async def ids(self, url: str) -> list[str]:
        """The ids of all matches of a search, page after page."""
        found: list[str] = []
        next_: str | None = url
        while next_ is not None:
            page = await self.get(next_)
            found += [entry["resource"]["id"] for entry in page.get("entry", ()) if entry["search"]["mode"] == "match"]
            next_ = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        return found

    async def everything(self) -> list[tuple[str, str, str, bytes | None]]:
        """All versions of the store, newest first: key, version id, method, body."""
        reader = self.server.store.reader(UNRESTRICTED)
        found: list[Version] = []
        after: str | None = None
        while True:
            page = await reader.history(None, count=1000, after=after)
            found += page.versions
            after = page.next
            if after is None:
                return [(str(v.key), v.version_id, v.method, v.body) for v in found]


def body(resource: Any, media_type: str) -> Body:
    """A submitted body. Bytes are sent as they are."""
    raw = resource if isinstance(resource, bytes) else orjson.dumps(resource)
    if media_type.endswith(("patch+json", "patch+xml")):
        return Body({}, {}, media_type, raw)
    parsed = json.parse(raw)
    return Body(parsed.tree, parsed.plain, media_type, raw)


def bundle(type_: str, *entries: Mapping[str, Any]) -> Json:
    return {"resourceType": "Bundle", "type": type_, **({"entry": list(entries)} if entries else {})}


def entry(method: str, url: str, resource: Mapping[str, Any] | None = None, full_url: str = "", **request: str) -> Json:
    made: Json = {"request": {"method": method, "url": url, **request}}
    if full_url:
        made["fullUrl"] = full_url
    if resource is not None:
        made["resource"] = resource
    return made


def patient(id_: str = "", **more: Any) -> Json:
    return {"resourceType": "Patient", **({"id": id_} if id_ else {}), **more}


def identified(value: str, **more: Any) -> Json:
    return patient(identifier=[{"system": "http://acme.org/mrn", "value": value}], **more)


def observation(subject: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "c"},
        "subject": {"reference": subject},
        **more,
    }


def statuses(response: Json) -> list[str]:
    return [entry["response"]["status"] for entry in response.get("entry", [])]


def plain(resource: Json) -> Json:
    """The resource without what the server adds: id and meta."""
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}


def expressions(error: FhirError) -> Sequence[tuple[str, ...]]:
    return [issue.expression for issue in error.issues]


P = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
Q = "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"
ONE = "identifier=http://acme.org/mrn|1"


async def the(client: Client, type_: str) -> dict[str, Any]:
    """The only resource of its type."""
    (entry_,) = (await client.get(type_))["entry"]
    found: dict[str, Any] = entry_["resource"]
    return found


def encounter(subject: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": subject},
        **more,
    }
