"""Bundles over HTTP that are small, but ask for more than fits into memory.

http://hl7.org/fhir/R4/http.html#transaction
"""

import json
from pathlib import Path

from fhir_server.interactions import entries
from fhir_server.settings import Settings
from tests.http.site import site


def test_what_the_entries_of_a_bundle_read_is_limited(folder: Path) -> None:
    """The rest of a batch is refused, entry by entry; writes are not. A transaction is refused as a whole."""
    text = "x" * 2**20
    reading = {"request": {"method": "GET", "url": "Basic?_count=1000"}}
    writing = {
        "request": {"method": "POST", "url": "Basic"},
        "resource": {"resourceType": "Basic", "code": {"text": "new"}},
    }
    with site(folder, Settings()) as client:
        for _ in range(4):
            made = client.post("/fhir/Basic", json={"resourceType": "Basic", "code": {"text": text}})
            assert made.status_code == 201
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": [reading] * 80 + [writing]}

        batch = client.post("/fhir", content=json.dumps(bundle), headers={"content-type": "application/fhir+json"})
        transaction = client.post("/fhir", json={**bundle, "type": "transaction"})

        statuses = [entry["response"]["status"][:3] for entry in batch.json()["entry"]]
        assert statuses[0] == "200"
        assert (statuses[79], statuses[80]) == ("413", "201")
        assert len(batch.content) < 4 * entries.MOST_READ
        assert (transaction.status_code, transaction.json()["issue"][0]["code"]) == (413, "too-costly")
        assert transaction.json()["issue"][0]["expression"][0].startswith("Bundle.entry[")
        assert client.get("/fhir/Basic?_count=0").json()["total"] == 5
