"""The formulary: Medication resources with strength and form, coded in ATC, and in RxNorm where one code says the same.

https://hl7.org/fhir/R4/medication.html
"""

from collections.abc import Iterator
from dataclasses import dataclass

from larkmere.shapes import ATC, RXNORM, SNOMED, Resource, coding, concept, present

FORMS = {
    "tablet": ("tablet", concept(coding(SNOMED, "385055001", "Tablet"))),
    "capsule": ("capsule", concept(coding(SNOMED, "385049006", "Capsule"))),
    "liquid": ("mL", {"text": "Oral suspension"}),
    "inhaler": ("puff", concept(coding(SNOMED, "420317006", "Inhaler"))),
    "injection": ("unit", concept(coding(SNOMED, "385219001", "Solution for injection"))),
    "pen": ("pen", concept(coding(SNOMED, "385219001", "Solution for injection"))),
    "cream": ("application", concept(coding(SNOMED, "385099005", "Cream"))),
    "eye drops": ("drop", concept(coding(SNOMED, "385124005", "Eye drops"))),
    "spray": ("spray", {"text": "Spray"}),
}
ROUTES = {
    "inhaler": ("447694001", "Respiratory tract route"),
    "injection": ("34206005", "Subcutaneous route"),
    "pen": ("78421000", "Intramuscular route"),
    "cream": ("6064005", "Topical route"),
    "eye drops": ("54485002", "Ophthalmic route"),
}


@dataclass(frozen=True)
class Medicine:
    """One product: strength is an amount and its unit in one tablet, puff, mL …"""

    ingredient: str
    strength: float
    strength_unit: str
    form: str
    atc: str
    rxnorm: str | None = None

    @property
    def unit(self) -> str:
        """What is counted when it is taken or handed out."""
        return FORMS[self.form][0]

    @property
    def measured_in(self) -> str:
        """What the strength is the strength of."""
        return {"cream": "g", "injection": "mL"}.get(self.form, self.unit)

    @property
    def display(self) -> str:
        per = f"/{self.measured_in}" if self.form in {"liquid", "injection", "inhaler", "eye drops"} else ""
        return f"{self.ingredient} {self.strength:g} {self.strength_unit}{per} {self.form}"

    @property
    def route_code(self) -> tuple[str, str]:
        return ROUTES.get(self.form, ("26643006", "Oral route"))


MEDICINES = {
    "alendronic-acid-10": Medicine("Alendronic acid", 10, "mg", "tablet", "M05BA04", "904419"),
    "adrenaline-pen": Medicine("Adrenaline", 0.3, "mg", "pen", "C01CA24"),
    "amlodipine-5": Medicine("Amlodipine", 5, "mg", "tablet", "C08CA01", "197361"),
    "amoxicillin-500": Medicine("Amoxicillin", 500, "mg", "capsule", "J01CA04"),
    "amoxicillin-liquid": Medicine("Amoxicillin", 50, "mg", "liquid", "J01CA04"),
    "apixaban-5": Medicine("Apixaban", 5, "mg", "tablet", "B01AF02"),
    "aspirin-81": Medicine("Aspirin", 81, "mg", "tablet", "B01AC06"),
    "atorvastatin-40": Medicine("Atorvastatin", 40, "mg", "tablet", "C10AA05"),
    "azathioprine-50": Medicine("Azathioprine", 50, "mg", "tablet", "L04AX01"),
    "bisoprolol-5": Medicine("Bisoprolol", 5, "mg", "tablet", "C07AB07"),
    "carbimazole-20": Medicine("Carbimazole", 20, "mg", "tablet", "H03BB01"),
    "cetirizine-5": Medicine("Cetirizine", 5, "mg", "tablet", "R06AE07"),
    "clopidogrel-75": Medicine("Clopidogrel", 75, "mg", "tablet", "B01AC04", "309362"),
    "colecalciferol-1000": Medicine("Colecalciferol", 1000, "IU", "capsule", "A11CC05"),
    "donepezil-10": Medicine("Donepezil", 10, "mg", "tablet", "N06DA02", "997223"),
    "empagliflozin-10": Medicine("Empagliflozin", 10, "mg", "tablet", "A10BK03"),
    "ferrous-sulfate-325": Medicine("Ferrous sulfate", 325, "mg", "tablet", "B03AA07", "310325"),
    "fluticasone-inhaler": Medicine("Fluticasone", 50, "µg", "inhaler", "R03BA05"),
    "folic-acid-5": Medicine("Folic acid", 5, "mg", "tablet", "B03BB01"),
    "furosemide-40": Medicine("Furosemide", 40, "mg", "tablet", "C03CA01"),
    "allopurinol-100": Medicine("Allopurinol", 100, "mg", "tablet", "M04AA01"),
    "glyceryl-trinitrate-spray": Medicine("Glyceryl trinitrate", 0.4, "mg", "spray", "C01DA02"),
    "hydrocortisone-cream": Medicine("Hydrocortisone", 10, "mg/g", "cream", "D07AA02", "106258"),
    "ibuprofen-400": Medicine("Ibuprofen", 400, "mg", "tablet", "M01AE01"),
    "insulin-aspart": Medicine("Insulin aspart", 100, "units", "injection", "A10AB05"),
    "insulin-glargine": Medicine("Insulin glargine", 100, "units", "injection", "A10AE04"),
    "latanoprost-drops": Medicine("Latanoprost", 1.5, "µg", "eye drops", "S01EE01"),
    "levetiracetam-500": Medicine("Levetiracetam", 500, "mg", "tablet", "N03AX14"),
    "levodopa-benserazide-125": Medicine("Levodopa and benserazide", 125, "mg", "capsule", "N04BA02"),
    "levothyroxine-50": Medicine("Levothyroxine", 50, "µg", "tablet", "H03AA01"),
    "lisinopril-10": Medicine("Lisinopril", 10, "mg", "tablet", "C09AA03", "314076"),
    "lisinopril-20": Medicine("Lisinopril", 20, "mg", "tablet", "C09AA03"),
    "lithium-400": Medicine("Lithium carbonate", 400, "mg", "tablet", "N05AN01"),
    "metformin-500": Medicine("Metformin", 500, "mg", "tablet", "A10BA02"),
    "methotrexate-2.5": Medicine("Methotrexate", 2.5, "mg", "tablet", "L04AX03"),
    "methylphenidate-10": Medicine("Methylphenidate", 10, "mg", "tablet", "N06BA04"),
    "mirtazapine-15": Medicine("Mirtazapine", 15, "mg", "tablet", "N06AX11"),
    "naproxen-500": Medicine("Naproxen", 500, "mg", "tablet", "M01AE02"),
    "nitrofurantoin-100": Medicine("Nitrofurantoin", 100, "mg", "capsule", "J01XE01"),
    "omeprazole-20": Medicine("Omeprazole", 20, "mg", "capsule", "A02BC01"),
    "paracetamol-500": Medicine("Paracetamol", 500, "mg", "tablet", "N02BE01", "198440"),
    "prednisolone-5": Medicine("Prednisolone", 5, "mg", "tablet", "H02AB06"),
    "salbutamol-inhaler": Medicine("Salbutamol", 100, "µg", "inhaler", "R03AC02"),
    "sertraline-50": Medicine("Sertraline", 50, "mg", "tablet", "N06AB06"),
    "spironolactone-25": Medicine("Spironolactone", 25, "mg", "tablet", "C03DA01"),
    "sumatriptan-50": Medicine("Sumatriptan", 50, "mg", "tablet", "N02CC01"),
    "tamoxifen-20": Medicine("Tamoxifen", 20, "mg", "tablet", "L02BA01"),
    "tamsulosin-0.4": Medicine("Tamsulosin", 0.4, "mg", "capsule", "G04CA02"),
    "tenofovir-245": Medicine("Tenofovir disoproxil", 245, "mg", "tablet", "J05AF07"),
    "tiotropium-inhaler": Medicine("Tiotropium", 2.5, "µg", "inhaler", "R03BB04"),
}


def medication(logical_id: str, medicine: Medicine) -> Resource:
    codings = [coding(ATC, medicine.atc, medicine.ingredient)]
    if medicine.rxnorm:
        codings.append(coding(RXNORM, medicine.rxnorm))
    strength = {
        "numerator": {"value": medicine.strength, "unit": medicine.strength_unit.removesuffix("/g")},
        "denominator": {"value": 1, "unit": medicine.measured_in},
    }
    return {
        "resourceType": "Medication",
        "id": logical_id,
        **present(
            code=concept(*codings, text=medicine.display),
            status="active",
            form=FORMS[medicine.form][1],
            ingredient=[{"itemCodeableConcept": {"text": medicine.ingredient}, "strength": strength}],
        ),
    }


def resources() -> Iterator[Resource]:
    for logical_id, medicine in sorted(MEDICINES.items()):
        yield medication(logical_id, medicine)
