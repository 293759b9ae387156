"""A terminology server elsewhere as fallback: a second server of ours, that is there, slow, gone, or this one itself.

http://hl7.org/fhir/R4/terminology-service.html
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_server.app import create_app
from fhir_server.settings import SettingError, Settings
from tests.http.relay import Relay, relay
from tests.http.site import site
from tests.operations.zoo import ANIMALS, SYSTEM, VS
from tests.stores import NewFolder

Json = dict[str, Any]

PETS = f"{VS}pets"
PETS_HERE = "http://acme.org/ValueSet/pets-here"
MAP = "http://acme.org/ConceptMap/animals-to-food"
DOWN = "could not be asked"


def value_set(url: str, **include: Any) -> Json:
    compose = {"include": [{"system": SYSTEM, **include}]}
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose}


CONCEPT_MAP: Json = {
    "resourceType": "ConceptMap",
    "url": MAP,
    "status": "active",
    "sourceUri": VS,
    "targetUri": "http://acme.org/ValueSet/food",
    "group": [
        {
            "source": SYSTEM,
            "target": "http://acme.org/food",
            "element": [{"code": "cat", "target": [{"code": "fish", "equivalence": "relatedto"}]}],
        }
    ],
}
PROFILE: Json = {
    "resourceType": "StructureDefinition",
    "url": "http://acme.org/StructureDefinition/about-pets",
    "name": "AboutPets",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Observation",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
    "derivation": "constraint",
    "differential": {
        "element": [
            {
                "id": "Observation.code",
                "path": "Observation.code",
                "binding": {"strength": "required", "valueSet": PETS},
            }
        ]
    },
}


def observation(code: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "meta": {"profile": [PROFILE["url"]]},
        "code": {"coding": [{"system": SYSTEM, "code": code}]},
        **more,
    }


def plain(code: str, **more: Any) -> Json:
    """An observation that claims nothing."""
    return {name: value for name, value in observation(code, **more).items() if name != "meta"}


@dataclass
class Pair:
    """`here` asks `there`, through a relay."""

    here: httpx.Client
    there: httpx.Client
    way: Relay

    def get(self, path: str) -> Json:
        answer = self.here.get(f"/fhir/{path}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found


@contextmanager
def pair(folder: Path, **settings: Any) -> Iterator[Pair]:
    with ExitStack() as stack:
        (folder / "there").mkdir()
        way = stack.enter_context(relay())
        there = stack.enter_context(site(folder / "there"))
        way.to = there.base_url.port
        for resource in (ANIMALS, value_set(PETS, filter=[{"property": "concept", "op": "is-a", "value": "mammal"}]), CONCEPT_MAP):  # fmt: skip
            assert there.post(f"/fhir/{resource['resourceType']}", json=resource).status_code == 201
        asked = {
            "terminology_url": f"{way.origin}/fhir",
            "outbound_internal": f"terminology={way.origin}",
            "terminology_timeout": 2.0,
            **settings,
        }
        here = stack.enter_context(site(folder, Settings(**asked)))
        yield Pair(here, there, way)


@pytest.fixture(scope="module")
def both(new_folder: NewFolder) -> Iterator[Pair]:
    with pair(new_folder("both")) as found:
        yield found


@pytest.fixture
def servers(folder: Path) -> Iterator[Pair]:
    with pair(folder) as found:
        yield found


def told(parameters: Json) -> Json:
    return {p["name"]: next((v for n, v in p.items() if n.startswith("value")), None) for p in parameters["parameter"]}


def codes(expanded: Json) -> list[str]:
    return [each["code"] for each in expanded["expansion"].get("contains", ())]


def text(answer: httpx.Response) -> str:
    return "; ".join(issue["details"]["text"] for issue in answer.json()["issue"])


# ---- what is not known here is asked there


@pytest.mark.parametrize(
    "path",
    [
        f"CodeSystem/$lookup?system={SYSTEM}&code=mammal",
        f"CodeSystem/$lookup?system={SYSTEM}&code=cat&property=legs&displayLanguage=de",
        f"CodeSystem/$subsumes?system={SYSTEM}&codeA=mammal&codeB=cat",
        f"CodeSystem/$subsumes?system={SYSTEM}&codeA=cat&codeB=dog",
        f"ConceptMap/$translate?url={MAP}&system={SYSTEM}&code=cat",
        f"ConceptMap/$translate?system={SYSTEM}&code=cat&source={VS}&target=http://acme.org/ValueSet/food",
    ],
)
def test_operations_answer_as_the_other_server_does(both: Pair, path: str) -> None:
    assert both.get(path) == both.there.get(f"/fhir/{path}").json()


@pytest.mark.parametrize(
    ("path", "result"),
    [
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat", True),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=unicorn", False),
        (f"CodeSystem/$validate-code?url={SYSTEM}&code=cat&display=Dog", False),
        (f"ValueSet/$validate-code?url={PETS}&system={SYSTEM}&code=cat", True),
        (f"ValueSet/$validate-code?url={PETS}&system={SYSTEM}&code=cat&display=Dog", False),
        (f"ValueSet/$validate-code?url={PETS}&system={SYSTEM}&code=bird", False),
    ],
)
def test_codes_are_judged_there(both: Pair, path: str, result: bool) -> None:
    assert told(both.get(path))["result"] is result


@pytest.mark.parametrize("query", ["", "&filter=ca", "&count=2&offset=1", "&count=0", "&includeDesignations=true"])
def test_value_sets_are_expanded_there(both: Pair, query: str) -> None:
    path = f"ValueSet/$expand?url={PETS}{query}"
    here, there = both.get(path), both.there.get(f"/fhir/{path}").json()
    assert (codes(here), here["expansion"]["total"]) == (codes(there), there["expansion"]["total"])


@pytest.mark.parametrize(
    "include",
    [
        {},
        {"concept": [{"code": "dog"}, {"code": "unicorn"}, {"code": "cat"}]},
        {"filter": [{"property": "concept", "op": "is-a", "value": "mammal"}]},
        {
            "filter": [
                {"property": "concept", "op": "descendent-of", "value": "mammal"},
                {"property": "legs", "op": "=", "value": "4"},
            ]
        },
        {"filter": [{"property": "concept", "op": "generalizes", "value": "cat"}]},
        {"filter": [{"property": "code", "op": "regex", "value": "c.*"}]},
        {"filter": [{"property": "parent", "op": "=", "value": "mammal"}]},
        {"filter": [{"property": "concept", "op": "is-not-a", "value": "mammal"}]},
        {"valueSet": [PETS]},
    ],
)
def test_a_value_set_that_is_here_has_members_from_there(both: Pair, include: Json) -> None:
    sent = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": value_set("http://acme.org/sent", **include)}]}  # fmt: skip
    here, there = (c.post("/fhir/ValueSet/$expand", json=sent) for c in (both.here, both.there))
    assert (here.status_code, there.status_code) == (200, 200), here.text
    assert sorted(codes(here.json())) == sorted(codes(there.json()))
    for code in ("cat", "bird", "unicorn"):
        asked = {**sent, "parameter": [*sent["parameter"], {"name": "coding", "valueCoding": {"system": SYSTEM, "code": code}}]}  # fmt: skip
        answers = [c.post("/fhir/ValueSet/$validate-code", json=asked).json() for c in (both.here, both.there)]
        assert [told(answer)["result"] for answer in answers] == [code in codes(there.json())] * 2


def test_excludes_too(both: Pair) -> None:
    resource = value_set("http://acme.org/sent")
    resource["compose"]["exclude"] = [{"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "mammal"}]}]  # fmt: skip
    resource["compose"]["inactive"] = False
    here, there = (c.post("/fhir/ValueSet/$expand", json=resource).json() for c in (both.here, both.there))
    assert sorted(codes(here)) == sorted(codes(there)) != []


def test_what_neither_knows_is_not_found(both: Pair) -> None:
    for path in (
        "CodeSystem/$lookup?system=http://acme.org/none&code=x",
        "ValueSet/$expand?url=http://acme.org/none",
        "ValueSet/$validate-code?url=http://acme.org/none&system=http://acme.org/none&code=x",
        "ConceptMap/$translate?url=http://acme.org/none&system=http://acme.org/none&code=x",
    ):
        answer = both.here.get(f"/fhir/{path}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found"), path


def test_what_is_here_is_not_asked_there(both: Pair) -> None:
    asked = len(both.way.requests)
    gender = "http://hl7.org/fhir/administrative-gender"
    assert told(both.get(f"CodeSystem/$lookup?system={gender}&code=male"))["display"] == "Male"
    assert told(both.get("CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mg"))["result"] is True
    assert both.here.post("/fhir/Patient", json={"resourceType": "Patient", "gender": "male"}).status_code == 201
    assert len(both.way.requests) == asked


def test_searches_use_it(both: Pair) -> None:
    for code in ("cat", "bird", "mammal"):
        assert both.here.post("/fhir/Observation", json=plain(code)).status_code == 201
    both.here.post("/fhir/ValueSet", json=value_set(PETS_HERE, filter=[{"property": "concept", "op": "is-a", "value": "mammal"}]))  # fmt: skip

    def found(query: str) -> set[str]:
        entries = both.get(f"Observation?{query}").get("entry", ())
        return {entry["resource"]["code"]["coding"][0]["code"] for entry in entries}

    assert found(f"code:in={PETS}") == {"cat", "mammal"}
    assert found(f"code:in={PETS_HERE}") == {"cat", "mammal"}
    assert found(f"code:not-in={PETS}") == {"bird"}
    assert found(f"code:below={SYSTEM}|mammal") == {"cat", "mammal"}
    assert found(f"code:above={SYSTEM}|cat") == {"cat", "mammal"}


def test_expressions_use_it(both: Pair) -> None:
    resource = plain("cat", method={"coding": [{"system": SYSTEM, "code": "mammal"}]})
    for expression, expected in (
        (f"code.memberOf('{PETS}')", True),
        ("code.subsumedBy(method)", True),
        ("code.subsumes(method)", False),
    ):
        asked = {"resourceType": "Parameters", "parameter": [{"name": "expression", "valueString": expression}, {"name": "resource", "resource": resource}]}  # fmt: skip
        answer = both.here.post("/fhir/$fhirpath", json=asked).json()
        assert [part.get("valueBoolean") for part in answer["parameter"][0]["part"]] == [expected], expression


def test_answers_are_remembered(both: Pair) -> None:
    path = f"CodeSystem/$lookup?system={SYSTEM}&code=dog"
    first = both.get(path)
    asked = len(both.way.requests)
    assert both.get(path) == first
    assert len(both.way.requests) == asked


# ---- writes


@pytest.fixture
def profiled(servers: Pair) -> Pair:
    assert servers.here.post("/fhir/StructureDefinition", json=PROFILE).status_code == 201
    return servers


def test_bindings_are_judged_there(profiled: Pair) -> None:
    assert profiled.here.post("/fhir/Observation", json=observation("cat")).status_code == 201
    refused = profiled.here.post("/fhir/Observation", json=observation("bird"))
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (422, ["Observation.code.coding[0]"])


def json_patch(code: str) -> tuple[str, Any]:
    return "application/json-patch+json", [{"op": "replace", "path": "/code/coding/0/code", "value": code}]


def test_a_patch_and_conditions_within_transactions_are_judged_there(profiled: Pair) -> None:
    """Nothing is asked while the store is held: the transaction begins anew once the answer is here."""
    here = profiled.here
    made = here.post("/fhir/Observation", json=observation("cat")).json()["id"]
    for code, status in (("dog", 200), ("bird", 422), ("bat", 200)):
        kind, patch = json_patch(code)
        answer = here.patch(f"/fhir/Observation/{made}", json=patch, headers={"content-type": kind})
        assert answer.status_code == status
    condition = f"code:in={PETS}"
    again = here.post("/fhir/Observation", json=observation("cat"), headers={"if-none-exist": condition})
    assert (again.status_code, again.json()["id"]) == (200, made)
    entry = {"resource": observation("dog"), "request": {"method": "POST", "url": "Observation", "ifNoneExist": condition}}  # fmt: skip
    read = {"request": {"method": "GET", "url": f"Observation?code:below={SYSTEM}|mammal"}}
    lookup = {"request": {"method": "GET", "url": f"CodeSystem/$lookup?system={SYSTEM}&code=bird"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, read, lookup]}
    answer = here.post("/fhir", json=bundle)
    assert answer.status_code == 200, answer.text
    entries = answer.json()["entry"]
    assert entries[0]["response"]["status"][:3] == "200"
    assert entries[1]["resource"]["total"] == 1
    assert told(entries[2]["resource"])["display"] == "Bird"


def test_other_writers_do_not_wait_for_it(profiled: Pair) -> None:
    here, way = profiled.here, profiled.way
    made = here.post("/fhir/Observation", json=observation("cat")).json()["id"]
    way.delay = 1.0
    kind, patch = json_patch("dog")
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        slow = pool.submit(here.patch, f"/fhir/Observation/{made}", json=patch, headers={"content-type": kind})
        time.sleep(0.2)
        with httpx.Client(base_url=here.base_url) as other:
            start = time.monotonic()
            assert other.post("/fhir/Patient", json={"resourceType": "Patient"}).status_code == 201
            assert time.monotonic() - start < 0.7
        assert not slow.done()
        assert slow.result().status_code == 200


# ---- down, slow, circular


def stopped(servers: Pair) -> None:
    servers.way.to = None


def slow(servers: Pair) -> None:
    servers.way.delay = 10.0


@pytest.mark.parametrize("trouble", [stopped, slow])
def test_when_it_cannot_be_asked_that_is_said(profiled: Pair, trouble: Callable[[Pair], None]) -> None:
    here = profiled.here
    trouble(profiled)
    start = time.monotonic()
    created = here.post("/fhir/Observation", json=observation("bird"))
    assert created.status_code == 201  # nobody can tell that it is wrong
    assert time.monotonic() - start < 5
    checked = here.post("/fhir/Observation/$validate", json=observation("bird")).json()["issue"]
    said = [issue for issue in checked if DOWN in issue["details"]["text"]]
    assert [(issue["severity"], issue["expression"]) for issue in said] == [("warning", ["Observation.code"])]
    kind, patch = json_patch("bat")
    answer = here.patch(f"/fhir/Observation/{created.json()['id']}", json=patch, headers={"content-type": kind})
    assert answer.status_code == 200
    for path in (
        f"CodeSystem/$lookup?system={SYSTEM}&code=cat",
        f"CodeSystem/$validate-code?url={SYSTEM}&code=cat",
        f"CodeSystem/$subsumes?system={SYSTEM}&codeA=mammal&codeB=cat",
        f"ValueSet/$expand?url={PETS}",
        f"ValueSet/$validate-code?url={PETS}&system={SYSTEM}&code=cat",
        f"ConceptMap/$translate?url={MAP}&system={SYSTEM}&code=cat",
        f"Observation?code:in={PETS}",
        f"Observation?code:not-in={PETS}",
        f"Observation?code:below={SYSTEM}|mammal",
    ):
        refused = here.get(f"/fhir/{path}")
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (503, "transient"), path
        assert DOWN in text(refused)
        assert "retry-after" in refused.headers
    assert time.monotonic() - start < 15


def test_it_is_asked_again_after_a_while(servers: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.terminology.remote.asking.REST", 0.2)
    to, servers.way.to = servers.way.to, None
    path = f"/fhir/CodeSystem/$lookup?system={SYSTEM}&code=cat"
    assert servers.here.get(path).status_code == 503
    servers.way.to = to
    time.sleep(0.3)
    assert servers.here.get(path).status_code == 200


def test_old_answers_are_asked_for_again(folder: Path) -> None:
    with pair(folder, terminology_cache_age=0.3) as servers:
        path = f"CodeSystem/$lookup?system={SYSTEM}&code=cat"
        servers.get(path)
        asked = len(servers.way.requests)
        time.sleep(0.4)
        servers.get(path)
        assert len(servers.way.requests) > asked


def test_only_the_code_systems_named_are_asked_for(folder: Path) -> None:
    with pair(folder, terminology_systems="http://snomed.info/sct, http://acme.org/other") as servers:
        assert servers.here.get(f"/fhir/CodeSystem/$lookup?system={SYSTEM}&code=cat").status_code == 404
        assert servers.here.get(f"/fhir/ValueSet/$expand?url={PETS}").status_code == 404
        assert servers.way.requests == []
        assert servers.here.get("/fhir/CodeSystem/$lookup?system=http://snomed.info/sct&code=1").status_code == 404
        assert servers.way.requests == ["GET /fhir/metadata?mode=terminology HTTP/1.1"]


def test_a_server_that_is_its_own_remote_says_so(folder: Path) -> None:
    with relay() as way:
        settings = Settings(terminology_url=f"{way.origin}/fhir", outbound_internal=f"terminology={way.origin}")
        with site(folder, settings) as client:
            way.to = client.base_url.port
            start = time.monotonic()
            lookup = client.get("/fhir/CodeSystem/$lookup?system=http://acme.org/none&code=x")
            assert (lookup.status_code, "is this server itself" in text(lookup)) == (503, True)
            expanded = client.get("/fhir/ValueSet/$expand?url=http://acme.org/none")
            assert (expanded.status_code, DOWN in text(expanded)) == (503, True)
            assert time.monotonic() - start < 3
            assert len(way.requests) <= 3


def test_two_servers_that_ask_each_other_come_to_an_end(folder: Path) -> None:
    with ExitStack() as stack:
        ways = [stack.enter_context(relay()) for _ in range(2)]
        clients = []
        for number, way in enumerate(ways):
            place = folder / str(number)
            place.mkdir()
            settings = Settings(terminology_url=f"{way.origin}/fhir", outbound_internal=f"terminology={way.origin}")
            clients.append(stack.enter_context(site(place, settings)))
        ways[0].to, ways[1].to = clients[1].base_url.port, clients[0].base_url.port
        start = time.monotonic()
        for client in clients:
            expanded = client.get("/fhir/ValueSet/$expand?url=http://acme.org/none")
            assert (expanded.status_code, DOWN in text(expanded)) == (503, True)
        assert time.monotonic() - start < 3
        assert len(ways[0].requests) + len(ways[1].requests) <= 4


@pytest.mark.parametrize(
    "settings",
    [
        {"terminology_url": "http://127.0.0.1:8000/fhir", "outbound_internal": "terminology=http://127.0.0.1:8000"},
        {"terminology_url": "http://127.0.0.1:9000/fhir"},
        {"terminology_url": "http://tx.example.org/fhir"},
        {"terminology_url": "https://tx.example.org:8443/fhir"},
        {"terminology_url": "https://tx.example.org/fhir?x=y"},
        {"terminology_url": "tx.example.org"},
        {"terminology_url": "https://user:secret@tx.example.org/"},
    ],
)
def test_settings_that_cannot_be_stop_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="FHIR_TERMINOLOGY_URL"):
        create_app(Settings(**settings))  # type: ignore[arg-type]
