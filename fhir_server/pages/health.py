"""Health for load balancers, metrics for Prometheus.

*live*: the process answers. *ready*: it can write and sync to its store. Neither tells a stranger more than that.
"""

import time
from typing import Any

import orjson
from fastapi import APIRouter, HTTPException, Request
from starlette.responses import JSONResponse, Response

from fhir_server.outcome import Unavailable
from fhir_server.storage.base import Store

FRESH = 1.0
"""How long the answer of *ready* holds, in seconds: however often it is asked, the store is not."""


class Json(JSONResponse):
    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


router = APIRouter(tags=["Operating the server"])
_probed: dict[int, tuple[float, bool]] = {}


@router.get("/health/live", summary="The process is alive")
async def live() -> Json:
    return Json({"status": "live"})


@router.get("/health/ready", summary="Requests can be served: the store takes writes", responses={503: {}})
async def ready(request: Request) -> Json:
    """200 when a small record could be written and synced within the last second, 503 otherwise."""
    if await _writable(request.app.state.server.store):
        return Json({"status": "ready"})
    return Json({"status": "not ready"}, status_code=503, headers={"Retry-After": "1"})


async def _writable(store: Store) -> bool:
    at, result = _probed.get(id(store), (-FRESH, False))
    if time.monotonic() - at > FRESH:
        try:
            await store.probe()
            result = True
        except Unavailable:
            result = False
        _probed.clear()
        _probed[id(store)] = (time.monotonic(), result)
    return result


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Requests by interaction and status, durations, what is under way, the process; the sum over all workers."""
    if not request.app.state.server.settings.metrics:
        raise HTTPException(404)
    content, media_type = request.app.state.metrics.exposition(request.headers.get("accept", ""))
    return Response(content, headers={"content-type": media_type})
