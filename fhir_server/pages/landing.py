"""The landing page: what this is, what is in it, where to go on. Plain HTML and CSS, made for reading and for screen readers."""

import time
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse, Response

from fhir_server.context import Server
from fhir_server.outcome import FhirError

FRESH = 5.0
"""How long counts are shown before they are taken anew, in seconds."""

_STATIC = files("fhir_server.pages") / "static"
_TRY = (
    ("What this server can do", "metadata"),
    ("Patients, ten at a time", "Patient?_count=10"),
    ("Everybody called Okafor", "Patient?name=okafor"),
    ("Observations with their patients", "Observation?_count=5&_include=Observation:patient"),
    ("What changed last", "_history?_count=10"),
)

router = APIRouter(include_in_schema=False)
_counted: dict[int, tuple[float, Mapping[str, int]]] = {}


@router.get("/")
async def landing(request: Request) -> HTMLResponse:
    server: Server = request.app.state.server
    page = Template((_STATIC / "landing.html").read_text("utf-8"))
    base = escape(server.base_url)
    return HTMLResponse(
        page.substitute(
            base=base,
            tries="\n".join(
                f'<li><a href="{base}/{escape(path)}">{escape(words)}</a> <code>GET /{escape(path)}</code></li>'
                for words, path in _TRY
            ),
            counts=_table(await _counts(server), base),
            notice=_OPEN if server.settings.auth == "none" else "",
        ),
        headers={"cache-control": "no-cache"},
    )


_OPEN = (
    '<p class="notice"><strong>No sign-in.</strong> Whoever reaches this address can read and change everything: '
    "fit for trying out, not for real patients.</p>"
)


async def _counts(server: Server) -> Mapping[str, int]:
    at, counts = _counted.get(id(server), (-FRESH, {}))
    if time.monotonic() - at > FRESH:
        try:
            counts = {type_: count for type_, count in (await server.store.counts()).items() if count}
        except FhirError:
            counts = {}
        _counted.clear()
        _counted[id(server)] = (time.monotonic(), counts)
    return counts


def _table(counts: Mapping[str, int], base: str) -> str:
    if not counts:
        return "<p>Nothing yet. <code>fhir-server load FOLDER</code> brings resources in, or send a Bundle.</p>"
    rows = "\n".join(
        f'<tr><th scope="row"><a href="{base}/{type_}">{type_}</a></th><td>{count:,}</td></tr>'
        for type_, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return (
        f"<table><caption>{sum(counts.values()):,} resources</caption>"
        f'<thead><tr><th scope="col">Type</th><th scope="col">Current</th></tr></thead><tbody>{rows}</tbody></table>'
    )


_TYPES = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """The files of the pages themselves, by their exact names."""
    known = {entry.name: entry for entry in _STATIC.iterdir()}
    if name not in known or name.endswith(".html"):
        raise HTTPException(404)
    media_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
    headers = {"content-type": media_type, "cache-control": "max-age=3600"}
    return Response(known[name].read_bytes(), headers=headers)
