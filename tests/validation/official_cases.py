"""The R4 validation cases of the reference validator, as runs: a file, what is known beside it, the verdict expected.

Each file is validated against the base and the profiles that it claims; some a second time against one more profile.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhir_server.formats import json as fhir_json
from fhir_server.formats import xml
from fhir_server.outcome import FhirError, Issue
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.conformance_data import require

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """`beside` are the files that are known; `profile` the one more that is asked for; `verdicts` and `errors` what may be
    said: with the terminology server that the reference validator had, or without one.
    """

    name: str
    file: str
    beside: tuple[str, ...]
    profile: str | None
    verdicts: frozenset[bool]
    errors: frozenset[int]
    expected: Json = field(hash=False, compare=False)

    @property
    def id(self) -> str:
        return f"{self.name}{' with its profile' if self.profile else ''}"


@cache
def runs() -> tuple[Run, ...]:
    manifest = json.loads(require("validator", "manifest.json").read_text())
    return tuple(run for case in manifest["cases"] for run in _of(case))


def _of(case: Json) -> Iterator[Run]:
    beside = (*case["profiles"], *case["supporting"])
    for extra in (None, case.get("with_profile")):
        expected = case["expected"] if extra is None else extra["expected"]
        if extra is None or extra:
            more = () if extra is None else (extra["profile"], *extra.get("supporting", ()))
            errors = frozenset({expected["errors"], expected.get("errors_not_terminology", expected["errors"])})
            verdicts = frozenset({expected["valid"], expected["valid"] or 0 in errors})
            yield Run(
                case["name"], case["file"], (*beside, *more), extra and extra["profile"], verdicts, errors, expected
            )
        if not case.get("with_profile"):
            return


@cache
def files() -> Mapping[str, bytes]:
    with tarfile.open(require("validator", "files.tar.xz")) as archive:
        members = [member for member in archive if member.isreg()]
        return {m.name.partition("files/")[2]: (archive.extractfile(m) or archive).read() for m in members}  # type: ignore[union-attr]


@cache
def load(name: str) -> Json:
    """The resource of a file. Raises FhirError where it is none."""
    raw = files()[name]
    if raw.lstrip()[:1] == b"<" or name.endswith(".xml"):
        raw = fhir_json.dumps(xml.from_xml(raw))
    return fhir_json.parse(raw).plain


def known(run: Run) -> list[Json]:
    """What is known beside the file, entries of Bundles one by one; a file that is no resource is left out."""
    found: list[Json] = []
    for name in run.beside:
        try:
            one = load(name)
        except FhirError:
            continue
        found += [e["resource"] for e in one["entry"]] if one["resourceType"] == "Bundle" else [one]
    return found


class Listed(CoreCodes):
    """Beside R4's own value sets, those among the files that list their codes one by one."""

    def __init__(self, there: list[Json]) -> None:
        self.there = {r["url"]: r for r in there if r["resourceType"] == "ValueSet" and "url" in r}

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """See Codes."""
        found = self.there.get(value_set.partition("|")[0])
        if found is None:
            return super().member(value_set, system, code)
        includes = (found.get("compose") or {}).get("include", [])
        if not includes or "exclude" in found["compose"] or any("concept" not in one for one in includes):
            return None
        return any(
            system in (None, one.get("system")) and code in {c["code"] for c in one["concept"]} for one in includes
        )


def verdict(run: Run) -> tuple[Issue, ...]:
    """The issues of severity error or fatal that our validator finds."""
    there = known(run)

    def find(type_: str, canonical: str) -> Json | None:
        url = canonical.partition("|")[0]
        return next((r for r in there if r["resourceType"] == type_ and r.get("url") == url), None)

    def resolve(reference: str) -> Json | None:
        return next((r for r in there if f"{r['resourceType']}/{r.get('id')}" == reference), None)

    try:
        asked = [str(load(run.profile)["url"])] if run.profile else []
    except FhirError:
        return ()  # the profile itself is no R4: there is nothing to be held to
    validator = Validator(Profiles(lambda canonical: find("StructureDefinition", canonical)), Listed(there), find)
    try:
        issues = validator.issues(load(run.file), asked, resolve=resolve, vital_signs=True)
    except FhirError as error:
        issues = error.issues
    return tuple(issue for issue in issues if issue.severity in ("error", "fatal"))
