"""capabilities: what is said is true, and valid."""

from pathlib import Path

from fhir_server.definitions import definitions
from fhir_server.interactions.capabilities import statement
from fhir_server.validation import structure
from tests.interactions.client import BASE, Client, server


async def test_statement_is_valid_and_names_what_the_table_has(client: Client) -> None:
    made = await client.get("metadata")
    assert structure.check(made) == ()
    assert (made["fhirVersion"], made["implementation"]["url"]) == ("4.0.1", BASE)
    (rest,) = made["rest"]
    assert [i["code"] for i in rest["interaction"]] == ["transaction", "batch", "search-system", "history-system"]
    assert tuple(r["type"] for r in rest["resource"]) == definitions().resource_types
    patient = next(r for r in rest["resource"] if r["type"] == "Patient")
    assert [i["code"] for i in patient["interaction"]] == [
        "read",
        "vread",
        "update",
        "patch",
        "delete",
        "history-instance",
        "history-type",
        "create",
        "search-type",
    ]
    assert (patient["versioning"], patient["updateCreate"], patient["conditionalDelete"]) == (
        "versioned",
        True,
        "multiple",
    )
    assert "Observation:subject" in patient["searchRevInclude"]


async def test_every_search_parameter_that_is_named_can_be_searched_by(client: Client) -> None:
    made = await client.get("metadata")
    for resource in made["rest"][0]["resource"]:
        if resource["type"] in ("Patient", "Observation", "ValueSet", "Binary", "Location"):
            for parameter in resource["searchParam"]:
                await client.get(f"{resource['type']}?{_asked(parameter)}")
            for include in resource.get("searchInclude", ()):
                await client.get(f"{resource['type']}?_include={include}")
            for include in resource.get("searchRevInclude", ())[:20]:
                await client.get(f"{resource['type']}?_revinclude={include}")
    for parameter in made["rest"][0]["searchParam"]:
        await client.get(f"?{_asked(parameter)}&_type=Patient,Observation")


VALUES = {"_filter": "_id eq x", "near": "1|2", "_text": "x", "_content": "x"}


def _asked(parameter: dict[str, str]) -> str:
    """A search by it: for :missing where it has that modifier, otherwise for a value."""
    name, type_ = parameter["name"], parameter["type"]
    if "(modifiers: :missing" in parameter["documentation"]:
        return f"{name}:missing=true"
    return f"{name}={VALUES.get(name, '2013' if type_ != 'composite' else 'a$2013')}"


async def test_settings_change_what_is_said(folder: Path) -> None:
    running = await server(
        folder,
        update_as_create=False,
        require_if_match=True,
        conditional_delete_multiple=1,
        referential_integrity=True,
        cors_origins="",
    )
    rest = statement(running)["rest"][0]
    resource = rest["resource"][0]
    assert rest["security"]["cors"] is False
    assert {
        name: resource[name] for name in ("updateCreate", "versioning", "conditionalDelete", "referencePolicy")
    } == {
        "updateCreate": False,
        "versioning": "versioned-update",
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", "enforced"],
    }
    await running.store.close()


async def test_modes_and_summary(client: Client) -> None:
    whole = await client.get("metadata")
    assert await client.get("metadata?mode=full") == whole
    terminology = await client.get("metadata?mode=terminology")
    assert terminology["resourceType"] == "TerminologyCapabilities"
    assert structure.check(terminology) == ()
    assert (await client.fails("GET", "metadata?mode=x")).status == 400
    short = await client.get("metadata?_summary=true")
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED"
    part = await client.get("metadata?_elements=fhirVersion")
    assert "rest" not in part


async def test_the_normative_mode_leaves_out_what_r4_has_for_trial_use(client: Client) -> None:
    whole = await client.get("metadata")
    part = await client.get("metadata?mode=normative")
    assert structure.check(part) == ()
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert whole.keys() == part.keys() - {"meta"}
    trial = {"security"}
    assert part["rest"][0].keys() == whole["rest"][0].keys() - trial
    trial = {"supportedProfile", "versioning", "readHistory", "updateCreate", "conditionalCreate", "conditionalRead"}
    trial |= {"conditionalUpdate", "conditionalDelete", "referencePolicy", "searchInclude", "searchRevInclude"}
    for settled, resource in zip(part["rest"][0]["resource"], whole["rest"][0]["resource"], strict=True):
        assert settled == {name: value for name, value in resource.items() if name not in trial}


async def test_terminology_capabilities_name_the_code_systems(client: Client) -> None:
    system = {
        "resourceType": "CodeSystem",
        "id": "x",
        "url": "http://acme.org/x",
        "status": "active",
        "content": "complete",
    }
    for n, version in enumerate(("1.9", "1.10")):
        await client.put(f"CodeSystem/x{n}", {**system, "id": f"x{n}", "version": version, "concept": [{"code": "a"}]})
    told = {each["uri"]: each for each in (await client.get("metadata?mode=terminology"))["codeSystem"]}
    assert [(v["code"], v["isDefault"]) for v in told["http://acme.org/x"]["version"]] == [
        ("1.10", True),
        ("1.9", False),
    ]
    assert "http://hl7.org/fhir/administrative-gender" in told
    assert "http://snomed.info/sct" not in told
    await client.delete("CodeSystem/x1")
    after = {each["uri"]: each for each in (await client.get("metadata?mode=terminology"))["codeSystem"]}
    assert [v["code"] for v in after["http://acme.org/x"]["version"]] == ["1.9"]


async def test_conditional_read_of_the_statement(client: Client) -> None:
    await client.get("metadata")
    etag = client.response.etag
    assert await client.get("metadata", if_none_match=etag) is None
    assert client.response.status == 304
    await client.get("metadata", if_none_match="other")
    assert client.response.status == 200
