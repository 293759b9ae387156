"""Compiled expressions: places of results, budgets, what the caller brings, and that nothing but a FhirError comes out."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server import fhirpath
from fhir_server.fhirpath import Budget, Environment, FhirPathError, Node, TooCostly
from fhir_server.formats.numbers import Exact
from fhir_server.outcome import BadRequest

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Inside"}],
    "name": [{"family": "Adler", "given": ["Ann", None], "_given": [None, {"id": "g"}]}, {"text": "Nan"}],
    "birthDate": "1970-03-30",
    "_birthDate": {"extension": [{"url": "http://x/time", "valueDateTime": "1970-03-30T10:00:00Z"}]},
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [{"reference": "Practitioner/1"}],
}


def values(expression: str, resource: dict[str, Any] = PATIENT, **options: Any) -> list[Any]:
    return [fhirpath.system(item) for item in fhirpath.compile(expression).evaluate(resource, **options)]


def paths(expression: str) -> list[str]:
    return [node.path for node in fhirpath.compile(expression).evaluate(PATIENT) if isinstance(node, Node)]


def test_nodes_name_their_place_and_type() -> None:
    assert paths("Patient.name.given") == ["Patient.name[0].given[0]", "Patient.name[0].given[1]"]
    assert paths("deceased | multipleBirth") == ["Patient.deceased", "Patient.multipleBirth"]
    assert paths("birthDate.extension.value") == ["Patient.birthDate.extension[0].value"]
    [node] = fhirpath.compile("multipleBirth").evaluate(PATIENT)
    assert isinstance(node, Node)
    assert (node.type, node.key, node.index, node.value) == ("integer", "multipleBirthInteger", None, 2)
    assert node.parent is not None
    assert node.parent.value is PATIENT


def test_primitives_with_an_extension_only_have_no_value() -> None:
    assert values("name.given.hasValue()") == [False]
    assert values("name[0].given[1].id") == ["g"]
    assert values("name.given.select(hasValue())") == [True, False]


def test_decimals_keep_their_digits() -> None:
    observation = {"resourceType": "Observation", "valueQuantity": {"value": Exact("1.00"), "code": "g"}}
    [found] = values("value.value", observation)
    assert str(found) == "1.00"
    assert values("value.value.toString()", observation) == ["1.00"]
    assert values("value = 1000 'mg'", observation) == [True]
    huge = {"resourceType": "Observation", "valueQuantity": {"value": Exact("1E+245")}}
    assert values("value.value", huge) == [Decimal("1E+245")]
    assert values("value.value.truncate()", huge) == []
    assert values("value.value * value.value * value.value", huge) == []


def test_resolve_looks_inside_first_and_then_asks_the_caller() -> None:
    assert values("managingOrganization.resolve().name") == ["Inside"]
    assert values("generalPractitioner.resolve()") == []
    asked = []

    def resolve(reference: str) -> dict[str, Any]:
        asked.append(reference)
        return {"resourceType": "Practitioner", "active": True}

    found = values(
        "generalPractitioner.where(resolve() is Practitioner).resolve().active",
        environment=Environment(resolve=resolve),
    )
    assert found == [True]
    assert asked == ["Practitioner/1", "Practitioner/1"]


def test_resource_and_context_variables() -> None:
    assert values("contained.select(%resource.id | %context.id)") == ["p"]
    contained = next(fhirpath.root(PATIENT).child("contained"))
    found = fhirpath.compile("%resource.id | %rootResource.id | %context.id").evaluate(contained)
    assert [fhirpath.system(item) for item in found] == ["o", "p"]
    with pytest.raises(FhirPathError, match="there is no variable %secret"):
        values("%secret")


def test_terminology_is_asked_of_the_caller() -> None:
    environment = Environment(
        member_of=lambda node, url: url.endswith(str(node.value)), conforms_to=lambda _, url: url == "urn:p"
    )
    female = {"resourceType": "Patient", "gender": "female"}
    assert values("gender.memberOf('urn:female')", female, environment=environment) == [True]
    assert values("conformsTo('urn:p')", female, environment=environment) == [True]
    with pytest.raises(FhirPathError, match="not available"):
        values("gender.memberOf('urn:female')", female)


@pytest.mark.parametrize(
    "expression",
    ["1 +", "'open", "name..given", "a b", "@2015-13", "(((", "name.given(", "foo()", "1 'mg' 'x'", "$that", "is", "'\\q'", "iif(1)", "\ud800"],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_its_position(expression: str) -> None:
    if expression == "is":
        assert values(expression) == []
        return
    with pytest.raises(FhirPathError, match=r"character|arguments"):
        fhirpath.compile(expression)


@pytest.mark.parametrize(
    ("expression", "limit"),
    [
        ("'" + "x" * 10_000 + "'", "characters"),
        ("(" * 101 + "1" + ")" * 101, "nested"),
        ("-" * 101 + "1", "nested"),
        ("(1|2|3|4|5|6|7|8|9)" + ".select(%resource.descendants())" * 6, "steps|1 s"),
        ("name.combine(name).combine(name)", "results"),
        ("'0123456789abcdefghijkl'.toChars().aggregate($total & $total, '0123456789')", "a string of"),
    ],
)
def test_past_its_limits_an_expression_is_too_costly(expression: str, limit: str) -> None:
    wide = {**PATIENT, "name": [{"family": f"F{n}"} for n in range(4000)]}
    with pytest.raises(TooCostly, match=limit):
        fhirpath.compile(expression).evaluate(wide)


def test_time_is_limited() -> None:
    with pytest.raises(TooCostly, match="needs more than 1 s"):
        fhirpath.compile("descendants().descendants()").evaluate(
            {**PATIENT, "name": [{"family": "F"}] * 2000}, budget=Budget(seconds=0.0)
        )


def test_long_chains_are_not_nesting() -> None:
    assert values("1" + " + 1" * 2000) == [2001]
    assert values("name" + ".where(true)" * 500 + ".family") == ["Adler"]
    assert values("true" + " and true" * 1000) == [True]


def test_hostile_regular_expressions_take_no_time() -> None:
    assert values("('a' & 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!').matches('^(a+)+$')") == [False]
    with pytest.raises(FhirPathError, match="RE2"):
        values("'a'.matches('(?=a)')")


WORDS = (
    "name given family birthDate value $this $index $total %resource %context ( ) [ ] { } . , + - * / & | = != ~ < > <= >= and or xor implies div "
    "mod in contains is as Patient String Quantity FHIR System 0 1 2.50 99999999 'a' '' @2015 @2015-02-04T14:34:28Z @T14 true false 'mg' days year "
    "where select exists all repeat first last tail skip take children descendants toString toInteger toQuantity toDateTime lowBoundary highBoundary "
    "power round log substring replace replaceMatches matches split join aggregate iif sort type ofType resolve extension not count"
)
TOKENS = st.sampled_from(WORDS.split())
SHAPES = st.sampled_from([
    "{0}({1})", "{0}.{1}", "{0}.{1}()", "{0} + {1}", "{0} = {1}", "{0}[{1}]", "name.{0}({1})", "({0} | {1}).{0}()", "{0} - {1}", "{0} / {1}", "-{0}.{1}()",
    "name.given.{0}({1}, {1})", "birthDate + {0} {1}", "{0}.power({1})", "descendants().{0}({1})", "{0} < {1}", "{0} ~ {1}", "{0}.{1}({0})",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(TOKENS, max_size=12).map(" ".join) | st.builds(str.format, SHAPES, TOKENS, TOKENS) | st.text(max_size=20)
)
def test_any_text_gives_a_result_or_a_fhir_error(expression: str) -> None:
    with suppress(BadRequest):
        fhirpath.compile(expression).evaluate(PATIENT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "_name", "given", "valueQuantity", "extension", "url", "contained", "birthDate", "resourceType"]), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["name", "birthDate", "_birthDate", "contained", "extension", "deceasedBoolean", "photo", "text"]), JSON),
    st.sampled_from([
        "descendants()", "name.given = birthDate", "birthDate < @2020", "children() ~ children()", "extension('x').value > 1", "contained.id & 'x'",
        "descendants().distinct()", "name.given.matches('a')", "resolve()", "descendants().toString()", "contained.resolve().name",
    ]),
)  # fmt: skip
def test_any_tree_gives_a_result_or_a_fhir_error(tree: dict[str, Any], expression: str) -> None:
    with suppress(BadRequest):
        fhirpath.compile(expression).evaluate({"resourceType": "Patient", **tree})
