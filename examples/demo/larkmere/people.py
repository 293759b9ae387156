"""The people: invented patients of all ages, whose names are written in their own scripts as well, and their families.

https://hl7.org/fhir/R4/patient.html
"""

from dataclasses import dataclass, field

# how a name is written: HL7's codes for alphabetic, ideographic and syllabic scripts
ABC, IDE, SYL = "ABC", "IDE", "SYL"


@dataclass(frozen=True)
class Person:
    """A patient. `native`: family, given and kind of script; `dead`: when they died, or that they are known to (not) be."""

    family: str
    given: str
    gender: str
    born: str
    language: str = "en-GB"
    native: tuple[tuple[str, str, str], ...] = ()
    gp: str | None = "meera-iyer"
    street: str = ""
    postal_code: str = "LK2 4QA"
    marital: str | None = None
    dead: str | bool | None = None
    twin: int | None = None
    interpreter: bool = False
    active: bool = True
    maiden: str | None = None
    replaced_by: str | None = None
    prefix: str | None = None
    text: str | None = None
    called: str | None = None

    @property
    def display(self) -> str:
        return self.text or f"{self.given} {self.family}"


PEOPLE = {
    # the Vermas, 8 Heron Walk
    "asha-verma": Person(
        "Verma", "Asha", "female", "1974-03-09", "hi", (("वर्मा", "आशा", ABC),), street="8 Heron Walk", marital="M",
        dead=False, maiden="Joshi",
    ),
    "rohan-verma": Person(
        "Verma", "Rohan", "male", "2012-07-21", "en-GB", (("वर्मा", "रोहन", ABC),), street="8 Heron Walk"
    ),
    "kamla-verma": Person(
        "Verma", "Kamla Devi", "female", "1944-01-15", "hi", (("वर्मा", "कमला देवी", ABC),), street="8 Heron Walk",
        marital="W", interpreter=True,
    ),
    # the Gills, 21 Canal Side
    "gurpreet-gill": Person(
        "Gill", "Gurpreet Singh", "male", "1968-05-30", "pa", (("ਗਿੱਲ", "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ", ABC),), street="21 Canal Side",
        postal_code="LK3 5CS", marital="M", dead=False,
    ),
    "jaswinder-gill": Person(
        "Gill", "Jaswinder Kaur", "female", "1970-11-02", "pa", (("ਗਿੱਲ", "ਜਸਵਿੰਦਰ ਕੌਰ", ABC),), street="21 Canal Side",
        postal_code="LK3 5CS", marital="M",
    ),
    "harleen-gill": Person(
        "Gill", "Harleen Kaur", "female", "1993-08-17", "en-GB", (("ਗਿੱਲ", "ਹਰਲੀਨ ਕੌਰ", ABC),), street="6 Lock Cottages",
        postal_code="LK3 5DB", marital="M",
    ),
    # the Al-Hassans, 112 Northgate
    "omar-al-hassan": Person(
        "Al-Hassan", "Omar", "male", "1985-02-11", "ar", (("الحسن", "عمر", ABC),), "daniel-okonkwo", "112 Northgate",
        "LK4 7QR", "M", interpreter=True,
    ),
    "layla-al-hassan": Person(
        "Al-Hassan", "Layla", "female", "1988-09-25", "ar", (("الحسن", "ليلى", ABC),), "daniel-okonkwo",
        "112 Northgate", "LK4 7QR", "M",
    ),
    "yusuf-al-hassan": Person(
        "Al-Hassan", "Yusuf", "male", "2022-05-04", "ar", (("الحسن", "يوسف", ABC),), "daniel-okonkwo", "112 Northgate",
        "LK4 7QR",
    ),
    # the Chens and Wangs, 3 Orchard Court
    "wei-chen": Person(
        "Chen", "Wei", "male", "1955-12-01", "zh", (("陈", "伟", IDE),), street="3 Orchard Court", marital="W",
        interpreter=True,
    ),
    "li-na-wang": Person(
        "Wang", "Li Na", "female", "1996-04-18", "zh", (("王", "丽娜", IDE),), street="3 Orchard Court", marital="M"
    ),
    "xinyi-chen": Person(
        "Chen", "Xinyi", "female", "2026-11-09", "zh", (("陈", "欣怡", IDE),), street="3 Orchard Court"
    ),
    # the Okafors, 40 Weir Street
    "chidi-okafor": Person(
        "Okafor", "Chidi", "male", "1989-06-06", "en-GB", gp="meera-iyer", street="40 Weir Street", marital="M"
    ),
    "ada-okafor": Person("Okafor", "Ada", "female", "2018-10-12", "en-GB", street="40 Weir Street", twin=1),
    "emeka-okafor": Person("Okafor", "Emeka", "male", "2018-10-12", "en-GB", street="40 Weir Street", twin=2),
    # people on their own
    "haruto-sato": Person(
        "Satō", "Haruto", "male", "2003-03-27", "ja", (("佐藤", "陽翔", IDE), ("さとう", "はると", SYL)), "hannah-reid",
        "15 Station Road", "LK4 1ST", "S",
    ),
    "yuki-tanaka": Person(
        "Tanaka", "Yuki", "female", "1961-02-14", "ja", (("田中", "由紀", IDE), ("たなか", "ゆき", SYL)), "hannah-reid",
        "7 Abbey Close", "LK4 2AC", "D",
    ),
    "eleni-papadaki": Person(
        "Papadaki", "Eleni", "female", "1979-07-08", "el", (("Παπαδάκη", "Ελένη", ABC),), "hannah-reid",
        "2 Olive Terrace", "LK4 3OT", "M",
    ),
    "nikos-papadakis": Person(
        "Papadakis", "Nikos", "male", "1950-01-20", "el", (("Παπαδάκης", "Νίκος", ABC),), "hannah-reid",
        "2 Olive Terrace", "LK4 3OT", "M", dead="2025-02-19T04:40",
    ),
    "oksana-shevchenko": Person(
        "Shevchenko", "Oksana", "female", "1990-10-30", "uk", (("Шевченко", "Оксана", ABC),), "daniel-okonkwo",
        "55 Northgate", "LK4 7PA", "S", interpreter=True,
    ),
    "dmitri-volkov": Person(
        "Volkov", "Dmitri", "male", "1947-04-04", "ru", (("Волков", "Дмитрий", ABC),), "daniel-okonkwo",
        "9 Chapel Yard", "LK4 6CY", "W",
    ),
    "nguyen-thi-mai": Person(
        "Nguyễn", "Thị Mai", "female", "1983-01-05", "vi", (), "daniel-okonkwo", "18 Kiln Lane", "LK4 5KL", "M",
        text="Nguyễn Thị Mai", called="Mai Nguyen",
    ),
    "tran-van-minh": Person(
        "Trần", "Văn Minh", "male", "1939-09-02", "vi", (), "daniel-okonkwo", "18 Kiln Lane", "LK4 5KL", "W",
        dead="2024-08-30T21:15", text="Trần Văn Minh", called="Minh Tran",
    ),
    "maria-jose-garcia-lopez": Person(
        "García López", "María José", "female", "2001-11-23", "es", gp="hannah-reid", street="33 Station Road",
        postal_code="LK4 1ST", marital="S",
    ),
    "alejandro-fernandez-ruiz": Person(
        "Fernández Ruiz", "Alejandro", "male", "1972-06-15", "es", gp="meera-iyer", street="4 Tannery Row",
        marital="M",
    ),
    "joao-pereira-da-silva": Person(
        "Pereira da Silva", "João", "male", "1964-03-03", "pt", gp="meera-iyer", street="27 Weir Street", marital="M"
    ),
    "selam-tesfaye": Person(
        "Tesfaye", "Selam", "female", "1998-12-12", "am", (("ተስፋዬ", "ሰላም", ABC),), "hannah-reid", "61 Market Square",
        "LK4 1MS", "S",
    ),
    "zofia-wojcik": Person(
        "Wójcik", "Zofia", "female", "1931-06-24", "pl", gp="hannah-reid", street="Beech House, 2 Beech Lane",
        postal_code="LK4 9BH", marital="W",
    ),
    "emily-clarke": Person("Clarke", "Emily", "female", "2009-05-19", gp="hannah-reid", street="10 Abbey Close"),
    "george-whitfield": Person(
        "Whitfield", "George", "male", "1936-10-10", gp="meera-iyer", street="1 Mill Lane", marital="W", prefix="Mr"
    ),
    "margaret-whitfield": Person(
        "Whitfield", "Margaret", "female", "1938-12-05", gp="meera-iyer", street="1 Mill Lane", marital="M", dead=True,
        active=False,
    ),
    "kim-min-jun": Person(
        "Kim", "Min-jun", "male", "2020-03-14", "ko", (("김", "민준", SYL),), "hannah-reid", "12 Station Road",
        "LK4 1ST",
    ),
    "priya-subramaniam": Person(
        "Subramaniam", "Priya", "female", "2000-08-09", "ta", (("சுப்பிரமணியம்", "பிரியா", ABC),), "meera-iyer",
        "19 Heron Walk", marital="S",
    ),
    "rahim-uddin": Person(
        "Uddin", "Rahim", "male", "1958-05-05", "bn", (("উদ্দিন", "রহিম", ABC),), "meera-iyer", "70 Canal Side",
        "LK3 5CT", "M", interpreter=True,
    ),
    "farhad-karimi": Person(
        "Karimi", "Farhad", "male", "1978-12-21", "fa", (("کریمی", "فرهاد", ABC),), "daniel-okonkwo",
        "5 Chapel Yard", "LK4 6CY", "D",
    ),
    "ayesha-khan": Person(
        "Khan", "Ayesha", "female", "1991-07-01", "ur", (("خان", "عائشہ", ABC),), "meera-iyer", "36 Canal Side",
        "LK3 5CS", "M",
    ),
    "hetal-patel": Person(
        "Patel", "Hetal", "female", "2007-02-28", "gu", (("પટેલ", "હેતલ", ABC),), "meera-iyer", "11 Weir Street",
        marital="S",
    ),
    "mehmet-yildiz": Person(
        "Yıldız", "Mehmet", "male", "1960-08-19", "tr", gp="daniel-okonkwo", street="94 Northgate",  # noqa: RUF001 - the name is spelt so
        postal_code="LK4 7PX", marital="M",
    ),
    "hodan-warsame": Person(
        "Warsame", "Hodan", "female", "1986-04-10", "so", gp="daniel-okonkwo", street="48 Northgate",
        postal_code="LK4 7PA", marital="M", interpreter=True,
    ),
    "jurgen-muller": Person(
        "Müller", "Jürgen", "male", "1953-09-09", "de", gp="hannah-reid", street="17 Kiln Lane",
        postal_code="LK4 5KL", marital="M",
    ),
    "siobhan-ni-bhriain": Person(
        "Ní Bhriain", "Siobhán", "female", "1969-01-31", "ga", gp="hannah-reid", street="23 Abbey Close",
        postal_code="LK4 2AC", marital="M",
    ),
    "folake-adebayo": Person(
        "Adébáyọ̀", "Fọlákẹ́", "female", "2015-12-24", "yo", gp="meera-iyer", street="52 Weir Street"
    ),
    "lucy-bennett": Person(
        "Bennett", "Lucy", "female", "2024-11-30", gp="hannah-reid", street="3 Abbey Close", postal_code="LK4 2AC"
    ),
    "alex-morgan-reyes": Person(
        "Morgan-Reyes", "Alex", "other", "1995-09-16", "en-GB", gp="hannah-reid", street="80 Market Square",
        postal_code="LK4 1MS", marital="S",
    ),
    # a record made twice by mistake, merged into the right one
    "asha-varma": Person(
        "Varma", "Aasha", "female", "1974-03-09", "hi", gp=None, street="8 Heron Walk", active=False,
        replaced_by="asha-verma",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Relative:
    """Who `of` a patient somebody is: v3-RoleCode; `patient` when the relative is a patient too."""

    of: str
    relationship: tuple[str, str]
    patient: str | None = None
    name: tuple[str, str] = field(default=("", ""))
    gender: str = "unknown"


MOTHER, FATHER, DAUGHTER, SON = ("MTH", "mother"), ("FTH", "father"), ("DAUC", "daughter"), ("SONC", "son")
WIFE, HUSBAND, FRIEND = ("WIFE", "wife"), ("HUSB", "husband"), ("FRND", "unrelated friend")
RELATIVES = [
    Relative("rohan-verma", MOTHER, "asha-verma"),
    Relative("kamla-verma", ("DAUINLAW", "daughter in-law"), "asha-verma"),
    Relative("gurpreet-gill", WIFE, "jaswinder-gill"),
    Relative("harleen-gill", MOTHER, "jaswinder-gill"),
    Relative("harleen-gill", HUSBAND, name=("Dhillon", "Manraj Singh"), gender="male"),
    Relative("yusuf-al-hassan", MOTHER, "layla-al-hassan"),
    Relative("yusuf-al-hassan", FATHER, "omar-al-hassan"),
    Relative("xinyi-chen", MOTHER, "li-na-wang"),
    Relative("wei-chen", ("DAUINLAW", "daughter in-law"), "li-na-wang"),
    Relative("ada-okafor", FATHER, "chidi-okafor"),
    Relative("emeka-okafor", FATHER, "chidi-okafor"),
    Relative("nikos-papadakis", DAUGHTER, "eleni-papadaki"),
    Relative("tran-van-minh", DAUGHTER, "nguyen-thi-mai"),
    Relative("zofia-wojcik", SON, name=("Wójcik", "Marek"), gender="male"),
    Relative("emily-clarke", MOTHER, name=("Clarke", "Judith"), gender="female"),
    Relative("kim-min-jun", MOTHER, name=("Park", "Seo-yeon"), gender="female"),
    Relative("folake-adebayo", MOTHER, name=("Adébáyọ̀", "Títílayọ̀"), gender="female"),
    Relative("lucy-bennett", FATHER, name=("Bennett", "Robert"), gender="male"),
    Relative("george-whitfield", FRIEND, name=("Pryce", "Walter"), gender="male"),
]
