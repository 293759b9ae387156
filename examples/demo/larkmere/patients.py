"""Patient and RelatedPerson resources of the people of Larkmere.

https://hl7.org/fhir/R4/patient.html
"""

from collections.abc import Iterator

from larkmere.hospital import GROUP, PRACTITIONERS
from larkmere.people import ABC, IDE, PEOPLE, RELATIVES, Person, Relative
from larkmere.shapes import (
    LANGUAGES,
    Resource,
    address,
    coding,
    concept,
    hl7,
    identifier,
    instant,
    phone,
    present,
    reference,
)

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"

LANGUAGE_NAMES = {
    "am": "Amharic",
    "ar": "Arabic",
    "bn": "Bengali",
    "de": "German",
    "el": "Greek",
    "en-GB": "English",
    "es": "Spanish",
    "fa": "Persian",
    "ga": "Irish",
    "gu": "Gujarati",
    "hi": "Hindi",
    "ja": "Japanese",
    "ko": "Korean",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "so": "Somali",
    "ta": "Tamil",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "yo": "Yoruba",
    "zh": "Chinese",
}
MARITAL = {"M": "Married", "S": "Never Married", "W": "Widowed", "D": "Divorced"}


def number(patient: str) -> str:
    """The patient's hospital number."""
    return f"LK{100000 + 137 * (1 + list(PEOPLE).index(patient))}"


def _names(person: Person) -> list[Resource]:
    names = [
        present(
            use="official",
            text=person.text,
            family=person.family,
            given=person.given.split(),
            prefix=[person.prefix] if person.prefix else None,
        )
    ]
    names += [
        {
            "extension": [{"url": REPRESENTATION, "valueCode": script}],
            "use": "usual",
            "text": f"{family}{'' if script == IDE else ' '}{given}" if script != ABC else f"{given} {family}",
            "family": family,
            "given": given.split(),
        }
        for family, given, script in person.native
    ]
    if person.called:
        given, family = person.called.split()
        names.append({"use": "usual", "text": person.called, "family": family, "given": [given]})
    if person.maiden:
        names.append({"use": "maiden", "family": person.maiden, "given": person.given.split()})
    return names


def _communication(person: Person) -> list[Resource]:
    languages = [person.language] if person.interpreter else [person.language, "en-GB"]
    return [
        present(
            language=concept(coding(LANGUAGES, language, LANGUAGE_NAMES[language])),
            preferred=True if language == person.language else None,
        )
        for language in dict.fromkeys(languages)
    ]


def _patient(logical_id: str, person: Person) -> Resource:
    nearest = next((relative for relative in RELATIVES if relative.of == logical_id), None)
    index = list(PEOPLE).index(logical_id)
    return {
        "resourceType": "Patient",
        "id": logical_id,
        **present(
            identifier=[identifier("patient", number(logical_id), "MR", "Medical record number")],
            active=person.active,
            name=_names(person),
            telecom=[phone(f"+44 7700 900{100 + index}", "mobile")] if person.active and person.born < "2010" else None,
            gender=person.gender,
            birthDate=person.born,
            deceasedBoolean=person.dead if isinstance(person.dead, bool) else None,
            deceasedDateTime=instant(person.dead) if isinstance(person.dead, str) else None,
            address=[address(person.street, person.postal_code)],
            maritalStatus=hl7("v3-MaritalStatus", person.marital, MARITAL[person.marital]) if person.marital else None,
            multipleBirthInteger=person.twin,
            contact=[_contact(nearest)] if nearest else None,
            communication=_communication(person),
            generalPractitioner=(
                [reference(f"Practitioner/{person.gp}", PRACTITIONERS[person.gp].display)] if person.gp else None
            ),
            managingOrganization=reference(f"Organization/{GROUP}"),
            link=(
                [{"other": reference(f"Patient/{person.replaced_by}"), "type": "replaced-by"}]
                if person.replaced_by
                else None
            ),
        ),
    }


def _relative_name(relative: Relative) -> Resource:
    if relative.patient:
        person = PEOPLE[relative.patient]
        return {"use": "official", "family": person.family, "given": person.given.split()}
    family, given = relative.name
    return {"use": "official", "family": family, "given": given.split()}


def _relative_phone(relative: Relative) -> Resource:
    if relative.patient:
        return phone(f"+44 7700 900{100 + list(PEOPLE).index(relative.patient)}", "mobile")
    return phone(f"+44 7700 900{200 + RELATIVES.index(relative)}", "mobile")


def _relative_gender(relative: Relative) -> str:
    return PEOPLE[relative.patient].gender if relative.patient else relative.gender


def _contact(relative: Relative) -> Resource:
    return {
        "relationship": [hl7("v2-0131", "N", "Next-of-Kin")],
        "name": _relative_name(relative),
        "telecom": [_relative_phone(relative)],
        "gender": _relative_gender(relative),
    }


def _related_person(relative: Relative) -> Resource:
    code, display = relative.relationship
    return {
        "resourceType": "RelatedPerson",
        "id": f"{relative.of}-{display.replace(' ', '-')}",
        **present(
            identifier=(
                [identifier("patient", number(relative.patient), "MR", "Medical record number")]
                if relative.patient
                else None
            ),
            active=True,
            patient=reference(f"Patient/{relative.of}", PEOPLE[relative.of].display),
            relationship=[hl7("v3-RoleCode", code, display)],
            name=[_relative_name(relative)],
            telecom=[_relative_phone(relative)],
            gender=_relative_gender(relative),
            birthDate=PEOPLE[relative.patient].born if relative.patient else None,
        ),
    }


def resources() -> Iterator[Resource]:
    for logical_id, person in PEOPLE.items():
        yield _patient(logical_id, person)
    for relative in RELATIVES:
        yield _related_person(relative)
