"""Charts of people who live with diabetes.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource, reference


def asha_verma() -> Chart:
    """Type 2 diabetes over eleven years: found by chance, improved, drifted, and brought back."""
    asha = Chart("asha-verma")
    with asha.visit("2015-03-10T09:20", "meera-iyer", "Tired and thirsty for two months", kind="problem"):
        asha.vitals(bp=(148, 92), pulse=82, weight=78.4, height=158)
        asha.lab(hba1c=8.9, glucose=13.2)
        diabetes = asha.condition("type 2 diabetes", note="Found after two months of thirst; mother had diabetes too.")
        asha.condition("obesity", since="2013", until="2017-06-13", note="BMI below 30 since June 2017.")
        asha.smoking("266919005", "Never smoked tobacco")
        asha.allergy("penicillin", "rash", since="1991", severity="moderate", high=True)
        asha.prescribe("metformin-500", 1, daily=2, because=diabetes, repeats=5, status="completed")
    with asha.visit("2015-06-16T10:00", "meera-iyer", "Diabetes review", kind="follow-up"):
        asha.vitals(bp=(152, 94), weight=77.1)
        asha.lab(hba1c=7.6)
        hypertension = asha.condition("hypertension")
        lipids = asha.condition("hyperlipidaemia")
        asha.report("lipids", cholesterol=6.1, hdl=1.1, ldl=3.9, triglycerides=2.4)
        asha.prescribe("lisinopril-10", 1, daily=1, because=hypertension, repeats=11, status="completed")
        asha.prescribe("atorvastatin-40", 1, daily=1, because=lipids, repeats=11)
    history = [
        ("2016-06-14T09:40", (138, 86), 75.2, 7.0),
        ("2017-06-13T09:00", (134, 84), 73.9, 6.7),
        ("2018-06-12T10:20", (136, 82), 74.6, 6.9),
        ("2019-06-11T09:40", (139, 85), 75.8, 7.3),
        ("2020-12-08T11:00", (144, 88), 77.5, 8.1),
        ("2021-06-15T09:20", (146, 88), 77.9, 8.4),
    ]
    for when, pressure, weight, hba1c in history:
        with asha.visit(when, "meera-iyer", "Yearly diabetes review", kind="follow-up"):
            asha.vitals(bp=pressure, weight=weight)
            asha.lab(hba1c=hba1c)
            if when.startswith("2020"):
                asha.vaccinate("influenza", "PPV23")
    with asha.visit("2021-09-14T14:00", "tomas-novak", "Rising HbA1c in spite of metformin", kind="consultation"):
        asha.vitals(bp=(150, 90), pulse=80, weight=78.2, height=158)
        asha.lab(hba1c=8.6, acr=68)
        asha.report("kidney", "Slightly reduced filtration.", creatinine=92, egfr=62, sodium=139, potassium=4.4)
        kidneys = asha.condition("microalbuminuria")
        asha.prescribe("metformin-500", 2, daily=2, because=diabetes, repeats=11)
        asha.prescribe("empagliflozin-10", 1, daily=1, because=diabetes, repeats=11)
        asha.prescribe("lisinopril-20", 1, daily=1, because=hypertension, repeats=11)
        asha.refer("linh-pham", "Diabetic eye screening", because=diabetes)
        asha.letter(
            "Letter from the diabetes clinic",
            "Dear Dr Iyer,\n\nThank you for sending Mrs Verma. Her HbA1c is 8.6 % on metformin and there is albumin in the\n"
            "urine for the first time. I have doubled metformin, added empagliflozin and raised lisinopril to 20 mg.\n"
            "Please check kidney function and potassium in four weeks.\n\nTomáš Novák, Endocrinology and Diabetes\n",
            kind=("11488-4", "Consult note"),
        )
    with asha.visit("2021-10-06T11:30", "linh-pham", "Diabetic eye screening", kind="check-up", minutes=30):
        eyes = asha.condition("diabetic retinopathy", severity="mild", note="Background changes, right eye only.")
    with asha.visit("2022-03-15T09:20", "kwame-asante", "Diabetes review with the nurse", kind="follow-up"):
        asha.vitals(bp=(136, 84), weight=75.6)
        asha.lab(hba1c=7.5, acr=51)
        sugar = asha.goal("HbA1c below 7.0 %", "2027-03-31")
        pressure_goal = asha.goal("Blood pressure below 130/80 mmHg", "2027-03-31")
        asha.care_team(
            "Asha's diabetes team",
            general_practitioner="meera-iyer",
            diabetologist="tomas-novak",
            diabetes_nurse="kwame-asante",
            eye_specialist="linh-pham",
        )
        asha.care_plan(
            "Living well with type 2 diabetes",
            "Walk for 30 minutes on five days a week",
            "Blood sugar diary: before breakfast, three days a week",
            "Foot check every year",
            "Eye screening every year",
            for_=[diabetes, hypertension, kidneys, eyes],
            goals=[sugar, pressure_goal],
        )
    later = [
        ("2022-09-13T09:40", (132, 82), 74.4, 7.1, 40),
        ("2023-03-14T09:20", (130, 80), 73.7, 6.9, 34),
        ("2023-09-12T10:00", (128, 80), 73.1, 6.8, 29),
        ("2024-03-12T09:20", (131, 79), 72.8, 6.8, 31),
        ("2024-09-17T09:40", (129, 78), 72.5, 6.7, 27),
        ("2025-03-18T09:20", (127, 78), 71.9, 6.6, 25),
        ("2025-09-16T10:00", (130, 80), 72.3, 6.9, 28),
        ("2026-03-17T09:20", (128, 78), 71.8, 6.8, 26),
    ]
    for when, pressure, weight, hba1c, acr in later:
        with asha.visit(when, "kwame-asante", "Diabetes review with the nurse", kind="follow-up"):
            asha.vitals(bp=pressure, weight=weight)
            asha.lab(hba1c=hba1c, acr=acr)
            if when[5:7] == "09":
                asha.vaccinate("influenza")
    with asha.visit("2026-09-22T09:20", "meera-iyer", "Yearly diabetes review", kind="follow-up"):
        asha.vitals(bp=(126, 78), pulse=74, weight=71.4, height=158)
        asha.lab(hba1c=6.7, acr=24)
        asha.report("lipids", "At target.", cholesterol=4.2, hdl=1.3, ldl=2.1, triglycerides=1.5)
        asha.report("kidney", "Stable.", creatinine=88, egfr=66, sodium=140, potassium=4.5)
        asha.report("blood-count", hemoglobin=12.9, mcv=88, white_cells=6.8, platelets=254)
        asha.vaccinate("influenza", "COVID-19")
        asha.takes("colecalciferol-1000", "One capsule a day, bought at the pharmacy", since="2023-11")
    for when, value in [
        ("2026-11-02T07:10", 6.4),
        ("2026-11-04T07:05", 6.9),
        ("2026-11-06T07:20", 6.1),
        ("2026-11-09T07:15", 7.4),
        ("2026-11-11T07:10", 6.6),
        ("2026-11-13T07:00", 6.3),
    ]:
        asha.observe("glucose", value, when=when, note="Measured at home before breakfast")
    asha.message(
        "2026-11-13T16:30",
        reference("Practitioner/kwame-asante", "Kwame Asante"),
        asha.subject,
        "Your morning sugars look good, thank you for the diary. See you in March. आपका दिन शुभ हो!",
    )
    return asha


def hetal_patel() -> Chart:
    """Type 1 diabetes since she was nine, now at university."""
    hetal = Chart("hetal-patel")
    with hetal.visit(
        "2016-10-08T15:20", "ravi-menon", "Vomiting, thirst, losing weight: new diabetes", kind="admission",
        class_="IMP", discharged="2016-10-12T10:00",
    ):  # fmt: skip
        hetal.vitals(pulse=128, breathing=30, weight=26.4, height=133)
        hetal.lab(glucose=28.6, hba1c=11.8)
        diabetes = hetal.condition("type 1 diabetes")
        hetal.no_known_allergy()
        hetal.prescribe("insulin-glargine", 14, daily=1, because=diabetes, repeats=11, days=30)
        hetal.prescribe("insulin-aspart", 4, daily=3, because=diabetes, repeats=11, days=30)
    for when, hba1c, weight in [
        ("2018-10-16T15:00", 7.9, 33.5), ("2020-10-13T15:30", 8.2, 43.1), ("2022-10-11T15:00", 8.8, 52.0),
        ("2024-10-15T15:30", 8.0, 56.2), ("2025-10-14T15:00", 7.4, 57.0), ("2026-10-13T15:30", 7.1, 57.4),
    ]:  # fmt: skip
        with hetal.visit(when, "tomas-novak", "Diabetes clinic", kind="follow-up", minutes=30):
            hetal.vitals(weight=weight)
            hetal.lab(hba1c=hba1c)
    return hetal


def rahim_uddin() -> Chart:
    rahim = Chart("rahim-uddin")
    with rahim.visit("2020-02-11T11:20", "meera-iyer", "Health check", kind="check-up"):
        rahim.vitals(bp=(156, 94), weight=74.3, height=166)
        rahim.lab(hba1c=7.4)
        rahim.flag("Interpreter needed (Bengali)", since="2020-02-11", category="admin")
        rahim.allergy("shellfish", "swelling", "hives", severity="moderate", since="1995")
        diabetes = rahim.condition("type 2 diabetes")
        pressure = rahim.condition("hypertension")
        rahim.prescribe("metformin-500", 1, daily=2, because=diabetes, repeats=11)
        rahim.prescribe("amlodipine-5", 1, daily=1, because=pressure, repeats=11)
    for when, systolic, hba1c, creatinine, egfr in [
        ("2022-02-15T11:00", 144, 7.2, 112, 58), ("2024-02-13T11:20", 138, 7.0, 124, 52),
        ("2026-02-17T11:00", 136, 7.1, 131, 48),
    ]:  # fmt: skip
        with rahim.visit(when, "meera-iyer", "Yearly review", kind="follow-up"):
            rahim.vitals(bp=(systolic, 82))
            rahim.lab(hba1c=hba1c)
            rahim.report("kidney", creatinine=creatinine, egfr=egfr, potassium=4.7, sodium=138)
            if when.startswith("2024"):
                rahim.condition("chronic kidney disease stage 3")
    return rahim


def resources() -> Iterator[Resource]:
    for chart in (asha_verma, hetal_patel, rahim_uddin):
        yield from chart().resources
