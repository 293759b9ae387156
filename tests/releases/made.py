"""Releases that tests make up: the right files and columns, invented codes and words. Nothing of a publisher is in them.

http://hl7.org/fhir/R4/terminologies-systems.html
"""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

Rows = Sequence[Sequence[object]]


def packed(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A zip of the files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpacked(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder of the files."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def commas(header: str, rows: Rows) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([header.split(","), *rows])
    return out.getvalue()


def tabs(header: str, rows: Rows) -> str:
    return "".join("\t".join(map(str, row)) + "\r\n" for row in [header.split(), *rows])


def bars(rows: Rows) -> str:
    return "".join("|".join(map(str, row)) + "|\n" for row in rows)


# ---- LOINC

_LOINC = (
    "LOINC_NUM,COMPONENT,PROPERTY,TIME_ASPCT,SYSTEM,SCALE_TYP,METHOD_TYP,CLASS,VersionLastChanged,CHNG_TYPE,"
    "DefinitionDescription,STATUS,CONSUMER_NAME,CLASSTYPE,SHORTNAME,ORDER_OBS,EXTERNAL_COPYRIGHT_NOTICE,LONG_COMMON_NAME"
)


def loinc() -> dict[str, str]:
    """Two codes in use and one that is not, below two parts; a list of three answers."""
    table = [
        ("11-1", "Zorb", "MCnc", "Pt", "Glim", "Qn", "", "QUUX", "2.98", "", "How much zorb", "ACTIVE", "Zorb level", "1", "Zorb Glim-mCnc", "Both", "", "Zorb [Mass] in Glim"),
        ("22-2", "Zorb colour", "Type", "Pt", "Glim", "Nom", "", "QUUX", "2.100", "", "", "ACTIVE", "", "1", "Zorb Col", "Observation", "(c) Someone", 'Colour of zorb, "as\nseen"'),
        ("33-3", "Zorb old", "MCnc", "Pt", "Glim", "Qn", "", "QUUX", "2.5", "", "", "DEPRECATED", "", "1", "", "", "", "Zorb, old"),
    ]  # fmt: skip
    hierarchy = [
        ("", 1, "", "LP1-1", "Quuxology"),
        ("LP1-1", 1, "LP1-1", "LP2-2", "Zorb"),
        ("LP1-1.LP2-2", 1, "LP2-2", "11-1", "Zorb Glim-mCnc"),
        ("LP1-1.LP2-2", 2, "LP2-2", "22-2", "Zorb Col"),
        ("LP1-1", 2, "LP1-1", "22-2", "Zorb Col"),
        ("LP1-1", 3, "LP1-1", "LP2-2", "Zorb"),
    ]
    answers = [
        ("LL1-1", "Colours", "LA3-3", 1, "Red"),
        ("LL1-1", "Colours", "LA1-1", 2, "Blue"),
        ("LL1-1", "Colours", "LA2-2", 3, "None"),
        ("LL2-2", "Whether", "LA2-2", 1, "None"),
        ("LL3-3", "Elsewhere", "", "", ""),
    ]
    return {
        "Loinc/LoincTable/Loinc.csv": commas(_LOINC, table),
        "Loinc/AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv": commas(
            "PATH_TO_ROOT,SEQUENCE,IMMEDIATE_PARENT,CODE,CODE_TEXT", hierarchy
        ),
        "Loinc/AccessoryFiles/AnswerFile/AnswerList.csv": commas(
            "AnswerListId,AnswerListName,AnswerStringId,SequenceNumber,DisplayText", answers
        ),
        "Loinc/AccessoryFiles/AnswerFile/LoincAnswerListLink.csv": commas(
            "LoincNumber,LongCommonName,AnswerListId,AnswerListName,AnswerListLinkType", [("22-2", "", "LL1-1", "", "NORMATIVE")]
        ),
        "Loinc/AccessoryFiles/LinguisticVariants/deDE15LinguisticVariant.csv": commas(
            "LOINC_NUM,COMPONENT,SHORTNAME,LONG_COMMON_NAME", [("11-1", "Sorb", "", "Sorb [Masse] in Glim")]
        ),
    }  # fmt: skip


# ---- SNOMED CT

MODULE = "900000000000207008"
OTHER_MODULE = "900000000000012004"
US, GB = "900000000000509007", "900000000000508004"
FSN, SYNONYM = "900000000000003001", "900000000000013009"
GOOD, FINE = "900000000000548007", "900000000000549004"
ROOT, THING, RED, BLUE, OLD, SIDE, SET, REFSETS = "138875005", "1001", "2001", "3001", "4001", "5001", "6001", "7001"
"""Invented, but for the root. The digit before the last says that it is a concept."""
IS_A = "116680003"

CONCEPT = "id effectiveTime active moduleId definitionStatusId"
DESCRIPTION = "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId"
RELATIONSHIP = (
    "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId modifierId"
)
LANGUAGE = "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId"
SIMPLE = "id effectiveTime active moduleId refsetId referencedComponentId"
DEPENDENCY = "id effectiveTime active moduleId refsetId referencedComponentId sourceEffectiveTime targetEffectiveTime"
CONCRETE = "id effectiveTime active moduleId sourceId value relationshipGroup typeId characteristicTypeId modifierId"

_THEN, _NOW = "20200101", "20240101"


def _concepts() -> list[tuple[str, ...]]:
    primitive, defined = "900000000000074008", "900000000000073002"
    codes = (ROOT, THING, RED, BLUE, OLD, SIDE, SET, REFSETS, US, GB, IS_A)
    return [(code, _THEN, "0" if code == OLD else "1", MODULE, defined if code == RED else primitive) for code in codes]


_TERMS = {
    ROOT: "Root",
    THING: "Thing",
    RED: "Red thing",
    BLUE: "Blue thing",
    OLD: "Old thing",
    SIDE: "Side",
    SET: "Set of things",
    REFSETS: "Reference set",
    US: "United States English",
    GB: "Great Britain English",
    IS_A: "Is a",
}


def _descriptions() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    terms: list[tuple[object, ...]] = []
    worth: list[tuple[object, ...]] = []

    def add(code: str, text: str, type_: str, us: str, gb: str, language: str = "en") -> None:
        id_ = f"{len(terms) + 1}019"
        terms.append((id_, _THEN, 1, MODULE, code, language, type_, text, "x"))
        for set_, how in ((US, us), (GB, gb)):
            if how:
                worth.append((f"w{len(worth)}", _THEN, 1, MODULE, set_, id_, how))

    for code, text in _TERMS.items():
        add(code, f"{text} (thing)", FSN, GOOD, GOOD)
        add(code, text, SYNONYM, FINE if code == RED else GOOD, GOOD)
    add(RED, "Crimson thing", SYNONYM, GOOD, FINE)
    add(RED, "Rotes Ding", SYNONYM, "", "", "de")
    return terms, worth


def _relationships() -> list[tuple[object, ...]]:
    pairs = [(THING, ROOT), (RED, THING), (BLUE, THING), (SIDE, ROOT), (REFSETS, ROOT), (SET, REFSETS), (US, REFSETS), (GB, REFSETS), (BLUE, SIDE), (IS_A, ROOT)]  # fmt: skip
    inferred, some = "900000000000011006", "900000000000451002"
    rows: list[tuple[object, ...]] = [
        (f"{n}029", _THEN, 1, MODULE, child, parent, 0, IS_A, inferred, some) for n, (child, parent) in enumerate(pairs)
    ]
    rows.append(("90029", _THEN, 1, MODULE, RED, SIDE, 1, "5001", inferred, some))
    rows.append(("91029", _THEN, 0, MODULE, SIDE, THING, 0, IS_A, inferred, some))
    rows.append(("92029", _THEN, 1, MODULE, ROOT, THING, 0, IS_A, "900000000000010007", some))
    return rows


def snomed(kind: str = "Snapshot", *, dependency: bool = True) -> dict[str, str]:
    """A small edition of things: one inactive, one with two names, one below two, a reference set of two."""
    terms, worth = _descriptions()
    members = [("m1", _THEN, 1, MODULE, SET, RED), ("m2", _THEN, 1, MODULE, SET, BLUE), ("m3", _THEN, 0, MODULE, SET, SIDE)]  # fmt: skip
    concepts, relationships = _concepts(), _relationships()
    if kind == "Full":  # earlier and later states of the same
        concepts += [(THING, "20100101", "0", MODULE, "x"), (OLD, "20100101", "1", MODULE, "x")]
        terms.append(("1019", "20100101", 1, MODULE, ROOT, "en", FSN, "Stem (thing)", "x"))
        relationships.append(("1029", "20100101", 1, MODULE, RED, SIDE, 0, IS_A, "x", "x"))
    concrete = [("c1", _THEN, 1, MODULE, BLUE, "#2.5", 0, "1001", "x", "x")]
    base = f"SnomedCT_Made_{_NOW}/{kind}"
    end = f"INT_{_NOW}.txt"
    files = {
        f"{base}/Terminology/sct2_Concept_{kind}_{end}": tabs(CONCEPT, concepts),
        f"{base}/Terminology/sct2_Description_{kind}-en_{end}": tabs(DESCRIPTION, terms),
        f"{base}/Terminology/sct2_TextDefinition_{kind}-en_{end}": tabs(
            DESCRIPTION, [("800019", _THEN, 1, MODULE, SIDE, "en", "900000000000550004", "What is not in the middle", "x")]
        ),
        f"{base}/Terminology/sct2_Relationship_{kind}_{end}": tabs(RELATIONSHIP, relationships),
        f"{base}/Terminology/sct2_RelationshipConcreteValues_{kind}_{end}": tabs(CONCRETE, concrete),
        f"{base}/Terminology/sct2_StatedRelationship_{kind}_{end}": "not to be read",
        f"{base}/Refset/Language/der2_cRefset_Language{kind}-en_{end}": tabs(LANGUAGE, worth),
        f"{base}/Refset/Content/der2_Refset_Simple{kind}_{end}": tabs(SIMPLE, members),
    }  # fmt: skip
    if dependency:
        row = ("d1", _NOW, 1, MODULE, "900000000000534007", OTHER_MODULE, _NOW, _NOW)
        files[f"{base}/Refset/Metadata/der2_ssRefset_ModuleDependency{kind}_{end}"] = tabs(DEPENDENCY, [row])
    return files


# ---- RxNorm


def _atom(code: str, source: str, type_: str, text: str, suppress: str = "N") -> tuple[str, ...]:
    return (code, "ENG", "", "", "", "", "", f"A{text}", "", "", "", source, type_, code, text, "", suppress, "")


def rxnorm() -> dict[str, str]:
    """An ingredient, a drug with two names, one that is gone; what only others name is none of RxNorm."""
    atoms = [
        _atom("200", "RXNORM", "SY", "zorbine 5 pill"),
        _atom("100", "RXNORM", "IN", "zorbine"),
        _atom("200", "RXNORM", "SCD", "zorbine 5 MG Oral Pill"),
        _atom("100", "ELSE", "SU", "ZORBINE (as salt)"),
        _atom("300", "RXNORM", "IN", "glimine", "O"),
        _atom("900", "ELSE", "SU", "not of RxNorm"),
    ]
    relation = (
        "100",
        "",
        "CUI",
        "RO",
        "200",
        "",
        "CUI",
        "has_ingredient",
        "R1",
        "",
        "RXNORM",
        "RXNORM",
        "",
        "",
        "",
        "",
    )
    foreign = ("900", "", "CUI", "RO", "200", "", "CUI", "has_ingredient", "R2", "", "ELSE", "ELSE", "", "", "", "")
    strength = ("200", "", "", "", "CUI", "200", "", "", "RXN_STRENGTH", "RXNORM", "5 MG", "N", "")
    gone = ("200", "", "", "", "CUI", "200", "", "", "RXN_OLD", "RXNORM", "x", "O", "")
    return {
        "rrf/RXNCONSO.RRF": bars(atoms),
        "rrf/RXNREL.RRF": bars([relation, foreign]),
        "rrf/RXNSAT.RRF": bars([strength, gone]),
        "rrf/RXNSTY.RRF": bars([("100", "T121", "x", "Stuff", "", ""), ("900", "T121", "x", "Stuff", "", "")]),
    }


# ---- ICD-10

CLAML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE ClaML SYSTEM "ClaML.dtd">
<ClaML version="2.0.0">
  <Meta name="TopLevelSort" value="I"/>
  <Title date="2019-01-01" name="ICD-10" version="2019">ICD-10 made up</Title>
  <Modifier code="M1"><SubClass code=".0"/><SubClass code=".1"/></Modifier>
  <ModifierClass modifier="M1" code=".0"><SuperClass code="M1"/>
    <Rubric kind="preferred"><Label xml:lang="en">sudden</Label></Rubric></ModifierClass>
  <ModifierClass modifier="M1" code=".1"><SuperClass code="M1"/>
    <Rubric kind="preferred"><Label xml:lang="en">slow</Label></Rubric></ModifierClass>
  <Class code="I" kind="chapter"><SubClass code="Z10-Z11"/>
    <Rubric kind="preferred"><Label xml:lang="en">Zorb troubles</Label></Rubric></Class>
  <Class code="Z10-Z11" kind="block"><SuperClass code="I"/><SubClass code="Z10"/><SubClass code="Z11"/>
    <Rubric kind="preferred"><Label xml:lang="en">Zorbs of the <Fragment type="item">glim</Fragment></Label></Rubric></Class>
  <Class code="Z10" kind="category" usage="dagger"><SuperClass code="Z10-Z11"/><SubClass code="Z10.0"/>
    <Rubric kind="preferred"><Label xml:lang="en">Zorb</Label></Rubric>
    <Rubric kind="inclusion"><Label xml:lang="en">Zorbitis <Reference>A00</Reference></Label></Rubric>
    <Rubric kind="definition"><Label xml:lang="en">A zorb that hurts</Label></Rubric></Class>
  <Class code="Z10.0" kind="category"><SuperClass code="Z10"/>
    <Rubric kind="preferred"><Label xml:lang="en">Zorb, plain</Label></Rubric></Class>
  <Class code="Z11" kind="category"><SuperClass code="Z10-Z11"/><ModifiedBy code="M1"/>
    <Rubric kind="preferred"><Label xml:lang="en">Glim</Label></Rubric></Class>
</ClaML>
"""


def order_line(number: int, code: str, valid: int, short: str, long: str) -> str:
    return f"{number:05} {code:<7} {valid} {short:<60} {long}\n"


ORDER = "".join(
    order_line(n, *row)
    for n, row in enumerate(
        (
            ("Z10", 0, "Zorb", "Zorb"),
            ("Z100", 0, "Zorb of glim", "Zorb of the glim"),
            ("Z1000XA", 1, "Zorb of glim, init", "Zorb of the glim, initial encounter"),
            ("Z109", 1, "Zorb, unsp", "Zorb, unspecified"),
            ("Z11", 1, "Glim", "Glim"),
        ),
        1,
    )
)

TABULAR = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular><version>2098</version>
  <chapter><name>1</name><desc>Zorb troubles (Z10-Z11)</desc>
    <sectionIndex><sectionRef first="Z10" last="Z11" id="Z10-Z11">Zorbs</sectionRef></sectionIndex>
    <section id="Z10-Z11"><desc>Zorbs (Z10-Z11)</desc>
      <diag><name>Z10</name><desc>Zorb</desc>
        <inclusionTerm><note>Zorbitis</note></inclusionTerm>
        <sevenChrDef><extension char="A">initial encounter</extension><extension char="D">later encounter</extension></sevenChrDef>
        <diag><name>Z10.0</name><desc>Zorb of the glim</desc></diag>
      </diag>
      <diag><name>Z11</name><desc>Glim</desc></diag>
    </section>
  </chapter>
</ICD10CM.tabular>
"""
