"""The charts make sense: dates in order, status that fits, values that a body can have."""

from collections import defaultdict
from datetime import date, datetime

import pytest

from tests.examples.demo import PRESENT, Resource, age, codes, day, of_type, patient_of, resources

WHEN = {
    "AllergyIntolerance": "recordedDate",
    "CarePlan": "created",
    "Communication": "sent",
    "Condition": "recordedDate",
    "DiagnosticReport": "effectiveDateTime",
    "DocumentReference": "date",
    "Immunization": "occurrenceDateTime",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "dateAsserted",
    "Observation": "effectiveDateTime",
    "Procedure": "performedDateTime",
    "ServiceRequest": "authoredOn",
}
PLAUSIBLE = {
    "8480-6": (60, 220),
    "8462-4": (35, 130),
    "8867-4": (45, 170),
    "9279-1": (8, 60),
    "8310-5": (35, 41),
    "2708-6": (80, 100),
    "29463-7": (2, 150),
    "8302-2": (45, 200),
    "39156-5": (14, 45),
    "9843-4": (30, 55),
    "4548-4": (4, 15),
    "72514-3": (0, 10),
}


def _recorded() -> list[tuple[Resource, date]]:
    return [
        (resource, day(resource[WHEN[resource["resourceType"]]]))
        for resource in resources().values()
        if resource["resourceType"] in WHEN
    ]


def test_everything_happened_within_a_life_and_before_the_present() -> None:
    for resource, when in _recorded():
        patient = resources()[patient_of(resource) or ""]
        end = day(patient["deceasedDateTime"]) if "deceasedDateTime" in patient else PRESENT
        assert date.fromisoformat(patient["birthDate"]) <= when <= end, resource["id"]


def test_what_belongs_to_an_encounter_is_about_its_patient_and_within_its_days() -> None:
    for resource, when in _recorded():
        context = resource.get("encounter") or resource.get("context")
        if isinstance(context, dict) and "reference" in context:
            encounter = resources()[context["reference"]]
            assert patient_of(encounter) == patient_of(resource), resource["id"]
            assert day(encounter["period"]["start"]) <= when <= day(encounter["period"]["end"]), resource["id"]


def test_encounters_end_after_they_begin_and_clinics_are_open_on_weekdays() -> None:
    for encounter in of_type("Encounter"):
        start, end = (datetime.fromisoformat(encounter["period"][edge]) for edge in ("start", "end"))
        assert start < end
        assert encounter["status"] == "finished"
        if encounter["class"]["code"] in {"AMB", "VR", "HH"}:
            assert start.weekday() < 5, encounter["id"]
            assert 8 <= start.hour < 19, encounter["id"]


def test_every_kind_of_encounter_occurs() -> None:
    assert {encounter["class"]["code"] for encounter in of_type("Encounter")} == {"AMB", "EMER", "IMP", "VR", "HH"}


def test_a_diagnosis_of_an_encounter_is_a_condition_of_its_patient() -> None:
    for encounter in of_type("Encounter"):
        for diagnosis in encounter.get("diagnosis", []):
            assert patient_of(resources()[diagnosis["condition"]["reference"]]) == patient_of(encounter)


def test_a_condition_has_ended_if_and_only_if_it_is_resolved() -> None:
    for condition in of_type("Condition"):
        (clinical,) = codes(condition["clinicalStatus"])
        (verification,) = codes(condition["verificationStatus"])
        assert verification == "confirmed"
        assert ("abatementDateTime" in condition) == (clinical == "resolved"), condition["id"]
        assert clinical in {"active", "resolved", "remission"}
        if "abatementDateTime" in condition:
            assert day(condition["onsetDateTime"]) <= day(condition["abatementDateTime"]) <= PRESENT


def test_a_condition_is_on_a_patient_s_list_once_unless_it_ended() -> None:
    seen = defaultdict(list)
    for condition in of_type("Condition"):
        if "abatementDateTime" not in condition:
            seen[patient_of(condition), condition["code"]["text"]].append(condition["id"])
    assert {key: ids for key, ids in seen.items() if len(ids) > 1} == {}


def test_an_active_prescription_is_for_somebody_alive_and_something_not_over() -> None:
    for request in of_type("MedicationRequest"):
        patient = resources()[patient_of(request) or ""]
        if request["status"] == "active":
            assert "deceasedDateTime" not in patient, request["id"]
            as_needed = "asNeededCodeableConcept" in request["dosageInstruction"][0]
            for reason in request.get("reasonReference", []):
                assert as_needed or "abatementDateTime" not in resources()[reason["reference"]], request["id"]
        assert ("statusReason" in request) == (request["status"] == "stopped")


def test_what_a_patient_is_prescribed_is_not_what_they_are_allergic_to() -> None:
    allergic = {patient_of(a) for a in of_type("AllergyIntolerance") if "91936005" in codes(a["code"])}
    assert allergic == {"Patient/asha-verma", "Patient/ayesha-khan", "Patient/zofia-wojcik"}
    for request in of_type("MedicationRequest"):
        medication = resources()[request["medicationReference"]["reference"]]
        penicillin = any(code.startswith("J01C") for code in codes(medication["code"]))
        assert not (penicillin and patient_of(request) in allergic), request["id"]


def test_nobody_has_an_allergy_and_no_known_allergy() -> None:
    by_patient: dict[str | None, set[str]] = defaultdict(set)
    for allergy in of_type("AllergyIntolerance"):
        by_patient[patient_of(allergy)] |= codes(allergy["code"])
    assert [patient for patient, found in by_patient.items() if "716186003" in found and len(found) > 1] == []


def test_values_are_what_a_body_can_have() -> None:
    for observation in of_type("Observation"):
        for part in [observation, *observation.get("component", [])]:
            (code,) = codes(part["code"])
            if code in PLAUSIBLE:
                low, high = PLAUSIBLE[code]
                assert low <= part["valueQuantity"]["value"] <= high, observation["id"]


def test_blood_pressure_has_a_systolic_and_a_lower_diastolic_component() -> None:
    readings = [each for each in of_type("Observation") if "85354-9" in codes(each["code"])]
    assert len(readings) >= 90
    for reading in readings:
        assert [codes(component["code"]) for component in reading["component"]] == [{"8480-6"}, {"8462-4"}]
        systolic, diastolic = (component["valueQuantity"]["value"] for component in reading["component"])
        assert systolic > diastolic + 20


def test_an_observation_is_flagged_exactly_when_it_is_outside_its_range() -> None:
    for observation in of_type("Observation"):
        bounds = observation.get("referenceRange", [{}])[0]
        value = observation.get("valueQuantity", {}).get("value")
        expected = None
        if "low" in bounds and value < bounds["low"]["value"]:
            expected = {"L"}
        elif "high" in bounds and value > bounds["high"]["value"]:
            expected = {"H"}
        found = codes(observation["interpretation"][0]) if "interpretation" in observation else None
        assert found == expected, observation["id"]


@pytest.mark.parametrize("code", ["29463-7", "8302-2", "9843-4"])
def test_children_grow(code: str) -> None:
    series = defaultdict(list)
    for observation in of_type("Observation"):
        patient = patient_of(observation) or ""
        if code in codes(observation["code"]) and age(resources()[patient]) < 15:
            series[patient].append((observation["effectiveDateTime"], observation["valueQuantity"]["value"]))
    series.pop("Patient/xinyi-chen")  # a newborn loses weight in its first days
    assert len(series["Patient/yusuf-al-hassan"]) >= 10
    for values in series.values():
        assert [value for _, value in sorted(values)] == sorted(value for _, value in values)


def test_three_charts_are_long() -> None:
    size: dict[str | None, int] = defaultdict(int)
    for resource in resources().values():
        size[patient_of(resource)] += 1
    size.pop(None)
    longest = sorted(size, key=lambda patient: size[patient])[-3:]
    assert set(longest) == {"Patient/asha-verma", "Patient/gurpreet-gill", "Patient/yusuf-al-hassan"}
    assert min(size[patient] for patient in longest) >= 80


def test_every_report_has_results_or_a_conclusion_about_the_same_patient() -> None:
    for report in of_type("DiagnosticReport"):
        assert report.get("result") or report.get("conclusion")
        for result in report.get("result", []):
            assert patient_of(resources()[result["reference"]]) == patient_of(report)


def test_every_medication_of_the_formulary_is_used() -> None:
    used = {
        resource["medicationReference"]["reference"]
        for resource in resources().values()
        if "medicationReference" in resource
    }
    assert used == {f"Medication/{medication['id']}" for medication in of_type("Medication")}


def test_appointments_are_in_the_future_on_weekdays() -> None:
    for appointment in of_type("Appointment"):
        start = datetime.fromisoformat(appointment["start"])
        assert start.date() > PRESENT
        assert start.weekday() < 5
        assert start < datetime.fromisoformat(appointment["end"])
