"""The first requests: exact commands about things that are in the demo data, with the answers that they promise."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from fhir_server.validation.structure import check
from tests.examples.demo import EXAMPLES, codes, of_type, patient_of, references, resources

BASE = "http://127.0.0.1:8000/fhir"
BLOCK = re.compile(
    r"^## (\d+)\. .*?\n\n```sh\n(.*?)\n```\n\nAnswers `(\d{3})`(.*?)(?=\n## |\Z)", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class FirstRequest:
    """One fenced command: its number, words, and what the page says it answers."""

    number: int
    words: list[str]
    status: int
    promise: str

    @property
    def url(self) -> str:
        (url,) = [word for word in self.words if word.startswith("http")]
        return url

    @property
    def criteria(self) -> dict[str, str]:
        encoded = [after for word, after in zip(self.words, self.words[1:], strict=False) if word == "--data-urlencode"]
        return {**dict(parse_qsl(urlsplit(self.url).query)), **dict(pair.split("=", 1) for pair in encoded)}

    @property
    def body(self) -> object:
        texts = [after for word, after in zip(self.words, self.words[1:], strict=False) if word == "-d"]
        return orjson.loads(texts[0]) if texts else None

    @property
    def matches(self) -> int:
        found = re.search(r"with (\d+) match", self.promise)
        assert found is not None
        return int(found[1])


@cache
def requests() -> dict[int, FirstRequest]:
    page = (EXAMPLES / "first-requests.md").read_text()
    found = [
        FirstRequest(int(n), shlex.split(sh), int(status), promise) for n, sh, status, promise in BLOCK.findall(page)
    ]
    assert page.count("```sh") == len(found)
    return {request.number: request for request in found}


def test_requests_are_numbered_in_order() -> None:
    assert list(requests()) == list(range(1, 17))


@pytest.mark.parametrize("number", range(1, 17))
def test_request_is_a_curl_command_to_the_server_of_make_run(number: int) -> None:
    request = requests()[number]
    assert request.words[0] == "curl"
    assert request.url == BASE or request.url.startswith(f"{BASE}/")


@pytest.mark.parametrize("number", [1, 9, 10, 11, 12, 16])
def test_resource_that_is_asked_for_is_in_the_demo(number: int) -> None:
    path = urlsplit(requests()[number].url).path.removeprefix("/fhir/").removesuffix("/_history")
    assert path in resources()


@pytest.mark.parametrize("number", [8, 9, 10, 13, 14])
def test_body_is_valid_and_refers_to_what_is_there(number: int) -> None:
    body = requests()[number].body
    assert isinstance(body, dict)
    assert check(body) == ()
    assert [target for target in references(body) if not target.startswith("urn:") and target not in resources()] == []


def test_names_match_as_often_as_promised() -> None:
    for number in (2, 3):
        request = requests()[number]
        wanted = request.criteria["name"].lower()
        words = {
            patient["id"]: [part for name in patient["name"] for part in [name["family"], *name.get("given", [])]]
            for patient in of_type("Patient")
        }
        assert sum(any(word.lower().startswith(wanted) for word in each) for each in words.values()) == request.matches


def test_observations_match_as_often_as_promised() -> None:
    request = requests()[4]
    code = request.criteria["code"].partition("|")[2]
    values = {
        each["effectiveDateTime"]: each["valueQuantity"]["value"]
        for each in of_type("Observation")
        if patient_of(each) == f"Patient/{request.criteria['patient']}"
        and code in codes(each["code"])
        and each["effectiveDateTime"] >= "2024"
    }
    assert len(values) == request.matches
    assert values[max(values)] == 6.7


def test_chains_match_as_often_as_promised() -> None:
    allergies = [each for each in of_type("AllergyIntolerance") if patient_of(each) == "Patient/rohan-verma"]
    assert len(allergies) == requests()[5].matches
    wanted = requests()[6].criteria["_has:Condition:patient:code"].partition("|")[2]
    sick = {patient_of(each) for each in of_type("Condition") if wanted in codes(each["code"])}
    assert sick == {"Patient/asha-verma", "Patient/rahim-uddin"}
    assert len(sick) == requests()[6].matches


def test_included_practitioner_is_the_only_cardiologist() -> None:
    request = requests()[7]
    wanted = request.criteria["specialty"]
    roles = [
        role for role in of_type("PractitionerRole") if any(wanted in codes(each) for each in role.get("specialty", []))
    ]
    assert [role["practitioner"]["reference"] for role in roles] == ["Practitioner/sara-lindqvist"]
    assert request.matches == 1


def test_patch_begins_at_what_the_demo_says() -> None:
    appointment = resources()["Appointment/kamla-verma-2026-11-25"]
    assert appointment["status"] == "pending"
    assert appointment["participant"][0]["status"] == "needs-action"
