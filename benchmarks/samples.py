"""Values that searches are made with: taken over HTTP from what a server holds, some forty resources of each kind.

What the smallest scale holds, all hold: the same values are asked of each, so that nothing but the scale differs.
"""

import json
import random
import urllib.request
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from benchmarks.shapes import Shape

Row = dict[str, str]  # what a resource can be found by

PATIENTS = 40
PAGE = 20  # what most shapes ask for


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows by kind: patient, observation, encounter, condition, organization, and the outermost observations."""

    port: int
    rows: dict[str, list[Row]]

    @classmethod
    def take(cls, port: int) -> "Samples":
        pick = random.Random(1)
        patients = [_patient(found) for found in found_by(port, "Patient?_count=1000")]
        pick.shuffle(patients)
        patients = patients[:PATIENTS]
        lists: dict[str, list[Row]] = {"patient": patients, "observation": [], "encounter": [], "condition": []}
        for patient in patients:
            of = f"patient={patient['id']}&_count=200"
            quantities = [o for o in found_by(port, f"Observation?{of}") if "valueQuantity" in o]
            lists["observation"] += map(_observation, pick.sample(quantities, min(3, len(quantities))))
            lists["encounter"] += map(_encounter, found_by(port, f"Encounter?{of}")[:2])
            lists["condition"] += map(_condition, found_by(port, f"Condition?{of}")[:2])
        lists["organization"] = [{"name": o["name"]} for o in found_by(port, "Organization?_count=40")]
        lists["rare"] = _rare(port, lists["observation"])
        lists["largest"] = _largest(port, lists["observation"])
        lists["newest"] = [_newest(port)]
        lists["oldest"] = [
            {"week_after": _shifted(_first(port, "Observation?_sort=date")["effectiveDateTime"][:10], 7)}
        ]
        return cls(port, lists)

    def at(self, port: int) -> "Samples":
        """The same values for another server; the newest time of writing is its own."""
        return Samples(port, self.rows | {"newest": [self.rows["newest"][0] | {"updated": _updated(port)}]})

    def paths(self, shape: Shape) -> list[str]:
        """The requests of a shape, one for each sampled resource; the measured page where it is a later one."""
        kinds = [kind for kind in self.rows if f"{{{kind}." in shape.path]
        most = max((len(self.rows[kind]) for kind in kinds), default=1)
        paths = []
        for number in range(most):
            path = shape.path
            for kind in kinds:
                for name, value in self.rows[kind][number % len(self.rows[kind])].items():
                    path = path.replace(f"{{{kind}.{name}}}", quote(value))
            paths.append(self._page("/fhir/" + path.replace("/fhir/?", "/fhir?"), shape.pages))
        return sorted(set(paths))

    def _page(self, path: str, pages: int) -> str:
        """The link to the page that comes after so many pages."""
        for _ in range(pages):
            bundle = fetched(self.port, path)
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            if not following:
                break
            path = "/fhir" + following[0].partition("/fhir")[2]
        return path


def fetched(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return json.load(answer)


def found_by(port: int, query: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in fetched(port, f"/fhir/{query}").get("entry", [])]


def _first(port: int, query: str) -> dict[str, Any]:
    return found_by(port, f"{query}&_count=1")[0]


def _patient(found: dict[str, Any]) -> Row:
    family = found["name"][0]["family"]
    return {
        "id": found["id"],
        "family": family,
        "family2": family[:2],
        "inside": family[1:5],
        "gender": found["gender"],
        "birthdate": found["birthDate"],
    }


def _observation(found: dict[str, Any]) -> Row:
    coding, value = found["code"]["coding"][0], found["valueQuantity"]
    day = found["effectiveDateTime"][:10]
    return {
        "token": f"{coding['system']}|{coding['code']}",
        "code": coding["code"],
        "patient": found["subject"]["reference"].removeprefix("Patient/"),
        "encounter": found["encounter"]["reference"].removeprefix("Encounter/") if "encounter" in found else "none",
        "day": day,
        "next_day": _shifted(day, 1),
        "value": str(value["value"]),
        "unit": f"{value.get('system', '')}|{value.get('code', '')}",
        "profile": found["meta"].get("profile", ["http://hl7.org/fhir/StructureDefinition/vitalsigns"])[0],
    }


def _encounter(found: dict[str, Any]) -> Row:
    return {"id": found["id"], "identifier": found["identifier"][0]["value"] if "identifier" in found else "none"}


def _condition(found: dict[str, Any]) -> Row:
    coding = found["code"]["coding"][0]
    return {"code": coding["code"], "word": coding["display"].split()[0].lower()}


def _shifted(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _newest(port: int) -> Row:
    encounter = _first(port, "Encounter?_sort=-date")
    return {"week_before": _shifted(encounter["period"]["start"][:10], -7), "updated": _updated(port)}


def _updated(port: int) -> str:
    """When an observation was last written."""
    return str(_first(port, "Observation?_sort=-_lastUpdated")["meta"]["lastUpdated"])


def _rare(port: int, observations: list[Row]) -> list[Row]:
    """The rarest codes that still fill a page."""
    counted = {row["token"]: row for row in observations}
    totals = {
        token: fetched(port, f"/fhir/Observation?code={quote(token)}&_summary=count")["total"] for token in counted
    }
    enough = sorted((total, token) for token, total in totals.items() if total >= PAGE)
    return [counted[token] for _, token in enough[:5]]


def _largest(port: int, observations: list[Row]) -> list[Row]:
    """Codes with the value that four observations, or a few less, exceed."""
    rows = []
    for token, row in sorted({row["token"]: row for row in observations}.items())[:8]:
        found = found_by(port, f"Observation?code={quote(token)}&_sort=-value-quantity&_count=5")
        value = found[-1].get("valueQuantity", {}).get("value")
        if value is not None:
            rows.append(row | {"value": str(value)})
    return rows
