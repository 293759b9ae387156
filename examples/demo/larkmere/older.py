"""Charts of old people: falls, memory, eyes, hearts, and two who have died.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource


def kamla_verma() -> Chart:
    """Osteoporosis, a broken hip, and a memory that is going."""
    kamla = Chart("kamla-verma")
    with kamla.visit("2018-10-09T11:00", "meera-iyer", "Back pain, lost 4 cm of height", kind="problem"):
        kamla.vitals(bp=(142, 80), weight=55.0, height=149)
        kamla.flag("Interpreter needed (Hindi)", since="2018-10-09", category="admin")
        kamla.no_known_allergy()
        kamla.report("bone-density", "Osteoporosis of spine and hip.", by="lucas-meyer", t_score=-3.1)
        bones = kamla.condition("osteoporosis")
        kamla.prescribe("alendronic-acid-10", 1, daily=1, because=bones, repeats=11)
        kamla.prescribe("colecalciferol-1000", 1, daily=1, because=bones, repeats=11)
    for when, score in [
        ("2022-03-08T10:30", 23),
        ("2023-03-07T10:30", 21),
        ("2024-09-10T10:30", 19),
        ("2026-03-10T10:30", 16),
    ]:
        with kamla.visit(when, "ruth-campbell", "Memory clinic", kind="follow-up", minutes=60):
            kamla.lab(mmse=score)
            if when.startswith("2023"):
                memory = kamla.condition("Alzheimer's disease", severity="mild")
                kamla.prescribe("donepezil-10", 1, daily=1, because=memory, repeats=11)
    with kamla.visit(
        "2025-12-28T07:50", "naomi-brooks", "Fell in the bathroom", kind="emergency", class_="EMER", minutes=240
    ):
        kamla.vitals(bp=(158, 84), pulse=96, oxygen=95)
        kamla.lab(pain=8)
        hip = kamla.condition("hip fracture", until="2026-04-14")
    with kamla.visit(
        "2025-12-28T12:30", "piotr-zielinski", "Broken left hip", kind="admission", class_="IMP", at="surgical-ward",
        discharged="2026-01-09T11:00", disposition="rehab",
    ):  # fmt: skip
        kamla.procedure("hip replacement", because=hip, outcome="Stands with help on the second day")
        kamla.report("blood-count", hemoglobin=9.4, mcv=89, white_cells=9.8, platelets=198)
        kamla.flag("Falls risk", since="2025-12-28")
        kamla.letter(
            "Discharge summary",
            "Fall at home, fracture of the left hip, hip replacement on 28 December. Confused on two nights, settled.\n"
            "To rehabilitation on 9 January. Her daughter-in-law Asha speaks for her when she is tired.\n",
            kind=("18842-5", "Discharge summary"),
        )
    with kamla.visit("2026-04-14T10:00", "piotr-zielinski", "Hip after three months", kind="follow-up"):
        kamla.lab(pain=2)
    return kamla


def zofia_wojcik() -> Chart:
    """Ninety-five years old, and at home at Beech House."""
    zofia = Chart("zofia-wojcik")
    with zofia.visit(
        "2021-05-25T11:00", "hannah-reid", "Swollen ankles", kind="problem", class_="HH", at="northgate-clinic"
    ):
        zofia.vitals(bp=(148, 78), pulse=88, weight=52.0, oxygen=94)
        zofia.lab(nt_probnp=2850)
        zofia.allergy("penicillin", "rash", since="1958")
        heart = zofia.condition("heart failure", severity="moderate")
        zofia.prescribe("furosemide-40", 1, daily=1, because=heart, repeats=11)
        zofia.condition("hearing loss", since="2010")
    with zofia.visit("2023-05-23T14:00", "linh-pham", "Cloudy sight", kind="consultation"):
        eye = zofia.condition("cataract", until="2023-07-06")
        zofia.refer("linh-pham", "Cataract surgery, right eye", because=eye)
    with zofia.visit("2023-07-06T08:30", "linh-pham", "Cataract surgery", kind="check-up", minutes=90):
        zofia.procedure("cataract extraction", because=eye, outcome="Reads the newspaper again")
    for when, weight, pulse in [
        ("2024-10-15T11:00", 49.5, 82),
        ("2025-10-14T11:00", 48.0, 84),
        ("2026-10-13T11:00", 46.8, 80),
    ]:
        with zofia.visit(
            when, "hannah-reid", "Visit at Beech House", kind="follow-up", class_="HH", at="northgate-clinic"
        ):
            zofia.vitals(bp=(132, 70), pulse=pulse, weight=weight)
            zofia.vaccinate("influenza", "COVID-19")
    return zofia


def dmitri_volkov() -> Chart:
    dmitri = Chart("dmitri-volkov")
    with dmitri.visit("2019-04-09T09:20", "daniel-okonkwo", "Hot, swollen big toe", kind="problem"):
        dmitri.vitals(bp=(138, 84), weight=94.0, height=175)
        dmitri.lab(urate=548, pain=9)
        dmitri.no_known_allergy()
        toe = dmitri.condition("gout")
        dmitri.prescribe("naproxen-500", 1, daily=2, days=7, because=toe, status="completed")
        dmitri.prescribe("allopurinol-100", 2, daily=1, because=toe, repeats=11)
    with dmitri.visit("2021-11-16T10:00", "marco-bellini", "Gets up four times a night", kind="consultation"):
        dmitri.lab(psa=3.2)
        prostate = dmitri.condition("prostate enlargement")
        dmitri.prescribe("tamsulosin-0.4", 1, daily=1, because=prostate, repeats=11)
        dmitri.condition("knee osteoarthritis", since="2015")
    for when, urate, psa in [("2024-04-09T09:20", 352, 3.4), ("2026-04-14T09:20", 338, 3.9)]:
        with dmitri.visit(when, "daniel-okonkwo", "Yearly check", kind="follow-up"):
            dmitri.vitals(bp=(136, 80), weight=90.5)
            dmitri.lab(urate=urate, psa=psa)
            dmitri.vaccinate("zoster")
    return dmitri


def jurgen_muller() -> Chart:
    jurgen = Chart("jurgen-muller")
    with jurgen.visit(
        "2021-09-21T13:00", "amelia-hart", "Trembling right hand, small steps", kind="consultation", minutes=50
    ):
        jurgen.vitals(bp=(128, 78), weight=79.0, height=180)
        jurgen.no_known_allergy()
        brain = jurgen.condition("Parkinson's disease", since="2021", severity="mild")
        jurgen.prescribe("levodopa-benserazide-125", 1, daily=3, because=brain, repeats=11)
    with jurgen.visit("2023-02-07T09:30", "linh-pham", "Eye pressure found by the optician", kind="consultation"):
        eyes = jurgen.condition("glaucoma")
        jurgen.prescribe("latanoprost-drops", 1, daily=1, because=eyes, repeats=11)
    for when, weight in [("2024-09-24T13:00", 76.5), ("2026-09-22T13:00", 74.8)]:
        with jurgen.visit(when, "amelia-hart", "Movement clinic", kind="follow-up"):
            jurgen.vitals(bp=(118, 72), weight=weight)
    return jurgen


def george_whitfield() -> Chart:
    george = Chart("george-whitfield")
    with george.visit("2023-09-05T10:20", "meera-iyer", "Low since his wife died", kind="problem", minutes=30):
        george.vitals(bp=(136, 76), weight=70.2, height=171)
        george.lab(phq_9=14)
        george.no_known_allergy()
        mood = george.condition("depression", severity="moderate")
        george.prescribe("mirtazapine-15", 1, daily=1, because=mood, repeats=5)
    with george.visit("2025-06-03T10:20", "meera-iyer", "Back pain", kind="follow-up"):
        george.condition("low back pain", since="2010")
        george.lab(phq_9=6, pain=4)
        george.takes("paracetamol-500", "Two tablets, up to four times a day", since="2019")
    with george.visit(
        "2026-10-06T10:20", "kwame-asante", "Ninety on Saturday: health check and flu jab", kind="check-up"
    ):
        george.vitals(bp=(134, 74), pulse=68, weight=71.0)
        george.vaccinate("influenza", "COVID-19", "zoster")
    return george


def tran_van_minh() -> Chart:
    """Died in 2024, three weeks after a pulmonary embolism."""
    minh = Chart("tran-van-minh")
    with minh.visit(
        "2024-08-09T16:40", "henrik-dahl", "Sudden breathlessness after a long flight", kind="admission", class_="IMP",
        at="elderly-care-ward", discharged="2024-08-30T21:15", disposition="exp",
    ):  # fmt: skip
        minh.vitals(bp=(96, 58), pulse=122, breathing=30, oxygen=84)
        minh.lab(nt_probnp=5200, troponin=96)
        clot = minh.condition("pulmonary embolism", severity="severe")
        minh.prescribe("apixaban-5", 2, daily=2, days=7, because=clot, status="completed")
    return minh


def resources() -> Iterator[Resource]:
    for chart in (kamla_verma, zofia_wojcik, dmitri_volkov, jurgen_muller, george_whitfield, tran_van_minh):
        yield from chart().resources
