"""The hospital group as tables: departments with their specialties, places with coordinates, practitioners.

https://hl7.org/fhir/R4/administration-module.html
"""

from dataclasses import dataclass

GROUP = "larkmere-health"
HOSPITAL = "larkmere-general-hospital"


@dataclass(frozen=True)
class Department:
    """A department, the SNOMED CT specialty of what it offers, and where it is."""

    name: str
    specialty: tuple[str, str]
    location: str
    parent: str = HOSPITAL


@dataclass(frozen=True)
class Place:
    """A Location; pharmacies and clinics have their own coordinates, a ward stands where its hospital stands."""

    name: str
    kind: str
    physical: str
    managed_by: str
    position: tuple[float, float] | None = None
    street: str | None = None
    postal_code: str = "LK1 1AA"
    phone: str | None = None
    part_of: str | None = None
    hours: tuple[str, str] | None = None
    weekend: bool = False


@dataclass(frozen=True)
class Practitioner:
    """A person who treats: given and family name, department, qualification (v2-0360 code), languages."""

    given: str
    family: str
    gender: str
    department: str
    role: str = "doctor"
    degree: str = "MD"
    languages: tuple[str, ...] = ("en-GB",)
    since: str = "2012"
    sees: str | None = None

    @property
    def display(self) -> str:
        return f"{'Dr ' if self.degree == 'MD' else ''}{self.given} {self.family}"

    @property
    def location(self) -> str:
        return self.sees or DEPARTMENTS[self.department].location


DEPARTMENTS = {
    "riverside-practice": Department(
        "Riverside Practice", ("394814009", "General practice"), "riverside-clinic", GROUP
    ),
    "northgate-practice": Department(
        "Northgate Practice", ("394814009", "General practice"), "northgate-clinic", GROUP
    ),
    "cardiology": Department("Cardiology", ("394579002", "Cardiology"), "hospital-east-wing"),
    "dermatology": Department("Dermatology", ("394582007", "Dermatology"), "hospital-west-wing"),
    "neurology": Department("Neurology", ("394591006", "Neurology"), "hospital-east-wing"),
    "paediatrics": Department("Children's Department", ("394537008", "Pediatric specialty"), "childrens-ward"),
    "psychiatry": Department("Mental Health", ("394587001", "Psychiatry"), "willow-house"),
    "orthopaedics": Department("Orthopaedics", ("394801008", "Trauma and orthopedics"), "hospital-west-wing"),
    "womens-health": Department("Women's Health", ("394585009", "Obstetrics and gynecology"), "maternity-ward"),
    "ear-nose-throat": Department("Ear, Nose and Throat", ("418960008", "Otolaryngology"), "hospital-west-wing"),
    "ophthalmology": Department("Eye Department", ("394594003", "Ophthalmology"), "mill-lane-eye-clinic"),
    "gastroenterology": Department("Gastroenterology", ("394584008", "Gastroenterology"), "hospital-east-wing"),
    "respiratory": Department("Respiratory Medicine", ("418112009", "Pulmonary medicine"), "hospital-east-wing"),
    "emergency": Department("Emergency Department", ("394576009", "Accident & emergency"), "emergency-department"),
    "endocrinology": Department("Endocrinology and Diabetes", ("394583002", "Endocrinology"), "hospital-west-wing"),
    "rheumatology": Department("Rheumatology", ("394810000", "Rheumatology"), "hospital-west-wing"),
    "oncology": Department("Oncology", ("394593009", "Medical oncology"), "hospital-east-wing"),
    "surgery": Department("General Surgery", ("394609007", "General surgery"), "surgical-ward"),
    "elderly-care": Department("Care of the Elderly", ("394811001", "Geriatric medicine"), "elderly-care-ward"),
    "urology": Department("Urology", ("394612005", "Urology"), "hospital-west-wing"),
    "imaging": Department("Imaging", ("394914008", "Radiology"), "hospital-east-wing"),
}
PHARMACIES = {
    "bridge-street-pharmacy": "Bridge Street Pharmacy",
    "canal-side-pharmacy": "Canal Side Pharmacy",
    "northgate-pharmacy": "Northgate Pharmacy",
    "larkmere-hospital-pharmacy": "Larkmere Hospital Pharmacy",
}
PLACES = {
    "larkmere-general-hospital": Place(
        "Larkmere General Hospital", "HOSP", "bu", HOSPITAL, (51.5074, -0.3459), "1 Hospital Way", "LK1 1AA",
        "+44 20 7946 0100",
    ),
    "hospital-east-wing": Place("East Wing", "HOSP", "wi", HOSPITAL, part_of=HOSPITAL),
    "hospital-west-wing": Place("West Wing", "HOSP", "wi", HOSPITAL, part_of=HOSPITAL),
    "emergency-department": Place(
        "Emergency Department", "ER", "wa", "emergency", part_of=HOSPITAL, phone="+44 20 7946 0199"
    ),
    "cardiac-ward": Place("Cardiac Ward", "CCU", "wa", "cardiology", part_of="hospital-east-wing"),
    "surgical-ward": Place("Surgical Ward", "HU", "wa", "surgery", part_of="hospital-west-wing"),
    "maternity-ward": Place("Maternity Ward", "HU", "wa", "womens-health", part_of="hospital-west-wing"),
    "childrens-ward": Place("Children's Ward", "PEDU", "wa", "paediatrics", part_of="hospital-west-wing"),
    "elderly-care-ward": Place("Elderly Care Ward", "HU", "wa", "elderly-care", part_of="hospital-east-wing"),
    "riverside-clinic": Place(
        "Riverside Clinic", "PC", "bu", "riverside-practice", (51.4989, -0.3312), "14 Weir Street", "LK2 3DN",
        "+44 20 7946 0211", hours=("08:00:00", "18:30:00"),
    ),
    "northgate-clinic": Place(
        "Northgate Clinic", "PC", "bu", "northgate-practice", (51.5236, -0.3617), "82 Northgate", "LK4 7PT",
        "+44 20 7946 0212", hours=("08:30:00", "18:00:00"),
    ),
    "mill-lane-eye-clinic": Place(
        "Mill Lane Eye Clinic", "OPH", "bu", "ophthalmology", (51.5121, -0.3184), "5 Mill Lane", "LK1 8EY",
        "+44 20 7946 0213", hours=("09:00:00", "17:00:00"),
    ),
    "willow-house": Place(
        "Willow House", "PSYCHF", "bu", "psychiatry", (51.5042, -0.3725), "30 Willow Road", "LK3 2WH",
        "+44 20 7946 0214", hours=("09:00:00", "19:00:00"),
    ),
    "bridge-street-pharmacy": Place(
        "Bridge Street Pharmacy", "PHARM", "bu", "bridge-street-pharmacy", (51.5003, -0.3298), "3 Bridge Street",
        "LK2 3AB", "+44 20 7946 0301", hours=("08:00:00", "20:00:00"), weekend=True,
    ),
    "canal-side-pharmacy": Place(
        "Canal Side Pharmacy", "PHARM", "bu", "canal-side-pharmacy", (51.4946, -0.3541), "47 Canal Side", "LK3 5CS",
        "+44 20 7946 0302", hours=("09:00:00", "18:00:00"),
    ),
    "northgate-pharmacy": Place(
        "Northgate Pharmacy", "PHARM", "bu", "northgate-pharmacy", (51.5229, -0.3604), "90 Northgate", "LK4 7PX",
        "+44 20 7946 0303", hours=("09:00:00", "19:00:00"), weekend=True,
    ),
    "larkmere-hospital-pharmacy": Place(
        "Larkmere Hospital Pharmacy", "PHARM", "bu", "larkmere-hospital-pharmacy", (51.5077, -0.3452),
        "1 Hospital Way", "LK1 1AA", "+44 20 7946 0304", hours=("07:00:00", "22:00:00"), weekend=True,
    ),
}  # fmt: skip
PRACTITIONERS = {
    "meera-iyer": Practitioner("Meera", "Iyer", "female", "riverside-practice", languages=("en-GB", "ta", "hi")),
    "daniel-okonkwo": Practitioner("Daniel", "Okonkwo", "male", "northgate-practice", since="2016"),
    "hannah-reid": Practitioner("Hannah", "Reid", "female", "northgate-practice", since="2019"),
    "sara-lindqvist": Practitioner("Sara", "Lindqvist", "female", "cardiology", languages=("en-GB", "sv")),
    "kenji-mori": Practitioner("Kenji", "Mori", "male", "dermatology", languages=("en-GB", "ja")),
    "amelia-hart": Practitioner("Amelia", "Hart", "female", "neurology", since="2009"),
    "ravi-menon": Practitioner("Ravi", "Menon", "male", "paediatrics", languages=("en-GB", "hi")),
    "fatima-al-rashid": Practitioner("Fatima", "Al-Rashid", "female", "psychiatry", languages=("en-GB", "ar")),
    "piotr-zielinski": Practitioner("Piotr", "Zieliński", "male", "orthopaedics", languages=("en-GB", "pl")),
    "grace-adeyemi": Practitioner("Grace", "Adeyemi", "female", "womens-health", since="2010"),
    "ioannis-kostas": Practitioner("Ioannis", "Kostas", "male", "ear-nose-throat", languages=("en-GB", "el")),
    "linh-pham": Practitioner("Linh", "Phạm", "female", "ophthalmology", languages=("en-GB", "vi")),
    "carmen-ortega": Practitioner("Carmen", "Ortega", "female", "gastroenterology", languages=("en-GB", "es")),
    "henrik-dahl": Practitioner("Henrik", "Dahl", "male", "respiratory", since="2006"),
    "naomi-brooks": Practitioner("Naomi", "Brooks", "female", "emergency", since="2014"),
    "tomas-novak": Practitioner("Tomáš", "Novák", "male", "endocrinology", since="2008"),
    "mei-ling-zhou": Practitioner("Mei-Ling", "Zhou", "female", "rheumatology", languages=("en-GB", "zh")),
    "james-whitaker": Practitioner("James", "Whitaker", "male", "oncology", since="2003"),
    "arjun-sandhu": Practitioner("Arjun", "Sandhu", "male", "surgery", languages=("en-GB", "pa")),
    "ruth-campbell": Practitioner("Ruth", "Campbell", "female", "elderly-care", since="2001"),
    "marco-bellini": Practitioner("Marco", "Bellini", "male", "urology", since="2011"),
    "lucas-meyer": Practitioner("Lucas", "Meyer", "male", "imaging", languages=("en-GB", "de")),
    "kwame-asante": Practitioner("Kwame", "Asante", "male", "riverside-practice", "nurse", "RN", since="2018"),
    "olena-petrenko": Practitioner(
        "Olena", "Petrenko", "female", "womens-health", "nurse", "CNM", ("en-GB", "uk", "ru"), "2017"
    ),
    "claire-dubois": Practitioner(
        "Claire", "Dubois", "female", "northgate-practice", "nurse", "RN", ("en-GB", "fr"), "2020"
    ),
    "simran-kaur": Practitioner(
        "Simran", "Kaur", "female", "bridge-street-pharmacy", "pharmacist", "RPH", ("en-GB", "pa", "hi"), "2015",
        "bridge-street-pharmacy",
    ),
    "paul-fletcher": Practitioner(
        "Paul", "Fletcher", "male", "larkmere-hospital-pharmacy", "pharmacist", "RPH", ("en-GB",), "2007",
        "larkmere-hospital-pharmacy",
    ),
}  # fmt: skip
