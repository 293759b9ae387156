"""Code systems, value sets and a concept map of animals, for tests of terminology.

http://hl7.org/fhir/R4/terminology-module.html
"""

from typing import Any

from tests.interactions.client import Client

SYSTEM = "http://acme.org/animals"
VS = "http://acme.org/vs/"
CONCEPTS = [
    {"code": "animal", "display": "Animal", "property": [{"code": "notSelectable", "valueBoolean": True}], "concept": [
        {"code": "mammal", "display": "Mammal", "definition": "It suckles", "concept": [
            {"code": "cat", "display": "Grey cat", "designation": [
                {"language": "de", "value": "Katze"},
                {"language": "fr-CH", "use": {"system": "http://acme.org/use", "code": "pet"}, "value": "Chat gris"},
            ], "property": [{"code": "legs", "valueInteger": 4}]},
            {"code": "dog", "display": "Dog", "property": [{"code": "legs", "valueInteger": 4}]},
        ]},
        {"code": "bird", "display": "Bird", "concept": [
            {"code": "dodo", "display": "Dodo", "property": [{"code": "status", "valueCode": "retired"}]},
        ], "property": [{"code": "legs", "valueInteger": 2}]},
    ]},
    {"code": "bat", "display": "Bat", "property": [
        {"code": "parent", "valueCode": "mammal"}, {"code": "parent", "valueCode": "flier"},
    ]},
    {"code": "flier", "display": "Flying animal"},
]  # fmt: skip
ORDER = ["animal", "mammal", "cat", "dog", "bat", "bird", "dodo", "flier"]
ANIMALS = {
    "resourceType": "CodeSystem",
    "id": "animals",
    "url": SYSTEM,
    "version": "1",
    "name": "Animals",
    "valueSet": f"{VS}every-animal",
    "status": "active",
    "content": "complete",
    "caseSensitive": True,
    "concept": CONCEPTS,
}


def value_set(id_: str, **compose: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "id": id_, "url": f"{VS}{id_}", "status": "active", "compose": compose}


def of(*filters: tuple[str, str, str]) -> dict[str, Any]:
    """An include of the animals that pass all filters (property, op, value)."""
    if not filters:
        return {"system": SYSTEM}
    return {"system": SYSTEM, "filter": [{"property": p, "op": op, "value": v} for p, op, v in filters]}


def listing(*codes: str, system: str = SYSTEM) -> dict[str, Any]:
    return {"system": system, "concept": [{"code": code} for code in codes]}


VALUE_SETS = [
    value_set("all", include=[of()]),
    value_set("active", include=[of()], inactive=False),
    value_set("mammals", include=[of(("concept", "is-a", "mammal"))]),
    value_set("pets", include=[{"system": SYSTEM, "concept": [{"code": "dog", "display": "Good boy"}, {"code": "cat"}]}]),
    value_set("wild", include=[{"valueSet": [f"{VS}mammals"]}], exclude=[{"valueSet": [f"{VS}pets"]}]),
    value_set("round", include=[{"valueSet": [f"{VS}trip"]}]),
    value_set("trip", include=[{"valueSet": [f"{VS}round"]}]),
    value_set("elsewhere", include=[{"system": "http://acme.org/none", "concept": [{"code": "x", "display": "An x"}, {"code": "y"}]}]),
    value_set("unknown", include=[{"system": "http://acme.org/none"}]),
    value_set("tongues", include=[{"system": "urn:ietf:bcp:47"}]),
    value_set("units", include=[{"system": "http://unitsofmeasure.org"}]),
]  # fmt: skip
TO_LATIN = {
    "resourceType": "ConceptMap",
    "id": "latin",
    "url": "http://acme.org/map/latin",
    "status": "active",
    "group": [
        {
            "source": SYSTEM,
            "target": "http://acme.org/latin",
            "element": [
                {"code": "cat", "target": [{"code": "felis", "display": "Felis", "equivalence": "wider"}]},
                {"code": "dodo", "target": [{"equivalence": "unmatched"}]},
            ],
            "unmapped": {"mode": "fixed", "code": "bestia"},
        }
    ],
}


async def stocked(client: Client) -> Client:
    """The client of a server that has all of these."""
    await client.put("CodeSystem/animals", ANIMALS)
    for one in VALUE_SETS:
        await client.put(f"ValueSet/{one['id']}", one)
    await client.put("ConceptMap/latin", TO_LATIN)
    return client
