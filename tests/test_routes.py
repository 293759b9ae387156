"""The route table: which path is which interaction."""

import pytest

from fhir_server.context import Context, Match, Request, Response
from fhir_server.operations.registry import Operation
from fhir_server.outcome import MethodNotAllowed, NotFound
from fhir_server.routes import TABLE, Routes

ROUTES = Routes()


@pytest.mark.parametrize(
    ("method", "path", "interaction", "parts"),
    [
        ("GET", "metadata", "capabilities", ()),
        ("POST", "", "transaction", ()),
        ("GET", "", "search-system", ()),
        ("POST", "_search", "search-system", ()),
        ("GET", "_history", "history-system", ()),
        ("POST", "Patient", "create", ("Patient",)),
        ("GET", "Patient", "search-type", ("Patient",)),
        ("POST", "Patient/_search", "search-type", ("Patient",)),
        ("GET", "Patient/_history", "history-type", ("Patient",)),
        ("PUT", "Patient", "update", ("Patient",)),
        ("PATCH", "Patient", "patch", ("Patient",)),
        ("DELETE", "Patient", "delete", ("Patient",)),
        ("GET", "Patient/1", "read", ("Patient", "1")),
        ("PUT", "Patient/1", "update", ("Patient", "1")),
        ("PATCH", "Patient/1", "patch", ("Patient", "1")),
        ("DELETE", "Patient/1", "delete", ("Patient", "1")),
        ("GET", "Patient/1/_history", "history-instance", ("Patient", "1")),
        ("GET", "Patient/1/_history/2", "vread", ("Patient", "1", "2")),
        ("DELETE", "Patient/1/_history", "purge", ("Patient", "1")),
        ("DELETE", "Patient/1/_history/2", "purge", ("Patient", "1", "2")),
        ("GET", "Patient/1/Observation", "search-compartment", ("Patient", "1", "", "", "Observation")),
        ("POST", "Patient/1/*/_search", "search-compartment", ("Patient", "1", "", "", "*")),
        ("GET", "$x", "operation", ("", "", "", "x")),
        ("POST", "Patient/$x", "operation", ("Patient", "", "", "x")),
        ("POST", "Patient/1/$x", "operation", ("Patient", "1", "", "x")),
    ],
)
def test_path_is_interaction(method: str, path: str, interaction: str, parts: tuple[str, ...]) -> None:
    found = ROUTES.match(method, [part for part in path.split("/") if part])
    assert found.route.interaction == interaction
    assert found == Match(found.route, *parts)
    request = found.request()
    assert (request.method, request.shape) == (method, found.route.shape)


def test_every_line_of_the_table_is_reached() -> None:
    for route in TABLE:
        path = route.shape.replace("[type]", "Patient").replace("[id]", "1").replace("[vid]", "2")
        path = path.replace("[compartment]", "*")
        assert ROUTES.match(route.method, [part for part in path.split("/") if part]).route == route


@pytest.mark.parametrize("path", ["Patient/1/x", "Patient/1/_history/2/3", "Patient/_x", "metadata/x", "_history/1"])
def test_unknown_paths_are_404(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTES.match("GET", path.split("/"))


def test_unknown_type_is_404_with_what_may_have_been_meant() -> None:
    for name in ("Patients", "patient", "Pateint"):
        with pytest.raises(NotFound, match=rf"{name} is not a resource type of R4; did you mean .*Patient"):
            ROUTES.match("GET", [name, "1"])


def test_unknown_method_is_405_and_names_those_that_are_there() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTES.match("TRACE", ["Patient", "1"])
    assert refused.value.headers == {"Allow": "GET, PUT, PATCH, DELETE"}


def test_an_operation_that_changes_what_is_stored_is_called_with_post_alone() -> None:
    async def never(ctx: Context, request: Request) -> Response:
        raise AssertionError

    changing = Operation("change", never, "http://x.org/change", ("Patient",), instance=True, affects_state=True)
    routes = Routes((changing,))
    for path, allow in (("Patient/1/$change", "POST"), ("Patient/$change", "GET, POST"), ("$none", "GET, POST")):
        with pytest.raises(MethodNotAllowed) as refused:
            routes.match("OPTIONS", path.split("/"))
        assert refused.value.headers == {"Allow": allow}


def test_what_is_switched_off_is_not_offered() -> None:
    routes = Routes(off={"purge"})
    assert "purge" not in {route.interaction for route in routes.table}
    with pytest.raises(MethodNotAllowed) as refused:
        routes.match("OPTIONS", ["Patient", "1", "_history"])
    assert refused.value.headers == {"Allow": "GET"}
    assert routes.match("DELETE", ["Patient", "1", "_history"]).route.interaction == "purge"
