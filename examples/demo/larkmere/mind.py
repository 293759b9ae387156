"""Charts of people with an illness of the mind or the nervous system.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource


def omar_al_hassan() -> Chart:
    """Post-traumatic stress after flight from war; treated in his own language, mostly by video."""
    omar = Chart("omar-al-hassan")
    with omar.visit("2023-01-17T10:00", "daniel-okonkwo", "Nightmares, cannot sleep", kind="problem", minutes=40):
        omar.vitals(bp=(134, 84), pulse=92, weight=76.0, height=179)
        omar.lab(phq_9=19, gad_7=16)
        omar.flag("Interpreter needed (Arabic)", since="2023-01-17", category="admin")
        omar.no_known_allergy()
        trauma = omar.condition("post-traumatic stress disorder", severity="severe")
        mood = omar.condition("depression", severity="moderate", status="remission")
        omar.refer("fatima-al-rashid", "Trauma-focused therapy in Arabic", because=trauma)
    with omar.visit("2023-02-14T14:00", "fatima-al-rashid", "First conversation", kind="consultation", minutes=90):
        omar.lab(phq_9=20, gad_7=17)
        omar.prescribe("sertraline-50", 1, daily=1, because=mood, repeats=11)
        omar.care_plan(
            "Trauma-focused therapy", "Weekly conversations by video, in Arabic", "Sleep diary", for_=[trauma, mood]
        )
    for when, phq, gad in [
        ("2023-04-18T14:00", 15, 13),
        ("2023-07-18T14:00", 12, 11),
        ("2023-11-14T14:00", 9, 9),
        ("2024-05-14T14:00", 7, 8),
        ("2025-05-13T14:00", 5, 6),
        ("2026-05-12T14:00", 4, 5),
    ]:
        with omar.visit(when, "fatima-al-rashid", "Therapy", kind="video", class_="VR", minutes=50):
            omar.lab(phq_9=phq, gad_7=gad)
            if when.startswith("2023-07"):
                omar.procedure("cognitive behavioural therapy", because=trauma)
    return omar


def layla_al_hassan() -> Chart:
    layla = Chart("layla-al-hassan")
    with layla.visit(
        "2024-02-20T11:30", "amelia-hart", "Headaches with flickering light", kind="consultation", minutes=40
    ):
        layla.vitals(bp=(116, 74))
        layla.lab(pain=8)
        layla.allergy("grass pollen", "runny nose", since="2000")
        head = layla.condition("migraine", since="2008")
        layla.report("brain-mri", "Normal brain.", by="lucas-meyer")
        layla.prescribe("sumatriptan-50", 1, as_needed="migraine", because=head, repeats=3)
        layla.takes("ibuprofen-400", "One tablet at the first sign of a headache", since="2010")
        layla.takes("cetirizine-5", "Two tablets a day in May and June", since="2015-05")
    with layla.visit("2026-02-17T11:30", "amelia-hart", "Migraine, two attacks a month", kind="video", class_="VR"):
        layla.lab(pain=4)
    return layla


def oksana_shevchenko() -> Chart:
    oksana = Chart("oksana-shevchenko")
    with oksana.visit(
        "2022-07-05T09:30", "amelia-hart", "Epilepsy since school, new in the country", kind="consultation", minutes=50
    ):
        oksana.vitals(bp=(120, 76), weight=63.5, height=170)
        oksana.flag("Interpreter needed (Ukrainian)", since="2022-07-05", category="admin")
        oksana.no_known_allergy()
        fits = oksana.condition("epilepsy", since="2004")
        oksana.report("brain-mri", "Small cortical scar of the right temporal lobe.", by="lucas-meyer")
        oksana.prescribe("levetiracetam-500", 2, daily=2, because=fits, repeats=11)
    for when in ("2023-07-04T09:30", "2025-07-08T09:30", "2026-07-07T09:30"):
        with oksana.visit(when, "amelia-hart", "Epilepsy clinic", kind="follow-up"):
            oksana.vitals(bp=(118, 74), weight=64.0)
            oksana.letter(
                f"Epilepsy clinic {when[:4]}",
                "No seizure since the last visit. Levetiracetam unchanged. May drive again after twelve months without one.\n"
                "Наступний візит через рік.\n",
            )
    return oksana


def emily_clarke() -> Chart:
    emily = Chart("emily-clarke")
    with emily.visit("2025-02-11T16:10", "hannah-reid", "Worries, panic before school", kind="problem", minutes=30):
        emily.lab(gad_7=15, phq_9=11)
        emily.no_known_allergy()
        worry = emily.condition("anxiety", severity="moderate")
        emily.refer("fatima-al-rashid", "Young people's clinic", because=worry)
    for when, gad in [
        ("2025-03-25T16:00", 14),
        ("2025-06-17T16:00", 10),
        ("2025-11-18T16:00", 7),
        ("2026-06-16T16:00", 5),
    ]:
        with emily.visit(when, "fatima-al-rashid", "Therapy", kind="follow-up", minutes=50):
            emily.lab(gad_7=gad)
            if when.startswith("2025-06"):
                emily.procedure("cognitive behavioural therapy", because=worry)
    return emily


def farhad_karimi() -> Chart:
    farhad = Chart("farhad-karimi")
    with farhad.visit(
        "2018-06-12T15:00", "fatima-al-rashid", "Stable on lithium, moved here", kind="consultation", minutes=60
    ):
        farhad.condition("bipolar disorder", since="2003", status="remission")
        farhad.no_known_allergy()
        farhad.prescribe("lithium-400", 2, daily=1, days=28, repeats=11)
    for when, tsh, creatinine, egfr in [("2022-06-14T15:00", 2.9, 88, 87), ("2026-06-23T15:00", 3.4, 92, 82)]:
        with farhad.visit(when, "fatima-al-rashid", "Lithium check", kind="follow-up"):
            farhad.lab(tsh=tsh, creatinine=creatinine, egfr=egfr)
    return farhad


def resources() -> Iterator[Resource]:
    for chart in (omar_al_hassan, layla_al_hassan, oksana_shevchenko, emily_clarke, farhad_karimi):
        yield from chart().resources
