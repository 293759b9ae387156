"""Charts of people who live with a long-term illness: lungs, thyroid, joints, liver, stomach, skin, bowel.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource

EX_SMOKER = ("8517006", "Ex-smoker")
SMOKER = ("449868002", "Smokes tobacco daily")


def wei_chen() -> Chart:
    """Chronic obstructive lung disease after forty years of smoking; pneumonia in the winter of 2025."""
    wei = Chart("wei-chen")
    with wei.visit("2019-02-12T10:00", "meera-iyer", "Cough every morning, short of breath on stairs", kind="problem"):
        wei.vitals(bp=(142, 84), pulse=84, oxygen=94, weight=63.5, height=168)
        wei.smoking(*SMOKER)
        wei.no_known_allergy()
        wei.flag("Interpreter needed (Mandarin)", since="2019-02-12", category="admin")
        lungs = wei.condition("COPD", severity="moderate")
        wei.refer("henrik-dahl", "Lung function tests", because=lungs)
        wei.prescribe("salbutamol-inhaler", 2, as_needed="breathlessness", because=lungs, repeats=5)
    for when, ratio, oxygen, weight in [
        ("2019-03-19T13:30", 58, 94, 63.2),
        ("2021-04-20T14:00", 55, 94, 61.8),
        ("2023-04-18T13:30", 52, 93, 60.9),
        ("2025-04-15T14:00", 50, 92, 59.4),
        ("2026-04-21T13:30", 49, 92, 59.9),
    ]:
        with wei.visit(when, "henrik-dahl", "Respiratory clinic", kind="follow-up", minutes=40):
            wei.vitals(oxygen=oxygen, weight=weight)
            wei.report("spirometry", "Airflow obstruction without reversibility.", fev1_fvc=ratio)
            if when.startswith("2019"):
                wei.prescribe("tiotropium-inhaler", 2, daily=1, because=lungs, repeats=11)
                wei.vaccinate("PPV23", "influenza")
            if when.startswith("2021"):
                wei.smoking(*EX_SMOKER)
    with wei.visit(
        "2025-01-18T19:40", "naomi-brooks", "Fever, worse breathlessness, green sputum", kind="emergency",
        class_="EMER", minutes=310,
    ):  # fmt: skip
        wei.vitals(bp=(118, 70), pulse=112, breathing=28, temperature=38.9, oxygen=86)
        wei.report("blood-count", hemoglobin=14.1, white_cells=17.8, platelets=388)
        wei.lab(crp=164)
        wei.report("chest-x-ray", "Consolidation of the right lower lobe. Hyperinflated lungs.", by="lucas-meyer")
    with wei.visit(
        "2025-01-19T01:10", "henrik-dahl", "Pneumonia with COPD, needs oxygen", kind="admission", class_="IMP",
        at="elderly-care-ward", discharged="2025-01-25T11:00",
    ):  # fmt: skip
        pneumonia = wei.condition("pneumonia", until="2025-02-20", severity="severe")
        wei.prescribe("amoxicillin-500", 2, daily=3, days=7, because=pneumonia, status="completed")
        wei.prescribe("prednisolone-5", 6, daily=1, days=5, because=lungs, status="completed")
        wei.letter(
            "Discharge summary",
            "Admitted with right lower lobe pneumonia on known COPD. Oxygen for four days, amoxicillin and prednisolone.\n"
            "Home on 25 January, saturation 92 % on air. Chest X-ray to be repeated in six weeks.\n"
            "Explained with a Mandarin interpreter.\n",
            kind=("18842-5", "Discharge summary"),
        )
    with wei.visit("2025-03-04T11:00", "henrik-dahl", "After pneumonia", kind="follow-up"):
        wei.vitals(oxygen=92, temperature=36.7)
        wei.report("chest-x-ray", "Consolidation has cleared. No mass.", by="lucas-meyer")
        wei.procedure("pulmonary rehabilitation", because=lungs, outcome="Walks 380 m in six minutes, up from 290 m")
    return wei


def jaswinder_gill() -> Chart:
    jaswinder = Chart("jaswinder-gill")
    with jaswinder.visit("2018-05-15T10:40", "meera-iyer", "Tired, always cold, gaining weight", kind="problem"):
        jaswinder.vitals(bp=(124, 78), pulse=58, weight=71.0, height=161)
        jaswinder.lab(tsh=11.4)
        jaswinder.no_known_allergy()
        thyroid = jaswinder.condition("hypothyroidism")
        jaswinder.prescribe("levothyroxine-50", 1, daily=1, because=thyroid, repeats=11)
    for when, tsh in [("2018-08-14T10:20", 5.2), ("2021-05-18T09:40", 2.6), ("2026-05-19T10:00", 2.1)]:
        with jaswinder.visit(when, "meera-iyer", "Thyroid check", kind="follow-up"):
            jaswinder.vitals(bp=(122, 76), weight=68.5)
            jaswinder.lab(tsh=tsh)
    return jaswinder


def eleni_papadaki() -> Chart:
    eleni = Chart("eleni-papadaki")
    with eleni.visit("2020-09-08T09:20", "mei-ling-zhou", "Swollen, stiff hands every morning", kind="consultation"):
        eleni.vitals(bp=(118, 74), weight=62.0, height=165)
        eleni.lab(crp=38, pain=6)
        eleni.allergy("sulfonamide", "rash", since="2004")
        joints = eleni.condition("rheumatoid arthritis", severity="moderate")
        eleni.prescribe("methotrexate-2.5", 6, weekly=1, because=joints, days=84, repeats=3)
        eleni.prescribe("folic-acid-5", 1, weekly=1, because=joints, days=84, repeats=3)
        eleni.prescribe("naproxen-500", 1, daily=2, because=joints, status="stopped", stopped_because="Stomach pain")
    for when, crp, pain, alt in [
        ("2020-12-15T09:40", 14, 3, 31), ("2022-09-13T09:20", 6, 2, 28), ("2024-09-10T09:40", 4, 1, 34),
        ("2026-09-15T09:20", 3, 1, 30),
    ]:  # fmt: skip
        with eleni.visit(when, "mei-ling-zhou", "Rheumatology clinic", kind="follow-up"):
            eleni.lab(crp=crp, pain=pain, alt=alt)
            if when.startswith("2026"):
                eleni.report("blood-count", hemoglobin=12.4, white_cells=5.9, platelets=301)
    return eleni


def nguyen_thi_mai() -> Chart:
    mai = Chart("nguyen-thi-mai")
    with mai.visit("2014-04-08T10:00", "daniel-okonkwo", "New patient check", kind="check-up"):
        mai.vitals(bp=(112, 70), weight=51.5, height=155)
        mai.no_known_allergy()
        liver = mai.condition("chronic hepatitis B", since="2014-04-08", note="Found on screening; family vaccinated.")
        mai.lab(alt=62)
    with mai.visit("2015-01-13T14:30", "carmen-ortega", "Hepatitis B", kind="consultation"):
        mai.prescribe("tenofovir-245", 1, daily=1, because=liver, days=90, repeats=3)
    with mai.visit("2023-11-14T09:40", "tomas-novak", "Weight loss, palpitations", kind="consultation"):
        mai.vitals(bp=(128, 70), pulse=112, weight=46.8)
        mai.lab(tsh=0.01)
        thyroid = mai.condition("Graves disease", status="remission")
        mai.prescribe(
            "carbimazole-20", 1, daily=1, because=thyroid, repeats=5, status="completed",
        )  # fmt: skip
    for when, tsh, pulse, weight in [("2024-05-14T09:20", 0.4, 78, 50.2), ("2026-05-12T09:40", 1.8, 70, 52.1)]:
        with mai.visit(when, "tomas-novak", "Thyroid clinic", kind="follow-up"):
            mai.vitals(pulse=pulse, weight=weight)
            mai.lab(tsh=tsh, alt=29)
    return mai


def alejandro_fernandez_ruiz() -> Chart:
    alejandro = Chart("alejandro-fernandez-ruiz")
    with alejandro.visit("2022-01-18T09:00", "meera-iyer", "Heartburn", kind="problem"):
        alejandro.vitals(bp=(134, 84), weight=91.0, height=176)
        alejandro.smoking(*EX_SMOKER)
        alejandro.no_known_allergy()
        reflux = alejandro.condition("reflux disease")
        alejandro.prescribe("omeprazole-20", 1, daily=1, because=reflux, repeats=5)
        alejandro.lab(hba1c=6.2)
        alejandro.condition("prediabetes")
    with alejandro.visit("2024-10-08T08:30", "carmen-ortega", "Bowel cancer screening", kind="check-up", minutes=60):
        polyp = alejandro.condition("colon polyp", until="2024-10-08")
        alejandro.procedure("colonoscopy", because=polyp, outcome="One polyp of 8 mm removed completely")
        alejandro.report("colonoscopy", "One 8 mm polyp of the sigmoid colon, removed.")
        alejandro.report("pathology", "Tubular adenoma with low-grade dysplasia, completely excised.")
    return alejandro


def siobhan_ni_bhriain() -> Chart:
    siobhan = Chart("siobhan-ni-bhriain")
    with siobhan.visit("2017-03-07T15:00", "kenji-mori", "Scaling patches on elbows and knees", kind="consultation"):
        siobhan.condition("psoriasis", since="1998", severity="moderate")
        siobhan.allergy("latex", "rash", since="2009")
        siobhan.prescribe("hydrocortisone-cream", 1, daily=2, days=28, status="completed")
    with siobhan.visit("2026-06-09T15:20", "kenji-mori", "Psoriasis, flare in spring", kind="video", class_="VR"):
        siobhan.prescribe("hydrocortisone-cream", 1, daily=2, days=28)
    return siobhan


def mehmet_yildiz() -> Chart:
    mehmet = Chart("mehmet-yildiz")
    with mehmet.visit("2023-01-24T16:00", "henrik-dahl", "Snores, falls asleep at work", kind="consultation"):
        mehmet.vitals(bp=(146, 92), weight=108.5, height=174)
        mehmet.no_known_allergy()
        mehmet.condition("sleep apnoea", severity="severe", note="Uses a CPAP mask since March 2023.")
        mehmet.condition("obesity")
        mehmet.smoking(*SMOKER)
    with mehmet.visit("2026-03-10T16:00", "daniel-okonkwo", "Blood pressure", kind="follow-up"):
        mehmet.vitals(bp=(152, 94), weight=104.0, height=174)
        pressure = mehmet.condition("hypertension")
        mehmet.prescribe("amlodipine-5", 1, daily=1, because=pressure, repeats=5)
        mehmet.report("lipids", cholesterol=6.4, hdl=0.9, ldl=4.2, triglycerides=2.9)
    return mehmet


def alex_morgan_reyes() -> Chart:
    alex = Chart("alex-morgan-reyes")
    with alex.visit("2019-11-05T13:00", "carmen-ortega", "Diarrhoea and weight loss for months", kind="consultation"):
        alex.vitals(weight=58.0, height=172, temperature=37.4)
        alex.lab(crp=46, ferritin=9)
        alex.report("colonoscopy", "Patchy ulceration of the terminal ileum.")
        alex.no_known_allergy()
        bowel = alex.condition("Crohn's disease", severity="moderate")
        alex.prescribe("prednisolone-5", 8, daily=1, days=14, because=bowel, status="completed")
        alex.prescribe("azathioprine-50", 2, daily=1, days=28, because=bowel, repeats=11)
    for when, crp, weight in [
        ("2021-11-09T13:20", 7, 65.1),
        ("2023-11-07T13:00", 4, 67.3),
        ("2026-11-03T13:20", 3, 68.0),
    ]:
        with alex.visit(when, "carmen-ortega", "Bowel clinic", kind="follow-up"):
            alex.vitals(weight=weight)
            alex.lab(crp=crp)
    return alex


def resources() -> Iterator[Resource]:
    for chart in (
        wei_chen,
        jaswinder_gill,
        eleni_papadaki,
        nguyen_thi_mai,
        alejandro_fernandez_ruiz,
        siobhan_ni_bhriain,
        mehmet_yildiz,
        alex_morgan_reyes,
    ):
        yield from chart().resources
