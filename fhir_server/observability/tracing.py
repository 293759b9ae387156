"""OpenTelemetry traces, one span per request, when the setting `telemetry` is on; otherwise nothing is even imported.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/. Spans carry the route's words, method and status: no path, no
query, no ids. `OTEL_*` variables tell where they go.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from fhir_server.settings import SettingError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

INTERACTION: Final = "fhir.interaction"
"""Where the FHIR endpoint leaves the interaction's name in the scope."""


def traced(application: Application) -> Application:
    """The application with its spans sent where `OTEL_*` says. Raises SettingError where the extra is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as missing:
        raise SettingError(
            "FHIR_TELEMETRY needs the extra: pip install 'fhir-server[telemetry]', or set FHIR_TELEMETRY=false"
        ) from missing
    provider = TracerProvider(resource=Resource.create({"service.name": "fhir-server"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return with_spans(application, provider.get_tracer("fhir_server"))


def with_spans(application: Application, tracer: "Tracer") -> Application:
    """The application with a span of this tracer round each request, child of the caller's (traceparent) if there is one."""
    from opentelemetry import propagate, trace  # noqa: PLC0415 - imported only where tracing is on

    async def spanning(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        parent = propagate.extract(
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        )
        with tracer.start_as_current_span(scope["method"], context=parent, kind=trace.SpanKind.SERVER) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await application(scope, receive, sending)
            span.set_attribute("http.request.method", scope["method"])
            if interaction := scope.get(INTERACTION):
                span.update_name(interaction)
                span.set_attribute(INTERACTION, interaction)

    return spanning
