"""JSON Patch on the official cases, and its rules as properties."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats.numbers import Exact
from fhir_server.outcome import BadRequest, Unprocessable
from fhir_server.patch import json_patch
from tests.conformance_data import data_folder, require

FILES = (("rfc6902", "tests.json", 95), ("rfc6902", "spec_tests.json", 17), ("fhir", "json-patch-tests.json", 16))


def _strict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {**dict(pairs), **({"twice": True} if len(dict(pairs)) < len(pairs) else {})}


def _cases() -> list[Any]:
    folder = data_folder()
    found = []
    for room, name, _ in FILES:
        path = folder / "patch" / room / name if folder else None
        if path and path.exists():
            for number, case in enumerate(json.loads(path.read_text(), object_pairs_hook=_strict)):
                if not case.get("disabled") and "patch" in case:
                    found.append(pytest.param(case, id=f"{name}-{number}"))
    return found


@pytest.mark.parametrize("case", _cases())
def test_official_case(case: dict[str, Any]) -> None:
    before = json.dumps(case["doc"])
    if any("twice" in operation for operation in case["patch"] if isinstance(operation, dict)):
        with pytest.raises(BadRequest):
            json_patch.parse(b'[{"op": "add", "path": "/baz", "value": 1, "op": "move", "from": "/foo"}]')
    elif "error" in case:
        with pytest.raises((BadRequest, Unprocessable)):
            json_patch.apply(case["doc"], case["patch"])
    else:
        found = json_patch.apply(case["doc"], case["patch"])
        assert json_patch.equal(found, case.get("expected", found))
    assert json.dumps(case["doc"]) == before


@pytest.mark.parametrize(("room", "name", "count"), FILES)
def test_official_files_are_there(room: str, name: str, count: int) -> None:
    assert len(json.loads(require("patch", room, name).read_text())) == count


@pytest.mark.parametrize(
    ("operation", "expression"),
    [
        (1, "[1]"),
        ({"path": "/a"}, "[1].op"),
        ({"op": ["add"], "path": "/a"}, "[1].op"),
        ({"op": "add", "path": "/a"}, "[1].value"),
        ({"op": "remove", "path": "a"}, "[1].path"),
        ({"op": "remove", "path": "/~2"}, "[1].path"),
        ({"op": "copy", "path": "/a"}, "[1].from"),
        ({"op": "move", "from": "/a", "path": "/a/b"}, "[1].path"),
        ({"op": "remove", "path": "/a" * 101}, "[1].path"),
    ],
)
def test_malformed_operation_is_400_and_named(operation: Any, expression: str) -> None:
    with pytest.raises(BadRequest) as caught:
        json_patch.apply({"a": {}}, [{"op": "test", "path": "", "value": {"a": {}}}, operation])
    assert caught.value.status == 400
    assert caught.value.issues[0].expression == (expression,)


@pytest.mark.parametrize(
    ("operation", "expression"),
    [
        ({"op": "remove", "path": "/b"}, "[0].path"),
        ({"op": "replace", "path": "/a/5", "value": 1}, "[0].path"),
        ({"op": "add", "path": "/a/-1", "value": 1}, "[0].path"),
        ({"op": "add", "path": "/a/0/x", "value": 1}, "[0].path"),
        ({"op": "add", "path": "/a/99999999999999999999", "value": 1}, "[0].path"),
        ({"op": "copy", "from": "/b", "path": "/c"}, "[0].from"),
        ({"op": "test", "path": "/a/0", "value": True}, "[0].value"),
        ({"op": "test", "path": "/n", "value": 1}, "[0].value"),
    ],
)
def test_patch_that_does_not_fit_is_422_and_leaves_the_tree(operation: Any, expression: str) -> None:
    tree = {"a": [1, 2], "n": None}
    with pytest.raises(Unprocessable) as caught:
        json_patch.apply(tree, [operation])
    assert caught.value.issues[0].expression == (expression,)
    assert tree == {"a": [1, 2], "n": None}


@pytest.mark.parametrize(
    ("operation", "expression", "place"),
    [
        ({"op": "remove", "path": "/name/3"}, "Patient.name[3]", "[0].path"),
        ({"op": "replace", "path": "/name/0/_family", "value": {}}, "Patient.name[0].family", "[0].path"),
        ({"op": "test", "path": "/deceasedBoolean", "value": True}, "Patient.deceased", "[0].value"),
        ({"op": "add", "path": "/contact/-/name", "value": {}}, "Patient.contact.name", "[0].path"),
        (
            {"op": "copy", "from": "/contact/0/name/given", "path": "/name/-"},
            "Patient.contact[0].name.given",
            "[0].from",
        ),
        ({"op": "remove", "path": "/extension/0/valueQuantity/unit"}, "Patient.extension[0].value.unit", "[0].path"),
        ({"op": "remove", "path": "/a b/c"}, "Patient", "[0].path"),
        ({"op": "remove", "path": "/nonsense/0/x"}, "Patient.nonsense[0].x", "[0].path"),
    ],
)
def test_of_a_resource_the_place_is_named_that_the_patch_does_not_fit(
    operation: Any, expression: str, place: str
) -> None:
    with pytest.raises(Unprocessable) as caught:
        json_patch.apply({"resourceType": "Patient", "name": [{"given": ["A"]}], "deceasedBoolean": False}, [operation])
    issue = caught.value.issues[0]
    assert (issue.expression, issue.diagnostics) == ((expression,), place)


def test_digits_survive_and_test_compares_values() -> None:
    tree = {"value": Exact("1.00"), "other": [Exact("0.10")]}
    patch = json_patch.parse(
        b'[{"op":"test","path":"/value","value":1.000},{"op":"copy","from":"/value","path":"/other/-"},'
        b'{"op":"add","path":"/new","value":2.500}]'
    )
    found = json_patch.apply(tree, patch)
    assert [repr(number) for number in (found["value"], *found["other"], found["new"])] == [
        "1.00",
        "0.10",
        "1.00",
        "2.500",
    ]
    with pytest.raises(Unprocessable):
        json_patch.apply(tree, json_patch.parse(b'[{"op":"test","path":"/value","value":1.0000000000000000001}]'))


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"1", b'[],"x":[]', b'[{"op":1,"op":2}]', b"[NaN]", b"\xff", b"[" * 200, b"[]}", b"null"]
)
def test_what_is_no_array_of_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        json_patch.parse(raw)


def test_copies_and_operations_are_bounded() -> None:
    doubling = [{"op": "copy", "from": "", "path": f"/{n}"} for n in range(60)]
    with pytest.raises(Unprocessable, match="copies more than"):
        json_patch.apply({"a": 1}, doubling)
    deepening = [{"op": "move", "from": "", "path": ""}] + [{"op": "copy", "from": "/a", "path": "/a/a"}] * 150
    with pytest.raises((Unprocessable, BadRequest)):
        json_patch.apply({"a": {}}, deepening)
    with pytest.raises(BadRequest, match="operations"):
        json_patch.apply({}, [{"op": "test", "path": "", "value": {}}] * 1001)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a/b", "m~n", ""]), inner, max_size=3)
    ),
    max_leaves=10,
)
POINTERS = st.lists(st.sampled_from(["a", "b", "a~1b", "m~0n", "0", "1", "-", ""]), max_size=3).map(
    lambda parts: "".join(f"/{p}" for p in parts)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]) | JSON},
    optional={"path": POINTERS | JSON, "from": POINTERS | JSON, "value": JSON},
)


@given(JSON, st.lists(OPERATIONS | JSON, max_size=4))
def test_any_patch_gives_a_tree_or_a_fhir_error_and_leaves_the_input(tree: Any, patch: list[Any]) -> None:
    before = json.dumps(tree)
    try:
        json_patch.apply(tree, patch)
    except (BadRequest, Unprocessable) as error:
        assert error.issues[0].expression or error.code == "too-costly"  # noqa: PT017  # either outcome is right
    assert json.dumps(tree) == before


@given(st.dictionaries(st.sampled_from("abc"), JSON), JSON)
def test_add_then_remove_is_identity(tree: dict[str, Any], value: Any) -> None:
    patch = [
        {"op": "add", "path": "/new", "value": value},
        {"op": "test", "path": "/new", "value": value},
        {"op": "remove", "path": "/new"},
    ]
    assert json_patch.equal(json_patch.apply(tree, patch), tree)


@given(st.lists(JSON, min_size=1, max_size=4), st.data())
def test_move_there_and_back_is_identity(tree: list[Any], data: st.DataObject) -> None:
    places = st.integers(0, len(tree) - 1)
    there, back = data.draw(places), data.draw(places)
    patch = [
        {"op": "move", "from": f"/{there}", "path": f"/{back}"},
        {"op": "move", "from": f"/{back}", "path": f"/{there}"},
    ]
    assert json_patch.equal(json_patch.apply(tree, patch), tree)
