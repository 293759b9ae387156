"""Composites, special parameters and modifiers as trees, and every parameter's modifiers."""

from datetime import UTC, datetime

import pytest

from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest
from fhir_server.search.condition import Terms, modifiers
from fhir_server.search.criteria import criterion
from fhir_server.search.hierarchies import hierarchy
from fhir_server.search.parameters import parameters
from fhir_server.search.query import (
    And,
    Chain,
    Compare,
    Contains,
    Has,
    Ids,
    InValueSet,
    Lineage,
    Match,
    Near,
    Node,
    Not,
    Op,
    Or,
    Point,
    Prose,
    Quantity,
    Reference,
    Sort,
    String,
    Subsumed,
    Together,
    Token,
)
from fhir_server.search.tree import simple, unsettled
from tests.search.test_parse import asked

BASE = "http://example.org/fhir"
TERMS = Terms(BASE, datetime(2026, 11, 22, 17, 0, tzinfo=UTC))


def tree(type_: str, query: str) -> Node:
    name, _, value = query.partition("=")
    found = criterion(type_, name, value, TERMS)
    assert found is not None
    return simple(found)


def wrong(type_: str, query: str) -> str:
    with pytest.raises(BadRequest) as raised:
        tree(type_, query)
    return str(raised.value)


def code(param: str, value: str, system: str | None = None) -> Match:
    own = () if system is None else (Compare(Token, "system", Op.EQ, system),)
    return Match(param, ((*own, Compare(Token, "code", Op.EQ, value)),))


# ---- composites


def test_composite_of_the_resource_itself_is_an_and() -> None:
    assert tree("Observation", "code-value-concept=http://loinc.org|1$high") == And(
        (code("code", "1", "http://loinc.org"), code("value-concept", "high"))
    )


def test_composite_of_an_element_holds_on_one_element() -> None:
    less = Match("component-value-quantity", ((Compare(Quantity, "low", Op.LT, 60.0),),))
    assert tree("Observation", "component-code-value-quantity=8480-6$lt60") == Together(
        (code("component-code", "8480-6"), less)
    )


def test_composite_values_are_alternatives_and_parts_are_escaped() -> None:
    assert tree("Group", r"characteristic-value=a\$b$c\,d,e$f") == Or(
        (
            Together((code("characteristic", "a$b"), code("value", "c,d"))),
            Together((code("characteristic", "e"), code("value", "f"))),
        )
    )


def test_component_that_starts_from_the_resource_is_not_grouped() -> None:
    found = tree("MolecularSequence", "chromosome-variant-coordinate=1$lt345$gt123")
    assert isinstance(found, And)
    assert found.of[0] == code("chromosome", "1")
    assert isinstance(found.of[1], Together)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("code-value-quantity=a", "has not the form [code]$[value-quantity]"),
        ("code-value-quantity=a$1$2", "has not the form [code]$[value-quantity]"),
        ("code-value-quantity=$1", "has not the form [code]$[value-quantity]"),
        ("code-value-quantity=a$x", "is not a number"),
        ("code-value-quantity:missing=true", "has no modifier :missing; it has none"),
        ("code-value-quantity:not=a$1", "has no modifier :not; it has none"),
    ],
)
def test_composite_that_cannot_be(query: str, text: str) -> None:
    assert text in wrong("Observation", query)


# ---- modifiers


def test_modifiers_of_each_type() -> None:
    found = {
        c: modifiers(parameters("Observation")[c])
        for c in ("code", "identifier", "date", "value-quantity", "value-string")
    }
    assert found == {
        "code": ("missing", "above", "below", "in", "not", "not-in", "text"),
        "identifier": ("missing", "above", "below", "in", "not", "not-in", "of-type", "text"),
        "date": ("missing",),
        "value-quantity": ("missing",),
        "value-string": ("missing", "contains", "exact", "text"),
    }
    assert modifiers(parameters("ValueSet")["url"]) == ("missing", "above", "below")
    assert modifiers(parameters("Observation")["patient"]) == ("missing", "identifier", "Patient")
    assert modifiers(parameters("Encounter")["location"]) == ("missing", "above", "below", "identifier", "Location")
    assert modifiers(parameters("Patient")["_id"]) == ("missing", "not")
    assert modifiers(parameters("Patient")["_lastUpdated"]) == ("missing",)
    assert modifiers(parameters("Location")["near"]) == ("missing",)
    assert modifiers(parameters("Patient")["_text"]) == ()
    assert modifiers(parameters("Patient")["phonetic"]) == ("missing",)


def test_every_modifier_that_is_named_is_understood() -> None:
    values = {"missing": "true", "of-type": "a|b|c", "in": "http://a.org/vs", "not-in": "http://a.org/vs"}
    default = {"uri": "http://a.org/x", "reference": "1"}
    for type_ in definitions().resource_types:
        for c, p in parameters(type_).items():
            for modifier in modifiers(p):
                value = values.get(modifier, default.get(p.usage, "a"))
                assert criterion(type_, f"{c}:{modifier}", value, TERMS) is not None, f"{type_}.{c}:{modifier}"


def test_modifier_that_does_not_apply_is_refused_with_those_that_do() -> None:
    assert wrong("Patient", "birthdate:exact=1990").endswith("birthdate has no modifier :exact; it has :missing")
    assert wrong("Observation", "patient:below=1").endswith(
        "has no modifier :below; it has :missing, :identifier, :Patient"
    )


def test_of_type_is_about_one_identifier() -> None:
    assert tree("Patient", "identifier:of-type=http://t.org|MR|Ab1") == code(
        "identifier:of-type", "ab1", "http://t.org|mr"
    )
    for value in ("http://t.org|MR", "|MR|1", "http://t.org||1", "a|b|c|d"):
        assert "needs all of [system]|[code]|[value]" in wrong("Patient", f"identifier:of-type={value}")


def test_string_text_is_about_words() -> None:
    assert tree("Patient", "name:text=Good  Health") == Match(
        "name", ((Compare(String, "folded", Op.WORDS, "good health"),),)
    )


def test_value_sets_and_hierarchies_are_left_to_be_settled() -> None:
    assert tree("Condition", "code:in=http://a.org/vs|1") == InValueSet("code", "http://a.org/vs|1", "code:in")
    assert tree("Condition", "code:not-in=ValueSet/1") == Not(InValueSet("code", "ValueSet/1", "code:not-in"))
    assert tree("Condition", "code:below=http://snomed.info/sct|1") == Subsumed(
        "code", "http://snomed.info/sct", "1", above=False, name="code:below"
    )
    assert tree("Patient", "gender:above=male") == Subsumed(
        "gender", "http://hl7.org/fhir/administrative-gender", "male", above=True, name="gender:above"
    )
    assert tree("Procedure", "location:below=42") == Lineage(
        "location", "Location", "42", "partof", above=False, name="location:below"
    )
    assert "is no concept" in wrong("Condition", "code:below=http://snomed.info/sct|")
    assert unsettled(tree("Encounter", "patient._has:Condition:patient:code:in=http://a.org/vs"))
    assert not unsettled(tree("Encounter", "patient._has:Condition:patient:code=1"))


def test_hierarchies_of_r4() -> None:
    found = {type_: by for type_ in definitions().resource_types if (by := hierarchy(type_))}
    assert {"Location": "partof", "Organization": "partof", "Encounter": "part-of"}.items() <= found.items()
    assert "Patient" not in found


def test_canonicals_are_below_a_version_by_their_numbers() -> None:
    url, param = Compare(Reference, "url", Op.EQ, "http://a.org/q"), "questionnaire"
    type_ = "QuestionnaireResponse"
    assert tree(type_, f"{param}:below=http://a.org/q") == Match(param, ((url,),))
    assert tree(type_, f"{param}:below=http://a.org/q|1") == Match(
        param,
        ((url, Compare(Reference, "version", Op.EQ, "1")), (url, Compare(Reference, "version", Op.STARTS, "1."))),
    )
    assert "has no modifier :above" in wrong(type_, f"{param}:above=http://a.org/q")
    assert "has no modifier :identifier" in wrong(type_, f"{param}:identifier=x")


def test_mime_types_are_below_their_base() -> None:
    assert tree("DocumentReference", "contenttype:below=Text/XML") == Or(
        (code("contenttype", "text/xml"), code("contenttype:below", "text/xml"))
    )


# ---- special parameters


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("42.25|-83.69|11.2|km", Near("near", 42.25, -83.69, 11_200.0)),
        ("42.25|-83.69|11.2", Near("near", 42.25, -83.69, 11_200.0)),
        ("42.25|-83.69|500|m", Near("near", 42.25, -83.69, 500.0)),
        ("42.25|-83.69|1|[mi_i]", Near("near", 42.25, -83.69, 1609.344)),
        ("42.25|-83.69", Near("near", 42.25, -83.69, 10_000.0)),
        ("42.25|-83.69||", Near("near", 42.25, -83.69, 10_000.0)),
        ("-90|180|0|km", Near("near", -90.0, 180.0, 0.0)),
    ],
)
def test_near(value: str, near: Near) -> None:
    assert tree("Location", f"near={value}") == near


@pytest.mark.parametrize(
    "value", ["1", "91|0", "0|181", "a|b", "0|0|-1", "0|0|1|kg", "0|0|1|km|x", "nan|0", "0|0|1e99", "1_0|0"]
)
def test_near_that_cannot_be(value: str) -> None:
    assert wrong("Location", f"near={value}").startswith("near: ")


def test_places_are_alternatives() -> None:
    assert tree("Location", "near=1|2,3|4|5|m") == Or((Near("near", 1.0, 2.0, 10_000.0), Near("near", 3.0, 4.0, 5.0)))


def test_places_are_sorted_by_their_distance_from_the_place_that_is_named() -> None:
    sort = Sort("near", Point, origin=(1.0, 2.0))
    assert asked("Location", "near=1|2|5&_sort=near").query.sort == (sort,)
    assert asked("Location", "near=1|2|5&status=active&_sort=near,_id").query.sort == (sort, Sort("_id", None))
    with pytest.raises(BadRequest):
        asked("Location", "_sort=near")


def test_phonetic_compares_the_sound_of_each_word() -> None:
    assert tree("Patient", "phonetic=Catherine") == tree("Patient", "phonetic=kathryn") == code("phonetic", "K0RN")
    assert tree("Patient", "phonetic=Jon Smyth") == And((code("phonetic", "JN"), code("phonetic", "SM0")))
    assert tree("Patient", "phonetic=王") == code("phonetic", "王")


def words(text: str, op: Op = Op.WORDS) -> Match:
    return Match("_text", ((Compare(Prose, "words", op, text),),))


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("bone", words("bone")),
        ("(bone OR liver) and metastases",
         And((Match("_text", (words("bone").anyof[0], words("liver").anyof[0])), words("metastases")))),
        ("bone liver", And((words("bone"), words("liver")))),
        ("bone,liver", Match("_text", (words("bone").anyof[0], words("liver").anyof[0]))),
        ("bone and not liver", And((words("bone"), Not(words("liver"))))),
        ("not not bone", words("bone")),
        ('"Liver  Cancer"', words("liver cancer", Op.CONTAINS)),
        ('"a, or (b)"', words("a or b", Op.CONTAINS)),
        ("x-ray", words("x ray", Op.CONTAINS)),
        ("metasta*", words("metasta*")),
        ("a or b and c", Or((words("a"), And((words("b"), words("c")))))),
        (r"a\,b", words("a b", Op.CONTAINS)),
    ],
)  # fmt: skip
def test_prose(value: str, node: Node) -> None:
    assert tree("Condition", f"_text={value}") == node


@pytest.mark.parametrize(
    "value", ["(bone", "bone)", '"bone', "and", "bone and", "not", "()", "bone or or liver", "(" * 30 + "a", "a " * 101]
)
def test_prose_that_cannot_be(value: str) -> None:
    assert wrong("Condition", f"_text={value}").startswith("_text: ")


def test_list() -> None:
    assert tree("Patient", "_list=42,List/7") == Has("List", "item", Ids(("42", "7")))
    assert "$current-allergies is a list of AllergyIntolerance" in wrong("Patient", "_list=$current-allergies")
    assert "there are $current-problems" in wrong("Condition", "_list=$current-wishes")
    assert "no modifiers" in wrong("Patient", "_list:not=42")
    assert "expected the id of a List" in wrong("Patient", "_list=a b")


@pytest.mark.parametrize("value", ["a\\b", "a\\", "\\n"])
def test_backslash_before_anything_else_is_refused(value: str) -> None:
    assert "a backslash stands only before" in wrong("Observation", f"code={value}")


# ---- contained resources


def test_contained_searches_are_those_of_containers() -> None:
    request = asked("Medication", "code=1&_contained=true&_containedType=contained")
    inner = Contains("Medication", code("code", "1"))
    assert (request.contained, request.contained_type) == ("true", "contained")
    assert request.query.where["MedicationRequest"] == request.query.where["Medication"] == inner
    assert {"Bundle", "Binary", "Parameters"}.isdisjoint(request.query.where)


def test_contained_and_others_at_once() -> None:
    where = asked("Medication", "code=1&_contained=both").query.where
    assert where["MedicationRequest"] == Contains("Medication", code("code", "1"))
    assert where["Medication"] == Or((code("code", "1"), Contains("Medication", code("code", "1"))))


def test_contained_false_is_what_is_without_it() -> None:
    assert asked("Medication", "code=1&_contained=false").query == asked("Medication", "code=1").query
    for query in (
        "_contained=yes",
        "_containedType=x",
        "_contained=true&_contained=true",
        "_contained=true&_sort=code",
    ):
        with pytest.raises(BadRequest):
            asked("Medication", query)


# ---- chains


def test_chain_is_tried_on_the_types_that_have_the_parameter_with_its_modifier() -> None:
    found = tree("Observation", "subject.name:exact=x")
    assert isinstance(found, Or)
    assert {one.target for one in found.of if isinstance(one, Chain)} == {"Patient", "Location"}
