"""Who and what the demo promises: people of all ages and scripts, specialties, places with coordinates."""

import unicodedata
from collections import Counter
from itertools import pairwise

from tests.examples.demo import PRESENT, age, codes, of_type, resources

SCRIPTS = {
    "ARABIC", "BENGALI", "CJK", "CYRILLIC", "DEVANAGARI", "ETHIOPIC", "GREEK", "GUJARATI", "GURMUKHI", "HANGUL",
    "HIRAGANA", "LATIN", "TAMIL",
}  # fmt: skip
SPECIALTIES = {
    "394814009": "general practice",
    "394579002": "cardiology",
    "394582007": "dermatology",
    "394591006": "neurology",
    "394537008": "paediatrics",
    "394587001": "psychiatry",
    "394801008": "orthopaedics",
    "394585009": "gynaecology",
    "418960008": "ENT",
    "394594003": "ophthalmology",
    "394584008": "gastroenterology",
    "418112009": "pulmonology",
    "394576009": "emergency medicine",
    "394583002": "endocrinology",
}


def test_counts_are_as_promised() -> None:
    assert len(of_type("Patient")) == 45
    assert len(of_type("Practitioner")) == len(of_type("PractitionerRole")) == 27
    assert len(of_type("RelatedPerson")) == 19
    counts = Counter(resource["resourceType"] for resource in resources().values())
    at_least = {
        "AllergyIntolerance": 30, "Appointment": 10, "CarePlan": 6, "Communication": 2, "Condition": 75,
        "DiagnosticReport": 50, "DocumentReference": 10, "Encounter": 200, "HealthcareService": 20, "Immunization": 50,
        "Location": 15, "Medication": 40, "MedicationRequest": 65, "MedicationStatement": 7, "Observation": 600,
        "Procedure": 15, "ServiceRequest": 5,
    }  # fmt: skip
    assert {name: counts[name] for name, least in at_least.items() if counts[name] < least} == {}


def test_patients_are_of_all_ages() -> None:
    ages = sorted(age(patient) for patient in of_type("Patient"))
    assert (ages[0], ages[-1]) == (0, 95)
    assert max(later - earlier for earlier, later in pairwise(ages)) <= 8
    assert min(Counter(years // 20 for years in ages if years < 80).values()) >= 6
    newborn = resources()["Patient/xinyi-chen"]
    assert newborn["birthDate"] == "2026-11-09"


def test_some_patients_have_died() -> None:
    patients = of_type("Patient")
    assert sorted(p["id"] for p in patients if "deceasedDateTime" in p) == ["nikos-papadakis", "tran-van-minh"]
    assert [p["id"] for p in patients if p.get("deceasedBoolean") is True] == ["margaret-whitfield"]
    assert sorted(p["id"] for p in patients if p.get("deceasedBoolean") is False) == ["asha-verma", "gurpreet-gill"]


def test_names_are_written_in_many_scripts_and_always_in_latin_too() -> None:
    found = set()
    for patient in of_type("Patient"):
        assert unicodedata.name(patient["name"][0]["family"][0]).startswith("LATIN")
        assert [name["use"] for name in patient["name"]].count("official") == 1
        for name in patient["name"]:
            found.add(unicodedata.name(name["family"][0]).split()[0])
    assert found == SCRIPTS


def test_every_living_patient_speaks_a_language_and_has_a_general_practitioner() -> None:
    for patient in of_type("Patient"):
        assert sum(language.get("preferred", False) for language in patient["communication"]) == 1
        assert ("generalPractitioner" in patient) == (patient["id"] != "asha-varma")


def test_hospital_numbers_are_unique() -> None:
    numbers = Counter(patient["identifier"][0]["value"] for patient in of_type("Patient"))
    assert [number for number, times in numbers.items() if times > 1] == []


def test_a_relative_who_is_a_patient_has_that_patient_s_number_and_name() -> None:
    by_number = {patient["identifier"][0]["value"]: patient for patient in of_type("Patient")}
    tied = [relative for relative in of_type("RelatedPerson") if "identifier" in relative]
    assert len(tied) == 12
    for relative in tied:
        patient = by_number[relative["identifier"][0]["value"]]
        assert relative["name"][0]["family"] == patient["name"][0]["family"]
        assert (relative["gender"], relative["birthDate"]) == (patient["gender"], patient["birthDate"])


def test_twins_are_born_on_one_day() -> None:
    twins = [resources()["Patient/ada-okafor"], resources()["Patient/emeka-okafor"]]
    assert [twin["multipleBirthInteger"] for twin in twins] == [1, 2]
    assert twins[0]["birthDate"] == twins[1]["birthDate"]


def test_every_specialty_has_a_practitioner() -> None:
    offered = {
        code for role in of_type("PractitionerRole") for each in role.get("specialty", []) for code in codes(each)
    }
    assert {name for code, name in SPECIALTIES.items() if code not in offered} == set()


def test_every_practitioner_is_qualified_before_the_demo_s_present() -> None:
    for practitioner in of_type("Practitioner"):
        assert int(practitioner["qualification"][0]["period"]["start"]) < PRESENT.year
        assert practitioner["communication"]


def test_places_with_an_address_have_plausible_coordinates_and_no_others_have_any() -> None:
    for place in of_type("Location"):
        assert ("address" in place) == ("position" in place)
        if "position" in place:
            assert 51.48 < place["position"]["latitude"] < 51.54
            assert -0.40 < place["position"]["longitude"] < -0.30
    positions = [tuple(place["position"].values()) for place in of_type("Location") if "position" in place]
    assert len(set(positions)) == len(positions) == 9


def test_four_pharmacies_have_opening_hours() -> None:
    pharmacies = [place for place in of_type("Location") if "PHARM" in codes(place["type"][0])]
    assert len(pharmacies) == 4
    for pharmacy in pharmacies:
        for hours in pharmacy["hoursOfOperation"]:
            assert hours["openingTime"] < hours["closingTime"]
