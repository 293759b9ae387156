"""Traces: one span per request, with words and no values."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fhir_server.observability.tracing import INTERACTION, with_spans
from fhir_server.rest.asgi import Message, Receive, Scope, Send


async def test_a_span_says_what_was_done_and_nothing_of_whom() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope[INTERACTION] = "read"

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert message["status"] == 200

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traceparent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/fhir/Patient/canary",
        "headers": [(b"traceparent", traceparent)],
    }
    await with_spans(application, provider.get_tracer("test"))(scope, receive, send)
    (span,) = exporter.get_finished_spans()
    assert span.name == "read"
    assert span.attributes == {"http.response.status_code": 200, "http.request.method": "GET", INTERACTION: "read"}
    assert span.context is not None
    assert format(span.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert "canary" not in span.to_json()
