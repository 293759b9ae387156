"""Where the R4 core package disagrees with R4's own text: what it says, what is used instead, and why.

http://hl7.org/fhir/R4/
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """`field` of the definition called `of` reads `given` in the package; `used` stands in its place."""

    of: str
    field: str
    given: object
    used: object
    reason: str


ELEMENTS = (
    Correction(
        "Resource.id", "type", "string", "id", "resource.html#id: the logical id is of type id; the package says string"
    ),
)

_URL = "http://hl7.org/fhir/SearchParameter/"

_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"
_IS_SUBJECT = f"{_DEFINITION}questionnaireresponse-isSubject"
_GENETIC = "observation-genetic-Observation"

_OF_EXTENSIONS = (
    (
        "device-extensions-Device",
        "Device",
        "din",
        f"{_URL}device-extensions-Device-din",
        f"{_URL}device-extensions-Device-din",
    ),
    (
        "patient-extensions-Patient",
        "Patient",
        "mothersMaidenName",
        f"{_DEFINITION}patient-extensions-Patient-mothersMaidenName",
        f"{_DEFINITION}patient-mothersMaidenName",
    ),
    *(
        (name, type_, code, f"{_DEFINITION}{extension}", f"{_DEFINITION}{extension}")
        for name, type_, code, extension in (
            (
                "diagnosticreport-genetic-DiagnosticReport",
                "DiagnosticReport",
                "assessed-condition",
                "DiagnosticReport-geneticsAssessedCondition",
            ),
            (_GENETIC, "Observation", "amino-acid-change", "observation-geneticsAminoAcidChangeName"),
            (_GENETIC, "Observation", "dna-variant", "observation-geneticsDnaVariant"),
            (_GENETIC, "Observation", "gene-amino-acid-change", "observation-geneticsAminoAcidChangeName"),
            (_GENETIC, "Observation", "gene-dnavariant", "observation-geneticsDnaVariant"),
            (_GENETIC, "Observation", "gene-identifier", "observation-geneticsGene"),
        )
    ),
)
"""Search parameters of R4's extensions: (beginning of the id, type, code, URL as it is given, URL of the extension)."""

SEARCH_PARAMETERS = (
    Correction(
        "InsurancePlan-name",
        "expression",
        "name | alias",
        "InsurancePlan.name | InsurancePlan.alias",
        "the expressions of all other parameters begin at the resource type; these two names stand at no type at all",
    ),
    Correction(
        "Observation-code-value-date",
        "component",
        [[f"{_URL}clinical-code", "code"], [f"{_URL}Observation-value-date", "value.as(DateTime) | value.as(Period)"]],
        [[f"{_URL}clinical-code", "code"], [f"{_URL}Observation-value-date", "value.as(dateTime) | value.as(Period)"]],
        "datatypes.html#dateTime: the type is called dateTime",
    ),
    Correction(
        "DocumentReference-relationship",
        "component",
        [[f"{_URL}DocumentReference-relatesto", "code"], [f"{_URL}DocumentReference-relation", "target"]],
        [[f"{_URL}DocumentReference-relatesto", "target"], [f"{_URL}DocumentReference-relation", "code"]],
        "documentreference.html: relatesto is the target of relatesTo, relation its code; the two are swapped",
    ),
    *(
        Correction(
            f"{name}-{code}",
            "expression",
            f"{type_}.extension('{url}')",
            f"{type_}.extension.where(url = '{used}').value",
            "searchparameter.html: what is searched by is a value; an extension has one"
            + ("" if used == url else ", and R4's extension is called as it is here"),
        )
        for name, type_, code, url, used in _OF_EXTENSIONS
    ),
    Correction(
        "questionnaireresponse-extensions-QuestionnaireResponse-item-subject",
        "expression",
        f"QuestionnaireResponse.item.where(hasExtension('{_IS_SUBJECT}')).answer.value.ofType(Reference)",
        f"QuestionnaireResponse.item.where(extension('{_IS_SUBJECT}').exists()).answer.value.ofType(Reference)",
        "fhirpath.html: FHIR adds extension() to FHIRPath, and no hasExtension()",
    ),
)
"""`of` is the SearchParameter's id."""

INVARIANTS = (
    Correction(
        "que-7",
        "expression",
        "operator = 'exists' implies (answer is Boolean)",
        "operator = 'exists' implies (answer is boolean)",
        "no element of a resource is a System.Boolean: the rule could not be kept; R5 writes boolean",
    ),
    Correction(
        "que-12",
        "expression",
        "enableWhen.count() > 2 implies enableBehavior.exists()",
        "enableWhen.count() > 1 implies enableBehavior.exists()",
        "its own words and Questionnaire.item.enableBehavior say: if there are more than one enableWhen; R5 writes > 1",
    ),
)
"""`of` is the key of the constraint."""

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"

CONTEXTS = tuple(
    Correction(f"{_EXTENSION}{name}", "context", None, used, "R4's own definitions, as published, have it there too")
    for name, used in (
        ("structuredefinition-fhir-type", ("ElementDefinition.type",)),
        ("regex", ("ElementDefinition.type",)),
        ("structuredefinition-normative-version", ("CanonicalResource", "ElementDefinition")),
        ("valueset-concept-comments", ("CodeSystem.concept",)),
    )
)
"""`of` is the url of an extension, `used` are places where it may stand beside those of its definition."""
