"""Charts of people who came once, with something that passed.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource


def maria_jose_garcia_lopez() -> Chart:
    maria = Chart("maria-jose-garcia-lopez")
    with maria.visit(
        "2026-10-31T23:10", "naomi-brooks", "Pain that moved to the lower right of the belly", kind="emergency",
        class_="EMER", minutes=200,
    ):  # fmt: skip
        maria.vitals(bp=(114, 70), pulse=104, temperature=38.2, breathing=18, oxygen=99)
        maria.lab(pain=7, crp=88)
        maria.report("blood-count", hemoglobin=13.1, white_cells=15.6, platelets=276)
        maria.no_known_allergy()
        appendix = maria.condition("appendicitis", until="2026-11-03", severity="moderate")
    with maria.visit(
        "2026-11-01T02:40", "arjun-sandhu", "Acute appendicitis", kind="admission", class_="IMP",
        discharged="2026-11-03T11:00",
    ):  # fmt: skip
        maria.procedure("appendicectomy", because=appendix, outcome="Keyhole operation, appendix not perforated")
        maria.prescribe("paracetamol-500", 2, daily=4, days=5, because=appendix, status="completed")
        maria.letter(
            "Discharge summary",
            "Laparoscopic appendicectomy on 1 November 2026, no complication. No sport for three weeks.\n"
            "Cuídese mucho.\n",
            kind=("18842-5", "Discharge summary"),
        )
    with maria.visit("2026-11-12T09:00", "hannah-reid", "Wound check", kind="follow-up", minutes=10):
        maria.vitals(temperature=36.6)
        maria.lab(pain=1)
    return maria


def haruto_sato() -> Chart:
    haruto = Chart("haruto-sato")
    with haruto.visit(
        "2026-04-18T17:20", "naomi-brooks", "Twisted knee at football", kind="emergency", class_="EMER", minutes=150
    ):
        haruto.vitals(bp=(126, 74), pulse=82)
        haruto.lab(pain=6)
        knee = haruto.condition("cruciate ligament injury", note="Right knee.")
        haruto.no_known_allergy()
        haruto.refer("piotr-zielinski", "Unstable right knee", because=knee, priority="urgent")
    with haruto.visit("2026-04-28T10:00", "piotr-zielinski", "Right knee", kind="consultation", minutes=30):
        haruto.vitals(weight=68.0, height=173)
        haruto.procedure("physiotherapy", because=knee)
        haruto.goal("Run without pain", "2027-01-31")
        haruto.takes(
            "ibuprofen-400", "One tablet three times a day after meals", since="2026-04-18", until="2026-05-05"
        )
    with haruto.visit("2026-09-08T10:00", "piotr-zielinski", "Right knee after four months", kind="follow-up"):
        haruto.lab(pain=2)
    return haruto


def rest() -> Iterator[Chart]:
    """Short charts of patients who have a longer one elsewhere, or none."""
    layla = Chart("layla-al-hassan")
    with layla.visit(
        "2025-12-15T18:10", "naomi-brooks", "Turned ankle on ice", kind="emergency", class_="EMER", minutes=120
    ):
        ankle = layla.condition("ankle sprain", until="2026-01-09", severity="mild")
        layla.takes("paracetamol-500", "Two tablets when needed", since="2025-12-15", until="2025-12-22")
        layla.procedure("physiotherapy", because=ankle)
    yield layla
    chidi = Chart("chidi-okafor")
    with chidi.visit(
        "2024-01-09T17:00", "meera-iyer", "Fever, lost sense of smell", kind="video", class_="VR", minutes=15
    ):
        chidi.condition("COVID-19", until="2024-01-20", severity="mild")
    yield chidi
    emily = Chart("emily-clarke")
    with emily.visit(
        "2024-09-21T14:30", "naomi-brooks", "Hit on the head at hockey", kind="emergency", class_="EMER", minutes=260
    ):
        emily.lab(pain=4)
        emily.condition("concussion", until="2024-10-05", severity="mild")
        emily.report("head-ct", "No bleeding, no fracture.", by="lucas-meyer")
    yield emily
    farhad = Chart("farhad-karimi")
    with farhad.visit(
        "2024-03-03T04:20", "naomi-brooks", "Colic in the left flank", kind="emergency", class_="EMER", minutes=280
    ):
        farhad.vitals(bp=(148, 90), pulse=98, temperature=36.8)
        farhad.lab(pain=9)
        farhad.condition("kidney stone", until="2024-03-12")
    yield farhad
    alejandro = Chart("alejandro-fernandez-ruiz")
    with alejandro.visit("2026-01-27T09:40", "ioannis-kostas", "Blocked nose for months", kind="consultation"):
        alejandro.condition("chronic sinusitis", since="2025-09")
    yield alejandro


def resources() -> Iterator[Resource]:
    for chart in (maria_jose_garcia_lopez(), haruto_sato(), *rest()):
        yield from chart.resources
