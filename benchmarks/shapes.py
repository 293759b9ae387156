"""The shapes of searches that are measured, each with values that are sampled from the data at run time.

`{type.name}` is a value of one sampled resource of that type (benchmarks.samples), the same one throughout a shape's line.
`flat` shapes select little, or stop after a page, which is full at every scale: their median may not grow with the data by more than half. The others look at
a share of the data and are held to a second.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """`pages`: how many pages of `path` are walked, uncounted, to the page that is measured."""

    name: str
    path: str
    flat: bool = True
    pages: int = 0


LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"

SHAPES: tuple[Shape, ...] = (
    # one parameter of every type
    Shape("_id", "Patient?_id={patient.id}"),
    Shape("string", "Patient?family={patient.family}&_count=1"),
    Shape("string, prefix of 2", "Patient?family={patient.family2}&_count=1"),
    Shape("string :exact", "Patient?family:exact={patient.family}&_count=1"),
    Shape("string :contains", "Patient?name:contains={patient.inside}&_count=1"),
    Shape("token, system|code", "Observation?code={observation.token}&_count=10"),
    Shape("token, code alone", "Observation?code={observation.code}&_count=10"),
    Shape("token, identifier", "Encounter?identifier={encounter.identifier}&_count=1"),
    Shape("token :not", "Observation?status:not=final&_count=20", flat=False),
    Shape("token :text", "Condition?code:text={condition.word}&_count=1"),
    Shape("token, 4 alternatives", "Observation?code={observation.code},{rare.code},8302-2,29463-7&_count=20"),
    Shape("date, one day", "Observation?date={observation.day}&_count=1"),
    Shape("date, from day to day", "Observation?date=ge{observation.day}&date=lt{observation.next_day}&_count=1"),
    Shape("date, after the last week", "Encounter?date=gt{newest.week_before}&_count=2"),
    Shape("date, before", "Observation?date=lt{oldest.week_after}&_count=20"),
    Shape("reference", "Observation?patient={patient.id}&_count=20"),
    Shape("reference, rarely referred to", "Observation?encounter={observation.encounter}"),
    Shape("number", "RiskAssessment?probability=gt0.5"),
    Shape("quantity, value|system|code", "Observation?value-quantity={observation.value}|{observation.unit}&_count=1"),
    Shape("quantity, rare", "Observation?value-quantity=gt{largest.value}|{largest.unit}&_count=4"),
    Shape("uri", "Observation?_profile={observation.profile}&_count=20"),
    Shape("composite", "Observation?code-value-quantity={observation.token}${observation.value}&_count=1"),
    Shape("composite, rare value", "Observation?code-value-quantity={largest.token}$gt{largest.value}&_count=4"),
    Shape("composite of components", "Observation?component-code-value-quantity=8480-6$gt190&_count=10"),
    Shape(":missing=true", "Patient?death-date:missing=true&_count=20"),
    Shape(":missing=true, rare", "Observation?code:missing=true", flat=False),
    Shape("_lastUpdated, the last second", "Observation?_lastUpdated=ge{newest.updated}&_count=20"),
    # several parameters, the common one first
    Shape("2: status & rare code", "Observation?status=final&code={rare.token}&_count=20"),
    Shape("2: patient & code", "Observation?code={observation.token}&patient={observation.patient}"),
    Shape("2: gender & birthdate", "Patient?gender={patient.gender}&birthdate={patient.birthdate}&_count=1"),
    Shape("2: code & rare value", "Observation?code={largest.token}&value-quantity=gt{largest.value}&_count=4"),
    Shape("3 tokens, rarest last", f"Observation?status=final&category={LAB}&code={{rare.token}}&_count=20"),
    Shape("1 token, the rarest of 3", "Observation?code={rare.token}&_count=20"),
    Shape("3: status, date, patient", "Observation?status=final&date=ge2012&patient={observation.patient}&_count=20"),
    Shape("2 common that rarely meet", "Observation?category=vital-signs&code={rare.token}&_count=20"),
    # chains
    Shape("chain", "Observation?patient.family={patient.family}&_count=20"),
    Shape("chain & code", "Observation?code={observation.token}&patient.birthdate={patient.birthdate}&_count=1"),
    Shape(
        "chain of two",
        "Observation?encounter:Encounter.service-provider:Organization.name={organization.name}&_count=20",
    ),
    Shape("_has", "Patient?_has:Observation:patient:code={rare.token}&_count=4"),
    Shape("_has & gender", "Patient?gender={patient.gender}&_has:Condition:patient:code={condition.code}&_count=1"),
    # with other resources
    Shape("_include", "Observation?patient={patient.id}&_include=Observation:encounter&_count=20"),
    Shape(
        "_include:iterate",
        "DiagnosticReport?patient={patient.id}&_include=DiagnosticReport:result"
        "&_include:iterate=Observation:encounter&_count=10",
    ),
    Shape("_revinclude", "Encounter?_id={observation.encounter}&_revinclude=Observation:encounter"),
    # sorts
    Shape("sort by date, all", "Observation?_sort=-date&_count=20"),
    Shape("sort by name, all", "Patient?_sort=family,given&_count=20"),
    Shape("sort by code, all", "Observation?_sort=code&_count=20"),
    Shape("sort by quantity, all", "Observation?_sort=-value-quantity&_count=20"),
    Shape("sort by date of a common code", "Observation?code={observation.token}&_sort=-date&_count=10"),
    Shape("sort by date of a rare code", "Observation?code={rare.token}&_sort=date&_count=20"),
    Shape("sort by date of a patient", "Observation?patient={patient.id}&_sort=-date,code&_count=20"),
    Shape("sort by _lastUpdated", "Observation?status=final&_sort=-_lastUpdated&_count=20"),
    Shape("chained sort", "Condition?code={condition.code}&_sort=patient.birthdate&_count=20", flat=False),
    # counts
    Shape("count of a type", "Observation?_summary=count", flat=False),
    Shape("count of a common token", "Observation?status=final&_summary=count", flat=False),
    Shape("_total with a page", "Observation?code={observation.token}&_total=accurate&_count=20", flat=False),
    Shape("count of a range of dates", "Observation?date=ge2015&_summary=count", flat=False),
    Shape("count of two common ones", f"Observation?category={LAB}&date=ge2015&_summary=count", flat=False),
    # deep pages
    Shape("page 50 of a code", "Observation?code=8302-2&_count=20", pages=50),
    Shape("page 50 by date", "Observation?_sort=-date&_count=20", pages=50),
    Shape("page 50 of everything", "Observation?_count=20", pages=50),
    # other places
    Shape("all types", "?_type=Patient,Encounter,Condition&_lastUpdated=ge{newest.updated}&_count=20"),
    Shape("compartment, one type", "Patient/{observation.patient}/Observation?code={observation.token}&_count=10"),
    Shape("compartment, all types", "Patient/{patient.id}/*?_count=20"),
    Shape("summary of many", "Encounter?patient={patient.id}&_summary=true&_count=20"),
)
