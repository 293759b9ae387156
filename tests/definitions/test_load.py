"""The definitions say of R4 what R4's own pages say."""

import pytest

from fhir_server.definitions import Binding, Element, definitions


def test_version_is_r4() -> None:
    assert definitions().version == "4.0.1"


def test_counts_are_those_of_r4() -> None:
    d = definitions()
    assert (len(d.resource_types), len(d.primitives), len(d.compartments)) == (146, 20, 5)
    assert "DomainResource" not in d.resource_types
    assert d.resource_types == tuple(sorted(d.resource_types))


def test_patient_elements_are_in_r4s_order() -> None:
    assert list(definitions().elements("Patient")) == [
        *("id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"),
        *("identifier", "active", "name", "telecom", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime"),
        *("address", "maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo", "contact"),
        *("communication", "generalPractitioner", "managingOrganization", "link"),
    ]


@pytest.mark.parametrize(
    ("type_name", "name", "expected"),
    [
        (
            "Observation",
            "subject",
            Element(
                "subject",
                "Observation.subject",
                "Reference",
                0,
                1,
                summary=True,
                targets=("Patient", "Group", "Device", "Location"),
            ),
        ),
        (
            "Observation",
            "valueQuantity",
            Element("valueQuantity", "Observation.value[x]", "Quantity", 0, 1, choice="value", summary=True),
        ),
        ("Patient", "id", Element("id", "Patient.id", "id", 0, 1, summary=True, primitive=True, bare=True)),
        ("Patient", "contact", Element("contact", "Patient.contact", "Patient.contact", 0, None)),
        ("Patient", "contained", Element("contained", "Patient.contained", "Resource", 0, None)),
        (
            "Observation.component",
            "referenceRange",
            Element("referenceRange", "Observation.component.referenceRange", "Observation.referenceRange", 0, None),
        ),
        ("Extension", "url", Element("url", "Extension.url", "uri", 1, 1, primitive=True, bare=True)),
        ("Narrative", "div", Element("div", "Narrative.div", "xhtml", 1, 1, primitive=True)),
        (
            "Patient",
            "gender",
            Element(
                "gender",
                "Patient.gender",
                "code",
                0,
                1,
                summary=True,
                binding=Binding("required", "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"),
                primitive=True,
            ),
        ),
    ],
)
def test_element_is_as_defined(type_name: str, name: str, expected: Element) -> None:
    assert definitions().elements(type_name)[name] == expected


def test_only_extensible_primitives_have_a_sibling() -> None:
    patient = definitions().elements("Patient")
    assert (patient["gender"].sibling, patient["id"].sibling, patient["name"].sibling) == ("_gender", None, None)
    assert definitions().elements("Narrative")["div"].sibling is None


def test_every_type_of_every_element_is_known() -> None:
    d = definitions()
    tables = [d.elements(t) for t in (*d.resource_types, *d.data_types, *d.inline_types)]
    for element in (e for table in tables for e in table.values()):
        assert element.type == "Resource" or d.elements(element.type), element


def test_elements_of_an_unknown_type_raise() -> None:
    with pytest.raises(KeyError):
        definitions().elements("Paitent")


def test_primitives_know_their_json_kind() -> None:
    kinds = {p.name: p.json for p in definitions().primitives.values() if p.json != "string"}
    assert kinds == {
        "boolean": "boolean",
        "decimal": "decimal",
        "integer": "integer",
        "positiveInt": "integer",
        "unsignedInt": "integer",
    }


def test_is_a_follows_the_bases() -> None:
    d = definitions()
    assert [d.is_a("Patient", t) for t in ("Patient", "DomainResource", "Resource", "Element")] == [
        True,
        True,
        True,
        False,
    ]
    assert [d.is_a("Bundle", t) for t in ("DomainResource", "Resource")] == [False, True]
    assert d.is_a("Patient.contact", "BackboneElement")
    assert not d.is_a("Timing.repeat", "BackboneElement")
    assert d.is_resource("Patient")
    assert not d.is_resource("DomainResource")


def test_search_parameters_include_the_inherited() -> None:
    d = definitions()
    assert [d.search_parameters("Patient")[c].type for c in ("_id", "_text", "family", "birthdate")] == [
        *("token", "string", "string", "date"),
    ]
    assert "_text" not in d.search_parameters("Bundle")
    assert d.search_parameters("Patient")["_id"].expression == "Resource.id"


def test_composite_names_its_components() -> None:
    parameter = definitions().search_parameters("Observation")["code-value-quantity"]
    assert [(c.definition.rsplit("/", 1)[-1], c.expression) for c in parameter.components] == [
        ("clinical-code", "code"),
        ("Observation-value-quantity", "value.as(Quantity)"),
    ]
    assert parameter.multiple_or is False


def test_components_and_targets_are_known() -> None:
    d = definitions()
    for parameter in d.all_search_parameters.values():
        assert {c.definition for c in parameter.components} <= set(d.all_search_parameters), parameter.url
        assert set(parameter.targets) <= set(d.resource_types), parameter.url


def test_compartment_links_types_by_parameters() -> None:
    d = definitions()
    patient = d.compartments["Patient"]
    assert patient.resources["Observation"] == ("subject", "performer")
    assert patient.resources["Binary"] == ()
    for compartment in d.compartments.values():
        assert set(compartment.resources) <= set(d.resource_types)


def test_operations_are_told_apart_by_id() -> None:
    d = definitions()
    everything = [o.resource for o in d.operations.values() if o.code == "everything"]
    assert everything == [("Encounter",), ("Group",), ("MedicinalProduct",), ("Patient",)]
    assert [(p.name, p.use, p.max) for p in d.operations["Patient-everything"].parameters][:2] == [
        ("start", "in", 1),
        ("end", "in", 1),
    ]


def test_value_set_codes_are_listed_or_none() -> None:
    d = definitions()
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert {c for _, c in d.value_set_codes(url + "|4.0.1") or ()} == {"male", "female", "other", "unknown"}
    assert d.value_set_codes("http://hl7.org/fhir/ValueSet/mimetypes") is None
    assert d.value_set_codes("http://example.org/unknown") is None


def test_value_set_with_is_a_filter_is_expanded() -> None:
    codes = {c for _, c in definitions().value_set_codes("http://terminology.hl7.org/ValueSet/v3-PurposeOfUse") or ()}
    assert {"PurposeOfUse", "TREAT", "ETREAT", "BTG"} <= codes


def test_code_system_knows_its_hierarchy() -> None:
    system = definitions().code_system("http://terminology.hl7.org/CodeSystem/v3-ActReason")
    assert system is not None
    assert system.concepts["BTG"].parents == ("ETREAT",)


def test_constraints_stand_where_they_are_stated() -> None:
    constraints = definitions().constraints
    assert [(c.key, c.path) for c in constraints["Observation"]] == [
        ("obs-6", "Observation"),
        ("obs-7", "Observation"),
        ("obs-3", "Observation.referenceRange"),
    ]
    assert {c.key for c in constraints["DomainResource"]} == {"dom-2", "dom-3", "dom-4", "dom-5", "dom-6"}


def test_case_matters_where_a_code_system_says_so() -> None:
    systems = definitions().case_sensitive
    assert len(systems) == 634
    assert "http://hl7.org/fhir/administrative-gender" in systems
    assert not any("/v2-" in url or url == "http://snomed.info/sct" for url in systems)
