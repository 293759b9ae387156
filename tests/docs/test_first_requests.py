"""examples/first-requests.md, request after request against `serve --demo`: each answers what the page says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.examples.test_first_requests import BASE, requests
from tests.http.server import running


def test_first_requests_answer_as_promised(tmp_path: Path) -> None:
    with running("--demo", cwd=tmp_path) as server:
        for number, asked in requests().items():
            words = [word.replace(BASE, server.base) for word in asked.words if word not in ("-i", "-sS")]
            ran = subprocess.run([words[0], "-sS", "-i", *words[1:]], capture_output=True, check=True)
            head, _, body = ran.stdout.decode().partition("\r\n\r\n")
            assert int(head.split(" ")[1]) == asked.status, (number, head, body[:500])
            matches = re.search(r"with (\d+) match", asked.promise)
            if matches:
                assert body.count('"mode":"match"') == int(matches[1]), number
            entries = re.search(r"(\d+) entries", asked.promise)
            if entries:
                assert body.count('"response":') == int(entries[1]), number
            etag = re.search(r"`ETag: (\S+)`", asked.promise)
            if etag:
                assert f"etag: {etag[1]}" in head.lower().replace("w/", "W/"), number
            if "OperationOutcome" in asked.promise:
                assert '"resourceType":"OperationOutcome"' in body, number


def test_curl_is_there() -> None:
    try:
        subprocess.run(["curl", "--version"], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.fail("curl is absent: the first requests cannot be run as they stand")
