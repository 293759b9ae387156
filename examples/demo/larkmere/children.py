"""Charts of children, from a baby of one week to a boy of fourteen.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource

# the age in weeks at which the national programme gives each vaccine is folded into the dates of the charts
FIRST, SECOND, THIRD = ("6-in-1", "rotavirus", "MenB"), ("6-in-1", "rotavirus", "PCV13"), ("6-in-1", "MenB")


def yusuf_al_hassan() -> Chart:
    """A growth chart from birth to four and a half: a child who grows along the middle line, with eczema and sore ears."""
    yusuf = Chart("yusuf-al-hassan")
    with yusuf.visit(
        "2022-05-04T06:12", "grace-adeyemi", "Birth", kind="admission", class_="IMP", discharged="2022-05-05T15:00"
    ):
        yusuf.lab(apgar_1=8, apgar_5=9)
        yusuf.vitals(weight=3.42, height=50.5, head=34.8)
    growth = [
        ("2022-06-15T10:00", 4.85, 56.0, 38.0),
        ("2022-07-06T10:20", 5.72, 59.2, 39.6),
        ("2022-08-03T10:00", 6.55, 62.3, 40.9),
        ("2022-08-31T10:20", 7.18, 64.4, 41.9),
        ("2022-11-02T10:00", 8.05, 68.0, 43.5),
        ("2023-02-08T10:20", 9.04, 72.4, 45.1),
        ("2023-05-10T10:00", 9.78, 76.1, 46.2),
        ("2023-11-08T10:20", 11.0, 82.4, 47.4),
        ("2024-05-08T10:00", 12.3, 87.6, 48.4),
    ]
    vaccines = {
        "2022-07-06": (FIRST, 1),
        "2022-08-03": (SECOND, 2),
        "2022-08-31": (THIRD, 3),
        "2023-05-10": (("MMR", "PCV13", "MenB"), None),
    }
    for when, weight, height, head in growth:
        with yusuf.visit(when, "claire-dubois", "Growth and vaccinations", kind="well child"):
            yusuf.vitals(weight=weight, height=height, head=head)
            if when[:10] in vaccines:
                names, dose = vaccines[when[:10]]
                yusuf.vaccinate(*names, dose=dose)
    with yusuf.visit("2022-12-07T15:30", "kenji-mori", "Itchy red skin in the folds", kind="consultation"):
        skin = yusuf.condition("atopic dermatitis", severity="mild")
        yusuf.allergy("egg", "hives", since="2022-11", status="resolved")
        yusuf.prescribe("hydrocortisone-cream", 1, daily=2, days=14, because=skin, status="completed")
    for when, until, weight in [
        ("2023-10-17T16:10", "2023-10-27", 10.8), ("2024-02-06T16:30", "2024-02-16", 11.7),
        ("2025-01-21T16:10", "2025-01-30", 13.7),
    ]:  # fmt: skip
        with yusuf.visit(when, "daniel-okonkwo", "Earache and fever", kind="problem", minutes=15):
            yusuf.vitals(temperature=38.7, pulse=128, weight=weight)
            ear = yusuf.condition("otitis media", until=until)
            yusuf.prescribe("amoxicillin-liquid", 5, daily=3, days=7, because=ear, status="completed")
            if when.startswith("2025"):
                yusuf.refer("ioannis-kostas", "Hearing after repeated ear infections", because=ear)
    with yusuf.visit("2025-03-11T14:00", "ioannis-kostas", "Hearing after ear infections", kind="consultation"):
        yusuf.procedure("hearing test", outcome="Normal hearing in both ears")
    for when, weight, height in [
        ("2025-05-14T10:00", 14.5, 95.9),
        ("2025-11-12T10:20", 15.6, 99.6),
        ("2026-05-13T10:00", 16.6, 103.4),
        ("2026-11-11T10:20", 17.6, 106.8),
    ]:
        with yusuf.visit(when, "ravi-menon", "Growth", kind="well child"):
            yusuf.vitals(weight=weight, height=height)
            if when.startswith("2025-11"):
                yusuf.vaccinate("MMR", dose=2)
    return yusuf


def rohan_verma() -> Chart:
    """Asthma and a peanut allergy that once nearly killed him."""
    rohan = Chart("rohan-verma")
    with rohan.visit("2017-11-14T16:00", "ravi-menon", "Wheeze with every cold", kind="consultation"):
        rohan.vitals(weight=18.6, height=110, oxygen=97)
        lungs = rohan.condition("asthma", severity="moderate")
        rohan.allergy("house dust mite", "runny nose", since="2016")
        rohan.prescribe("salbutamol-inhaler", 2, as_needed="wheeze", because=lungs, repeats=3)
        rohan.prescribe("fluticasone-inhaler", 1, daily=2, because=lungs, days=60, repeats=5)
    with rohan.visit(
        "2021-08-28T13:25", "naomi-brooks", "Swollen lips and wheeze after a biscuit", kind="emergency", class_="EMER",
        minutes=380,
    ):  # fmt: skip
        rohan.vitals(bp=(78, 44), pulse=146, breathing=34, oxygen=89, weight=29.5)
        shock = rohan.condition("anaphylaxis", until="2021-08-28", severity="severe")
        rohan.allergy("peanut", "anaphylaxis", "hives", "wheeze", severity="severe", high=True, since="2021-08-28")
        rohan.procedure("adrenaline injection", because=shock, outcome="Better within five minutes")
        rohan.prescribe("adrenaline-pen", 1, as_needed="severe allergic reaction", because=shock, days=2, repeats=1)
        rohan.flag("Anaphylaxis: peanuts", since="2021-08-28")
    for when, weight, height in [
        ("2021-11-16T16:20", 30.4, 136), ("2023-11-14T16:00", 38.2, 148), ("2025-11-18T16:20", 49.8, 163),
    ]:  # fmt: skip
        with rohan.visit(when, "ravi-menon", "Asthma and allergy review", kind="follow-up"):
            rohan.vitals(weight=weight, height=height, oxygen=98)
            if when.startswith("2025"):
                rohan.report("spirometry", "Normal between attacks.", fev1_fvc=82)
                rohan.vaccinate("HPV", "influenza")
    return rohan


def xinyi_chen() -> Chart:
    """One week old, with a little jaundice that is already going."""
    xinyi = Chart("xinyi-chen")
    with xinyi.visit(
        "2026-11-09T03:38", "grace-adeyemi", "Birth", kind="admission", class_="IMP", discharged="2026-11-11T12:00"
    ):
        xinyi.lab(apgar_1=9, apgar_5=10)
        xinyi.vitals(weight=3.18, height=49.5, head=34.2)
        jaundice = xinyi.condition("neonatal jaundice", severity="mild")
        xinyi.observe("bilirubin", 182, when="2026-11-11T08:00", note="Below the line for phototherapy at 52 hours")
        xinyi.procedure("hearing test", outcome="Clear responses on both sides")
        xinyi.care_plan("First weeks at home", "Midwife visits on 13 and 19 November", for_=[jaundice])
    with xinyi.visit("2026-11-13T11:00", "olena-petrenko", "Midwife at home", kind="follow-up", class_="HH"):
        xinyi.vitals(weight=3.02)
        xinyi.lab(bilirubin=146)
    return xinyi


def ada_okafor() -> Chart:
    ada = Chart("ada-okafor")
    with ada.visit(
        "2026-07-04T15:50", "naomi-brooks", "Fell off the climbing frame", kind="emergency", class_="EMER", minutes=190
    ):
        ada.vitals(pulse=104, weight=25.8)
        ada.lab(pain=7)
        arm = ada.condition("forearm fracture", until="2026-08-18")
        ada.procedure("plaster cast", because=arm)
        ada.no_known_allergy()
    with ada.visit("2026-08-18T09:30", "piotr-zielinski", "Cast off", kind="follow-up"):
        ada.lab(pain=0)
    return ada


def emeka_okafor() -> Chart:
    emeka = Chart("emeka-okafor")
    with emeka.visit("2025-09-23T15:40", "ravi-menon", "Cannot sit still at school", kind="consultation", minutes=45):
        emeka.vitals(bp=(98, 60), pulse=84, weight=23.9, height=122)
        emeka.no_known_allergy()
        attention = emeka.condition("ADHD", severity="moderate")
        emeka.prescribe("methylphenidate-10", 0.5, daily=2, because=attention, repeats=2)
    with emeka.visit("2026-03-24T15:40", "ravi-menon", "Attention", kind="follow-up"):
        emeka.vitals(bp=(100, 62), pulse=88, weight=24.6, height=125)
    return emeka


def kim_min_jun() -> Chart:
    min_jun = Chart("kim-min-jun")
    with min_jun.visit("2021-03-16T11:00", "claire-dubois", "Vaccinations at one year", kind="well child"):
        min_jun.vitals(weight=9.9, height=76.5, head=46.5)
        min_jun.vaccinate("MMR", "PCV13", "MenB", dose=1)
    with min_jun.visit("2024-03-19T11:00", "claire-dubois", "Vaccinations before school", kind="well child"):
        min_jun.vitals(weight=16.3, height=102.5)
        min_jun.vaccinate("MMR", dose=2)
    with min_jun.visit("2026-02-03T09:10", "hannah-reid", "Sore throat and fever", kind="problem"):
        min_jun.vitals(temperature=39.1, weight=20.1)
        throat = min_jun.condition("sore throat", until="2026-02-12")
        min_jun.allergy("animal dander", "runny nose", since="2025")
        min_jun.prescribe("amoxicillin-liquid", 5, daily=3, days=7, because=throat, status="completed")
    return min_jun


def folake_adebayo() -> Chart:
    folake = Chart("folake-adebayo")
    with folake.visit("2024-06-04T14:20", "carmen-ortega", "Belly ache, pale, not growing well", kind="consultation"):
        folake.vitals(weight=21.8, height=122)
        folake.lab(hemoglobin=10.4, ferritin=6)
        bowel = folake.condition("coeliac disease")
        folake.no_known_allergy()
        folake.care_plan("Life without gluten", "Dietitian, three visits", "Growth and iron twice a year", for_=[bowel])
    for when, weight, height, iron in [("2025-06-03T14:20", 26.7, 130, 24), ("2026-06-02T14:20", 31.2, 137, 38)]:
        with folake.visit(when, "ravi-menon", "Growth with coeliac disease", kind="follow-up"):
            folake.vitals(weight=weight, height=height)
            folake.lab(hemoglobin=12.3, ferritin=iron)
    return folake


def lucy_bennett() -> Chart:
    lucy = Chart("lucy-bennett")
    for when, weight, height, head, names in [
        ("2025-01-28T10:40", 5.1, 57.0, 38.6, FIRST), ("2025-02-25T10:40", 5.9, 60.1, 39.9, SECOND),
        ("2025-03-25T10:40", 6.6, 62.8, 41.0, THIRD), ("2025-12-02T10:40", 9.2, 74.3, 45.2, ("MMR", "PCV13", "MenB")),
    ]:  # fmt: skip
        with lucy.visit(when, "claire-dubois", "Growth and vaccinations", kind="well child"):
            lucy.vitals(weight=weight, height=height, head=head)
            lucy.vaccinate(*names)
    return lucy


def resources() -> Iterator[Resource]:
    for chart in (
        yusuf_al_hassan,
        rohan_verma,
        xinyi_chen,
        ada_okafor,
        emeka_okafor,
        kim_min_jun,
        folake_adebayo,
        lucy_bennett,
    ):
        yield from chart().resources
