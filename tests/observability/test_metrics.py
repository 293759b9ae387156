"""Figures for Prometheus."""

import os
import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fhir_server.observability.metrics import Metrics, shared_folder

NOBODY = 2**22 + 1
"""A process id that no system gives."""


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """What the exposition says of requests: (sample, *label values) → value."""
    text = metrics.exposition()[0].decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        if family.name.startswith("fhir_")
        for sample in family.samples
    }


def test_requests_are_counted_by_interaction_and_status() -> None:
    metrics = Metrics()
    metrics.count("read", 200, 0.002)
    metrics.count("read", 200, 0.2)
    metrics.count("read", 404, 100.0)
    metrics.under_way = 3
    found = figures(metrics)
    assert found["fhir_requests_total", "read", "200"] == 2
    assert found["fhir_requests_total", "read", "404"] == 1
    assert found["fhir_request_seconds_bucket", "read", "0.001"] == 0
    assert found["fhir_request_seconds_bucket", "read", "0.0025"] == 1
    assert found["fhir_request_seconds_bucket", "read", "30.0"] == 2
    assert found["fhir_request_seconds_bucket", "read", "+Inf"] == 3
    assert found["fhir_request_seconds_count", "read"] == 3
    assert found["fhir_request_seconds_sum", "read"] == pytest.approx(100.202)
    assert found[("fhir_requests_under_way",)] == 3


def test_workers_add_up(tmp_path: Path) -> None:
    other, this = Metrics(tmp_path), Metrics(tmp_path)
    other.count("read", 200, 0.1)
    other.under_way = 5
    other.write_down()
    (tmp_path / f"{os.getpid()}.json").rename(tmp_path / f"{NOBODY}.json")
    this.count("read", 200, 0.1)
    this.count("create", 201, 0.1)
    found = figures(this)
    assert found["fhir_requests_total", "read", "200"] == 2
    assert found["fhir_requests_total", "create", "201"] == 1
    assert found[("fhir_requests_under_way",)] == 0  # that worker has ended


def test_a_new_server_begins_at_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{NOBODY}.json").write_text('{"under_way": 1, "rows": []}')
    Metrics(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_shared_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = shared_folder(1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert shared_folder(1) == folder
    folder.chmod(0o777)
    with pytest.raises(PermissionError):
        shared_folder(1)
