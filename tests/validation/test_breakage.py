"""1,000 copies of valid resources with one fault each: every one is caught, and the issue says where.

http://hl7.org/fhir/R4/validation.html
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_server.validation import check
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.validation.breakage import Fault, faults
from tests.validation.test_official_examples import us_core

Json = dict[str, Any]
COUNT: Final = 1_000
OF_A_KIND: Final = 60
"""Most faults of one kind, at most one of a kind in one resource."""
VERSION: Final = "6.1.0"


class Bench:
    """Validates with R4, US Core and one profile more."""

    def __init__(self) -> None:
        self.definitions = {
            r["url"]: r for r in us_core(VERSION).values() if r["resourceType"] == "StructureDefinition"
        }
        self.profiles = Profiles(lambda canonical: self.definitions.get(canonical.partition("|")[0]))
        self.validator = Validator(self.profiles, CoreCodes(), lambda *_: None)

    def errors(self, resource: Json, more: Json | None = None) -> list[str]:
        """Where errors are, as expressions."""
        if more is not None:
            self.definitions[more["url"]] = more
            self.profiles.forget()
        asked = () if more is None else (more["url"],)
        issues = self.validator.issues(resource, asked)
        found = [issue.expression[0] for issue in issues if issue.severity in ("error", "fatal")]
        assert not (found and not check(resource) and self.validator.sound(resource, asked)), "accepted at a glance"
        return found


def _broken(bench: Bench, examples: Mapping[str, Json]) -> Iterator[Fault]:
    """Of each kind a few, from as many resources as can be."""
    own = [r for n, r in us_core(VERSION).items() if n.startswith("example/")]
    taken: Counter[str] = Counter()
    for resource in (*own, *examples.values()):
        if len(str(resource)) > 20_000 or bench.errors(resource):
            continue
        claimed = (bench.profiles.find(c) for c in resource.get("meta", {}).get("profile", ()))
        seen: set[str] = set()
        for fault in faults(resource, tuple(p for p in claimed if p is not None)):
            if fault.kind not in seen and taken[fault.kind] < OF_A_KIND:
                seen.add(fault.kind)
                taken[fault.kind] += 1
                yield fault
        if taken.total() >= COUNT:
            return


def _missed(bench: Bench, broken: Iterator[Fault] | list[Fault]) -> list[tuple[str, str, list[str]]]:
    found = ((fault, bench.errors(fault.resource, fault.profile)) for fault in broken)
    return [(fault.kind, fault.expression, errors) for fault, errors in found if fault.expression not in errors]


def test_a_thousand_faults_are_caught(examples: Mapping[str, Json]) -> None:
    bench = Bench()
    broken = list(_broken(bench, examples))
    assert len(broken) >= COUNT
    assert len({fault.kind for fault in broken}) >= 20
    assert _missed(bench, broken) == []
