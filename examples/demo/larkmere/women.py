"""Charts of the women's clinics: pregnancy and birth, breast cancer, anaemia.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource


def harleen_gill() -> Chart:
    """Her first pregnancy, in the seventh month: due on 2 February 2027."""
    harleen = Chart("harleen-gill")
    with harleen.visit(
        "2026-06-23T09:30", "olena-petrenko", "First antenatal visit, 8 weeks", kind="antenatal", minutes=50
    ):
        harleen.vitals(bp=(112, 70), pulse=76, weight=61.2, height=164)
        harleen.smoking("266919005", "Never smoked tobacco")
        harleen.no_known_allergy()
        pregnancy = harleen.condition("pregnancy", since="2026-05-12", note="First pregnancy. Due on 2 February 2027.")
        harleen.report("blood-count", hemoglobin=11.9, mcv=84, white_cells=8.1, platelets=241)
        harleen.prescribe("colecalciferol-1000", 1, daily=1, because=pregnancy, days=90, repeats=2)
    with harleen.visit("2026-07-21T10:00", "grace-adeyemi", "Ultrasound at 12 weeks", kind="antenatal", minutes=30):
        harleen.report(
            "pregnancy-ultrasound", "Single live pregnancy, 12 weeks. Low chance of trisomy.", by="lucas-meyer"
        )
    with harleen.visit("2026-09-15T10:00", "grace-adeyemi", "Ultrasound at 20 weeks", kind="antenatal", minutes=30):
        harleen.vitals(bp=(108, 66), weight=65.0)
        harleen.report("pregnancy-ultrasound", "Normal anatomy. Placenta high and anterior.", by="lucas-meyer")
    with harleen.visit("2026-10-20T09:30", "olena-petrenko", "Antenatal visit, 25 weeks", kind="antenatal"):
        harleen.vitals(bp=(110, 68), weight=67.1)
        harleen.lab(fundal_height=25, fetal_pulse=146)
    with harleen.visit("2026-11-10T09:30", "olena-petrenko", "Antenatal visit, 28 weeks", kind="antenatal"):
        harleen.vitals(bp=(114, 70), weight=68.4)
        harleen.lab(fundal_height=28, fetal_pulse=142)
        harleen.report("blood-count", "Iron deficiency.", hemoglobin=10.2, mcv=77, white_cells=9.0, platelets=228)
        harleen.lab(ferritin=8)
        anaemia = harleen.condition("iron deficiency anaemia", severity="mild")
        harleen.prescribe("ferrous-sulfate-325", 1, daily=1, because=anaemia, days=84, repeats=1)
        harleen.vaccinate("Tdap", "influenza")
        harleen.care_plan(
            "Antenatal care",
            "Midwife at 31, 34, 36, 38 and 40 weeks",
            "Blood count again at 32 weeks",
            "Birth planned in hospital, partner Manraj with her",
            for_=[pregnancy, anaemia],
        )
    return harleen


def li_na_wang() -> Chart:
    li_na = Chart("li-na-wang")
    with li_na.visit(
        "2026-03-24T13:00", "olena-petrenko", "First antenatal visit, 7 weeks", kind="antenatal", minutes=50
    ):
        li_na.vitals(bp=(104, 64), weight=52.3, height=160)
        li_na.no_known_allergy()
        li_na.condition("pregnancy", since="2026-02-02", until="2026-11-09", note="Ended in the birth of Xinyi.")
    for when, weight, height, pulse in [
        ("2026-07-28T13:00", 58.1, 25, 150), ("2026-09-22T13:20", 61.8, 33, 144), ("2026-10-27T13:00", 64.0, 38, 138),
    ]:  # fmt: skip
        with li_na.visit(when, "olena-petrenko", "Antenatal visit", kind="antenatal"):
            li_na.vitals(bp=(108, 66), weight=weight)
            li_na.lab(fundal_height=height, fetal_pulse=pulse)
    with li_na.visit(
        "2026-11-08T18:30", "grace-adeyemi", "Birth at 40 weeks", kind="admission", class_="IMP",
        discharged="2026-11-11T12:00",
    ):  # fmt: skip
        li_na.vitals(bp=(118, 72), pulse=88, temperature=36.9)
        li_na.procedure("caesarean section", outcome="Healthy girl of 3180 g at 03:38 on 9 November")
        li_na.prescribe("paracetamol-500", 2, daily=4, days=5)
        li_na.letter(
            "Discharge summary",
            "Caesarean section on 9 November for slow progress. Girl, 3180 g, Apgar 9 and 10. Breastfeeding well.\n"
            "母女平安。 Midwife visits on 13 and 19 November.\n",
            kind=("18842-5", "Discharge summary"),
        )
    return li_na


def yuki_tanaka() -> Chart:
    """Breast cancer found at a screening in 2022, treated, and followed since."""
    yuki = Chart("yuki-tanaka")
    with yuki.visit("2022-05-17T09:00", "james-whitaker", "Screening mammogram", kind="check-up"):
        yuki.report("mammogram", "Suspicious mass of 14 mm in the left breast, upper outer quadrant.", by="lucas-meyer")
        yuki.no_known_allergy()
    with yuki.visit("2022-05-31T11:00", "james-whitaker", "Result of the biopsy", kind="consultation", minutes=60):
        yuki.report("pathology", "Invasive ductal carcinoma, grade 2, oestrogen receptor positive, HER2 negative.")
        cancer = yuki.condition("breast cancer", status="remission", note="Left, 14 mm, no lymph nodes involved.")
        yuki.refer("arjun-sandhu", "Surgery of the left breast", because=cancer, priority="urgent")
    with yuki.visit(
        "2022-06-21T07:30", "arjun-sandhu", "Breast-conserving surgery", kind="admission", class_="IMP",
        discharged="2022-06-22T15:00",
    ):  # fmt: skip
        yuki.procedure("lumpectomy", because=cancer, outcome="Margins clear, two sentinel nodes free")
    with yuki.visit("2022-09-27T10:00", "james-whitaker", "After radiotherapy", kind="follow-up"):
        yuki.vitals(bp=(118, 72), weight=53.4, height=157)
        yuki.prescribe("tamoxifen-20", 1, daily=1, because=cancer, days=84, repeats=3)
    for when in ("2023-09-26T10:00", "2024-09-24T10:00", "2025-09-23T10:00", "2026-09-29T10:00"):
        with yuki.visit(when, "james-whitaker", "Yearly follow-up", kind="follow-up"):
            yuki.report("mammogram", "No sign of recurrence.", by="lucas-meyer")
    return yuki


def ayesha_khan() -> Chart:
    ayesha = Chart("ayesha-khan")
    with ayesha.visit("2023-10-10T11:00", "grace-adeyemi", "Painful periods for years", kind="consultation"):
        ayesha.lab(pain=8)
        ayesha.allergy("penicillin", "hives", since="2010")
        pelvis = ayesha.condition("endometriosis", severity="moderate")
        ayesha.prescribe("naproxen-500", 1, daily=2, because=pelvis, days=7, repeats=5)
    with ayesha.visit("2026-04-14T11:00", "grace-adeyemi", "Endometriosis", kind="video", class_="VR"):
        ayesha.lab(pain=3)
    return ayesha


def hodan_warsame() -> Chart:
    hodan = Chart("hodan-warsame")
    with hodan.visit("2026-08-04T15:00", "daniel-okonkwo", "Burning when passing water", kind="problem"):
        hodan.vitals(bp=(116, 72), temperature=37.6)
        hodan.flag("Interpreter needed (Somali)", since="2026-08-04", category="admin")
        hodan.no_known_allergy()
        bladder = hodan.condition("urinary tract infection", until="2026-08-12")
        hodan.prescribe("nitrofurantoin-100", 1, daily=2, days=5, because=bladder, status="completed")
    return hodan


def selam_tesfaye() -> Chart:
    selam = Chart("selam-tesfaye")
    with selam.visit("2026-02-24T08:50", "hannah-reid", "Tired and dizzy", kind="problem"):
        selam.vitals(bp=(102, 62), pulse=94, weight=54.0, height=163)
        selam.report("blood-count", hemoglobin=9.6, mcv=72, white_cells=5.4, platelets=402)
        selam.lab(ferritin=5)
        selam.no_known_allergy()
        anaemia = selam.condition("iron deficiency anaemia", until="2026-08-25")
        selam.prescribe("ferrous-sulfate-325", 1, daily=1, because=anaemia, days=84, repeats=1, status="completed")
    with selam.visit("2026-08-25T08:50", "hannah-reid", "Blood count after iron", kind="follow-up"):
        selam.report("blood-count", "Back to normal.", hemoglobin=12.8, mcv=85, white_cells=5.8, platelets=286)
        selam.lab(ferritin=41)
    return selam


def priya_subramaniam() -> Chart:
    priya = Chart("priya-subramaniam")
    with priya.visit("2024-01-16T16:00", "grace-adeyemi", "Irregular periods", kind="consultation"):
        priya.vitals(bp=(122, 76), weight=79.0, height=160)
        priya.no_known_allergy()
        ovaries = priya.condition("polycystic ovary syndrome")
        priya.condition("acne", since="2016", severity="mild")
        priya.prescribe("metformin-500", 1, daily=2, because=ovaries, repeats=5)
        priya.lab(hba1c=5.8)
    with priya.visit(
        "2026-05-19T12:10", "naomi-brooks", "Cut hand on a broken glass", kind="emergency", class_="EMER", minutes=95
    ):
        hand = priya.condition("hand laceration", until="2026-05-29")
        priya.procedure("suture of wound", because=hand, outcome="Four stitches, tendons intact")
        priya.vaccinate("Td")
    return priya


def resources() -> Iterator[Resource]:
    for chart in (
        harleen_gill,
        li_na_wang,
        yuki_tanaka,
        ayesha_khan,
        hodan_warsame,
        selam_tesfaye,
        priya_subramaniam,
    ):
        yield from chart().resources
