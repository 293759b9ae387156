"""What is measured: LOINC code, unit, UCUM code, category and adult reference range, by the names the charts use.

https://hl7.org/fhir/R4/observation.html
"""

from dataclasses import dataclass

from larkmere.shapes import LOINC, Resource, coding, concept


@dataclass(frozen=True)
class Measure:
    """What an Observation measures; `low` and `high` are the limits of the adult reference range, where there is one."""

    loinc: str
    text: str
    unit: str
    ucum: str
    category: str = "laboratory"
    low: float | None = None
    high: float | None = None

    @property
    def code(self) -> Resource:
        return concept(coding(LOINC, self.loinc), text=self.text)


MEASURES = {
    # vital signs: the codes that R4's vital signs profiles demand
    "systolic": Measure("8480-6", "Systolic blood pressure", "mmHg", "mm[Hg]", "vital-signs"),
    "diastolic": Measure("8462-4", "Diastolic blood pressure", "mmHg", "mm[Hg]", "vital-signs"),
    "pulse": Measure("8867-4", "Heart rate", "beats/min", "/min", "vital-signs"),
    "breathing": Measure("9279-1", "Respiratory rate", "breaths/min", "/min", "vital-signs"),
    "temperature": Measure("8310-5", "Body temperature", "°C", "Cel", "vital-signs"),
    "oxygen": Measure("2708-6", "Oxygen saturation", "%", "%", "vital-signs"),
    "weight": Measure("29463-7", "Body weight", "kg", "kg", "vital-signs"),
    "height": Measure("8302-2", "Body height", "cm", "cm", "vital-signs"),
    "bmi": Measure("39156-5", "Body mass index", "kg/m²", "kg/m2", "vital-signs"),
    "head": Measure("9843-4", "Head circumference", "cm", "cm", "vital-signs"),
    # laboratory
    "hba1c": Measure("4548-4", "HbA1c", "%", "%", high=6.0),
    "glucose": Measure("14749-6", "Glucose", "mmol/L", "mmol/L", low=3.9, high=7.8),
    "cholesterol": Measure("14647-2", "Total cholesterol", "mmol/L", "mmol/L", high=5.0),
    "hdl": Measure("14646-4", "HDL cholesterol", "mmol/L", "mmol/L", low=1.0),
    "ldl": Measure("22748-8", "LDL cholesterol", "mmol/L", "mmol/L", high=3.0),
    "triglycerides": Measure("14927-8", "Triglycerides", "mmol/L", "mmol/L", high=1.7),
    "creatinine": Measure("14682-9", "Creatinine", "µmol/L", "umol/L", low=45, high=104),
    "egfr": Measure("33914-3", "Estimated GFR", "mL/min/1.73 m²", "mL/min/{1.73_m2}", low=60),
    "acr": Measure("14959-1", "Urine albumin/creatinine ratio", "mg/g", "mg/g", high=30),
    "sodium": Measure("2951-2", "Sodium", "mmol/L", "mmol/L", low=133, high=146),
    "potassium": Measure("2823-3", "Potassium", "mmol/L", "mmol/L", low=3.5, high=5.3),
    "urate": Measure("14933-6", "Urate", "µmol/L", "umol/L", high=428),
    "hemoglobin": Measure("718-7", "Haemoglobin", "g/dL", "g/dL", low=11.5, high=16.5),
    "mcv": Measure("787-2", "MCV", "fL", "fL", low=80, high=100),
    "white-cells": Measure("6690-2", "White cells", "10³/µL", "10*3/uL", low=4.0, high=11.0),
    "platelets": Measure("777-3", "Platelets", "10³/µL", "10*3/uL", low=150, high=400),
    "ferritin": Measure("2276-4", "Ferritin", "ng/mL", "ng/mL", low=15, high=300),
    "crp": Measure("1988-5", "C-reactive protein", "mg/L", "mg/L", high=5),
    "tsh": Measure("3016-3", "TSH", "mIU/L", "m[IU]/L", low=0.3, high=4.5),
    "alt": Measure("1742-6", "ALT", "U/L", "U/L", high=45),
    "troponin": Measure("89579-7", "Troponin I, high sensitivity", "ng/L", "ng/L", high=34),
    "nt-probnp": Measure("33762-6", "NT-proBNP", "pg/mL", "pg/mL", high=400),
    "bilirubin": Measure("14631-6", "Bilirubin", "µmol/L", "umol/L", high=21),
    "psa": Measure("2857-1", "PSA", "ng/mL", "ng/mL", high=4.0),
    # examinations and questionnaires
    "ejection-fraction": Measure("10230-1", "Left ventricular ejection fraction", "%", "%", "imaging", low=55),
    "fev1-fvc": Measure("19926-5", "FEV1/FVC", "%", "%", "procedure", low=70),
    "t-score": Measure("38265-5", "Bone density, T-score", "{T-score}", "{T-score}", "imaging", low=-1),
    "phq-9": Measure("44261-6", "PHQ-9 score", "{score}", "{score}", "survey"),
    "gad-7": Measure("70274-6", "GAD-7 score", "{score}", "{score}", "survey"),
    "mmse": Measure("72106-8", "Mini-mental state score", "{score}", "{score}", "survey", low=24),
    "pain": Measure("72514-3", "Pain (0-10)", "{score}", "{score}", "survey"),
    "apgar-1": Measure("9272-6", "Apgar, 1 minute", "{score}", "{score}", "exam"),
    "apgar-5": Measure("9274-2", "Apgar, 5 minutes", "{score}", "{score}", "exam"),
    "fundal-height": Measure("11881-0", "Fundal height", "cm", "cm", "exam"),
    "fetal-pulse": Measure("55283-6", "Fetal heart rate", "beats/min", "/min", "exam", low=110, high=160),
}

PANELS = {
    "lipids": ("24331-1", "Lipid profile"),
    "blood-count": ("58410-2", "Full blood count"),
    "kidney": ("24362-6", "Kidney function and electrolytes"),
    "ecg": ("11524-6", "Electrocardiogram"),
    "echo": ("42148-7", "Echocardiogram"),
    "chest-x-ray": ("36643-5", "Chest X-ray"),
    "head-ct": ("24725-4", "CT of the head"),
    "spirometry": ("18759-1", "Spirometry"),
    "colonoscopy": ("18746-8", "Colonoscopy"),
    "pathology": ("11526-1", "Pathology report"),
    "mammogram": ("24606-6", "Screening mammogram"),
    "pregnancy-ultrasound": ("11525-3", "Ultrasound in pregnancy"),
    "brain-mri": ("24590-2", "MRI of the brain"),
    "bone-density": ("38269-7", "Bone density scan"),
}
