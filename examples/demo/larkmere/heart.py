"""Charts of people with an illness of the heart or the circulation.

https://hl7.org/fhir/R4/clinicalsummary-module.html
"""

from collections.abc import Iterator

from larkmere.chart import Chart
from larkmere.shapes import Resource, reference


def gurpreet_gill() -> Chart:
    """A heart attack in the night, and the three years after it."""
    gurpreet = Chart("gurpreet-gill")
    with gurpreet.visit("2016-09-20T09:00", "meera-iyer", "Health check", kind="check-up"):
        gurpreet.vitals(bp=(146, 90), pulse=78, weight=92.0, height=178)
        gurpreet.smoking("266919005", "Never smoked tobacco")
        gurpreet.report("lipids", cholesterol=6.6, hdl=0.9, ldl=4.4, triglycerides=2.8)
        pressure = gurpreet.condition("hypertension")
        lipids = gurpreet.condition("hyperlipidaemia")
        gurpreet.no_known_allergy()
        gurpreet.prescribe("amlodipine-5", 1, daily=1, because=pressure, repeats=11, status="completed")
    for when, systolic, weight in [("2018-09-18T09:20", 142, 93.5), ("2020-09-15T09:00", 148, 95.8)]:
        with gurpreet.visit(when, "meera-iyer", "Blood pressure", kind="follow-up"):
            gurpreet.vitals(bp=(systolic, 88), weight=weight)
    with gurpreet.visit(
        "2023-02-04T02:40", "naomi-brooks", "Crushing chest pain since midnight, sweating", kind="emergency",
        class_="EMER", minutes=70,
    ):  # fmt: skip
        gurpreet.vitals(bp=(102, 64), pulse=108, breathing=24, oxygen=93, temperature=36.4)
        gurpreet.lab(troponin=1840, pain=9)
        gurpreet.report(
            "ecg", "ST elevation in V1 to V4: acute anterior infarction. Catheter laboratory called at 02:52."
        )
        infarction = gurpreet.condition("myocardial infarction", until="2023-02-10", severity="severe")
    with gurpreet.visit(
        "2023-02-04T03:50", "sara-lindqvist", "Acute anterior myocardial infarction", kind="admission", class_="IMP",
        at="cardiac-ward", discharged="2023-02-10T14:00",
    ):  # fmt: skip
        gurpreet.procedure("coronary angiography", because=infarction, outcome="Left anterior descending artery closed")
        gurpreet.procedure(
            "coronary angioplasty", because=infarction, outcome="One stent, normal flow; door to balloon 58 minutes"
        )
        arteries = gurpreet.condition("coronary heart disease")
        gurpreet.report("echo", "Anterior wall akinetic, moderately reduced function.", ejection_fraction=38)
        gurpreet.report("kidney", creatinine=96, egfr=74, sodium=138, potassium=4.2)
        gurpreet.prescribe("aspirin-81", 1, daily=1, because=arteries, repeats=11)
        gurpreet.prescribe(
            "clopidogrel-75", 1, daily=1, because=arteries, repeats=12, status="completed",
        )  # fmt: skip
        gurpreet.prescribe("bisoprolol-5", 1, daily=1, because=arteries, repeats=11)
        gurpreet.prescribe("lisinopril-10", 1, daily=1, because=pressure, repeats=11)
        gurpreet.prescribe("atorvastatin-40", 2, daily=1, because=lipids, repeats=11)
        gurpreet.prescribe("glyceryl-trinitrate-spray", 1, as_needed="chest pain", because=arteries)
        gurpreet.letter(
            "Discharge summary",
            "Mr Gill came in on 4 February 2023 with an acute anterior myocardial infarction. The left anterior descending\n"
            "artery was opened and stented 58 minutes after arrival. Ejection fraction before discharge 38 %.\n"
            "Aspirin for life, clopidogrel for twelve months. Cardiac rehabilitation starts on 1 March.\n"
            "\nਸ਼੍ਰੀ ਗਿੱਲ ਅਤੇ ਉਨ੍ਹਾਂ ਦੀ ਪਤਨੀ ਨੂੰ ਪੰਜਾਬੀ ਵਿੱਚ ਸਮਝਾਇਆ ਗਿਆ।\n",
            kind=("18842-5", "Discharge summary"),
        )
    with gurpreet.visit(
        "2023-03-14T10:30", "sara-lindqvist", "Six weeks after infarction", kind="follow-up", minutes=30
    ):
        gurpreet.vitals(bp=(118, 72), pulse=64, weight=93.0)
        gurpreet.lab(nt_probnp=1420)
        heart = gurpreet.condition("heart failure", severity="moderate", note="NYHA II after anterior infarction.")
        gurpreet.report("echo", "Function a little better.", ejection_fraction=41)
        gurpreet.prescribe("spironolactone-25", 1, daily=1, because=heart, repeats=11)
        gurpreet.prescribe("empagliflozin-10", 1, daily=1, because=heart, repeats=11)
        weight_goal = gurpreet.goal("Weight below 85 kg", "2026-12-31")
        cholesterol_goal = gurpreet.goal("LDL cholesterol below 1.8 mmol/L", "2024-03-31", status="completed")
        gurpreet.care_team(
            "Gurpreet's heart team",
            cardiologist="sara-lindqvist",
            general_practitioner="meera-iyer",
            practice_nurse="kwame-asante",
            pharmacist="simran-kaur",
        )
        gurpreet.care_plan(
            "After the heart attack",
            "Cardiac rehabilitation, twice a week for twelve weeks",
            "Weigh every morning; call when 2 kg more in three days",
            "Walk for 45 minutes a day",
            for_=[heart, arteries],
            goals=[weight_goal, cholesterol_goal],
        )
    for when, systolic, pulse, weight, ldl, ejection, marker in [
        ("2023-09-19T10:00", 116, 62, 90.1, 1.9, 44, 820),
        ("2024-03-19T10:30", 114, 60, 88.4, 1.6, 47, 540),
        ("2025-03-18T10:00", 118, 60, 86.9, 1.5, 49, 410),
        ("2026-03-24T10:30", 116, 58, 85.6, 1.5, 50, 360),
    ]:
        with gurpreet.visit(when, "sara-lindqvist", "Heart clinic", kind="follow-up", minutes=30):
            gurpreet.vitals(bp=(systolic, 70), pulse=pulse, weight=weight)
            gurpreet.report("lipids", cholesterol=round(ldl + 1.9, 1), hdl=1.1, ldl=ldl, triglycerides=1.6)
            gurpreet.report("echo", ejection_fraction=ejection)
            gurpreet.lab(nt_probnp=marker)
    with gurpreet.visit("2025-10-14T09:20", "kwame-asante", "Winter vaccinations", kind="check-up"):
        gurpreet.vitals(bp=(120, 72), weight=86.2)
        gurpreet.vaccinate("influenza", "COVID-19", "PPV23")
    with gurpreet.visit("2026-10-20T17:00", "sara-lindqvist", "Questions about medicines", kind="video", class_="VR"):
        gurpreet.takes("paracetamol-500", "Two tablets when the knee hurts", since="2026-08")
        gurpreet.vaccinate("influenza")
    for when, systolic, weight in [
        ("2026-11-09T07:30", 118, 85.3),
        ("2026-11-10T07:30", 116, 85.1),
        ("2026-11-11T07:40", 121, 85.4),
        ("2026-11-12T07:30", 117, 85.0),
        ("2026-11-13T07:30", 115, 84.9),
    ]:
        gurpreet.blood_pressure(systolic, 71, when=when)
        gurpreet.observe("weight", weight, when=when)
    gurpreet.message(
        "2026-11-13T09:05",
        gurpreet.subject,
        reference("Practitioner/sara-lindqvist", "Dr Sara Lindqvist"),
        "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ ਡਾਕਟਰ ਜੀ, below 85 kg this morning for the first time!",
    )
    return gurpreet


def joao_pereira_da_silva() -> Chart:
    joao = Chart("joao-pereira-da-silva")
    with joao.visit(
        "2024-05-11T22:15", "naomi-brooks", "Heart racing, dizzy", kind="emergency", class_="EMER", minutes=240
    ):
        joao.vitals(bp=(124, 80), pulse=148, oxygen=96)
        joao.report("ecg", "Atrial fibrillation with fast ventricular response.")
        rhythm = joao.condition("atrial fibrillation")
        joao.no_known_allergy()
        joao.prescribe("apixaban-5", 1, daily=2, because=rhythm, repeats=11)
        joao.prescribe("bisoprolol-5", 1, daily=1, because=rhythm, repeats=11)
    with joao.visit("2024-06-11T09:30", "sara-lindqvist", "Atrial fibrillation", kind="consultation", minutes=40):
        joao.vitals(bp=(132, 82), pulse=94)
        joao.report("echo", "Normal function, left atrium slightly enlarged.", ejection_fraction=60)
        joao.procedure("cardioversion", because=rhythm, outcome="Sinus rhythm after one shock")
    with joao.visit("2026-06-16T09:40", "sara-lindqvist", "Heart clinic", kind="follow-up"):
        joao.vitals(bp=(128, 78), pulse=66)
        joao.report("ecg", "Sinus rhythm.")
        joao.report("kidney", creatinine=84, egfr=86, sodium=141, potassium=4.3)
    return joao


def chidi_okafor() -> Chart:
    chidi = Chart("chidi-okafor")
    with chidi.visit("2025-07-08T08:40", "meera-iyer", "High blood pressure at the dentist's", kind="problem"):
        chidi.vitals(bp=(154, 98), pulse=76, weight=88.0, height=183)
        chidi.condition("sickle cell trait", since="1989-06-06")
        chidi.no_known_allergy()
        pressure = chidi.condition("hypertension")
        chidi.report("kidney", creatinine=98, egfr=89, sodium=140, potassium=4.1)
        chidi.prescribe("amlodipine-5", 1, daily=1, because=pressure, repeats=11)
    for when, systolic, diastolic in [
        ("2025-08-05T08:20", 144, 92),
        ("2026-01-13T08:40", 132, 84),
        ("2026-07-14T08:20", 128, 80),
    ]:
        with chidi.visit(when, "meera-iyer", "Blood pressure", kind="follow-up"):
            chidi.vitals(bp=(systolic, diastolic))
    return chidi


def nikos_papadakis() -> Chart:
    """Died in hospital in 2025 of a second stroke."""
    nikos = Chart("nikos-papadakis")
    with nikos.visit("2019-08-13T10:00", "hannah-reid", "Blood pressure", kind="follow-up"):
        nikos.vitals(bp=(164, 96), weight=84.0, height=170)
        nikos.smoking("449868002", "Smokes tobacco daily")
        pressure = nikos.condition("hypertension", since="2005")
        nikos.prescribe("lisinopril-20", 1, daily=1, because=pressure, repeats=11, status="completed")
    with nikos.visit(
        "2025-02-14T18:50", "amelia-hart", "Cannot speak, right side weak", kind="admission", class_="IMP",
        at="elderly-care-ward", discharged="2025-02-19T04:40", disposition="exp",
    ):  # fmt: skip
        nikos.vitals(bp=(198, 112), pulse=88, oxygen=92)
        nikos.report("head-ct", "Large infarct of the left middle cerebral artery territory.", by="lucas-meyer")
        stroke = nikos.condition("ischaemic stroke", severity="severe")
        nikos.prescribe("aspirin-81", 1, daily=1, because=stroke, days=7, status="completed")
        nikos.letter(
            "Report of a death in hospital",
            "Mr Papadakis died at 04:40 on 19 February 2025 of a large left hemispheric stroke. His wife and his daughter\n"
            "Eleni were with him.\n",
            kind=("18842-5", "Discharge summary"),
        )
    return nikos


def resources() -> Iterator[Resource]:
    for chart in (gurpreet_gill, joao_pereira_da_silva, chidi_okafor, nikos_papadakis):
        yield from chart().resources
