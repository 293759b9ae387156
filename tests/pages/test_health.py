"""Health and metrics."""

import httpx


def test_live_and_ready(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}


def test_head(client: httpx.Client) -> None:
    for path in ("/", "/health/live", "/docs"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == client.get(path).headers["content-length"]


def test_metrics_hold_no_values_of_requests(client: httpx.Client) -> None:
    client.get("/fhir/Patient/canary-7?_summary=true")
    client.get("/fhir/Patient?name=canary-7", headers={"x-request-id": "canary-7"})
    client.get("/fhir/canary-7")
    text = client.get("/metrics").text
    assert 'fhir_requests_total{interaction="read",status="404"}' in text
    assert "canary" not in text
