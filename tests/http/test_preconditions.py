"""Entity tags over HTTP as RFC 9110 §13 has them: lists, and If-None-Match on writes.

http://hl7.org/fhir/R4/http.html#concurrency
"""

import httpx
import pytest


def _put(client: httpx.Client, place: str, **headers: str) -> httpx.Response:
    resource = {"resourceType": "Patient", "id": place.rpartition("/")[2], "active": True}
    return client.put(place, json=resource, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": 'W/"7", W/"1"'}, 200),
        ({"if_match": 'W/"7", W/"8"'}, 412),
        ({"if_match": "1"}, 400),
        ({"if_none_match": 'W/"1"'}, 412),
        ({"if_none_match": 'W/"2", W/"1"'}, 412),
        ({"if_none_match": "*"}, 412),
        ({"if_none_match": 'W/"2"'}, 200),
    ],
)
def test_an_update_under_conditions(client: httpx.Client, patient: str, headers: dict[str, str], status: int) -> None:
    done = _put(client, patient, **headers)

    assert done.status_code == status
    if status != 200:
        name = "If-Match" if "if_match" in headers else "If-None-Match"
        assert done.json()["issue"][0]["expression"] == [f"http.{name}"]
        assert client.get(patient).headers["etag"] == 'W/"1"'


def test_an_unknown_summary_in_an_entry_is_refused_before_anything_is_written(
    client: httpx.Client, patient: str
) -> None:
    entries = [
        {"request": {"method": "GET", "url": f"{patient.removeprefix('/fhir/')}?_summary=bogus"}},
        {"request": {"method": "DELETE", "url": patient.removeprefix("/fhir/")}},
    ]

    done = client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert (done.status_code, done.json()["issue"][0]["expression"]) == (400, ["Bundle.entry[0].request.url"])
    assert client.get(patient).status_code == 200
