"""The OpenAPI description."""

import httpx

from fhir_server.routes import Routes


def test_every_route_is_described(client: httpx.Client) -> None:
    description = client.get("/openapi.json").json()
    described = {
        (method.upper(), path)
        for path, operations in description["paths"].items()
        for method in operations
        if path.startswith("/fhir")
    }
    expected = {
        (route.method, f"/fhir/{route.shape}".rstrip("/").replace("[", "{").replace("]", "}"))
        for route in Routes(off={"purge"}).table
    }
    assert described == expected


def test_it_is_useful(client: httpx.Client) -> None:
    description = client.get("/openapi.json").json()
    create = description["paths"]["/fhir/{type}"]["post"]
    assert create["summary"] == "Create"
    assert create["requestBody"]["content"]["application/fhir+json"]["example"]["resourceType"] == "Patient"
    ids = [operation["operationId"] for path in description["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    assert {tag["name"] for tag in description["tags"]} == {
        tag for path in description["paths"].values() for operation in path.values() for tag in operation["tags"]
    }


def test_examples_are_valid(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    content = {
        method: paths[path][method]["requestBody"]["content"]
        for path, method in (("/fhir/{type}", "post"), ("/fhir/{type}/{id}", "put"), ("/fhir/{type}/{id}", "patch"))
    }
    bundle = paths["/fhir"]["post"]["requestBody"]["content"]["application/fhir+json"]["example"]
    assert client.post("/fhir", json=bundle).status_code == 200
    updated = content["put"]["application/fhir+json"]["example"]
    assert client.post("/fhir/Patient", json=content["post"]["application/fhir+json"]["example"]).status_code == 201
    assert client.put(f"/fhir/Patient/{updated['id']}", json=updated).status_code in (200, 201)
    patched = client.patch(
        f"/fhir/Patient/{updated['id']}",
        json=content["patch"]["application/json-patch+json"]["example"],
        headers={"content-type": "application/json-patch+json"},
    )
    assert patched.status_code == 200
