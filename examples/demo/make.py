"""The demo data set, written as FHIR transaction Bundles beside this file: `python examples/demo/make.py`.

https://hl7.org/fhir/R4/http.html#transaction

The Bundles are committed; this writes exactly the same bytes again whenever it runs, on any machine. Each entry is a PUT
with a readable id, so loading the set twice changes nothing. Load the files in the order of their names: a resource
refers only to resources of its own or of an earlier Bundle.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from larkmere import (
    acute,
    children,
    diabetes,
    heart,
    long_term,
    medicines,
    mind,
    older,
    organization,
    patients,
    schedule,
    women,
)
from larkmere.shapes import BASE, Resource

WIDTH = 118  # leaves room for the comma

BUNDLES: dict[str, Iterable[Resource]] = {
    "01-organization.json": organization.resources(),
    "02-medicines.json": medicines.resources(),
    "03-patients.json": patients.resources(),
    "04-charts-diabetes.json": diabetes.resources(),
    "05-charts-long-term.json": long_term.resources(),
    "06-charts-heart.json": heart.resources(),
    "07-charts-children.json": children.resources(),
    "08-charts-women.json": women.resources(),
    "09-charts-mind.json": mind.resources(),
    "10-charts-acute.json": acute.resources(),
    "11-charts-older.json": older.resources(),
    "12-appointments.json": schedule.resources(),
}


def line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def pretty(value: Any, indent: str = "") -> str:
    """JSON with two spaces of indentation; what fits on a line stays on one, and the brackets of a single item hug it."""
    if len(indent) + len(line(value)) <= WIDTH or not isinstance(value, (dict, list)):
        return line(value)
    if isinstance(value, list) and len(value) == 1:
        return f"[{pretty(value[0], indent)}]"
    deeper = indent + "  "
    if isinstance(value, list):
        inside, brackets = [pretty(item, deeper) for item in value], "[]"
    else:
        inside, brackets = [f"{line(name)}: {pretty(item, deeper)}" for name, item in value.items()], "{}"
    return brackets[0] + "\n" + ",\n".join(deeper + item for item in inside) + f"\n{indent}{brackets[1]}"


def entry(resource: Resource) -> str:
    """An entry whose first line says what is put where; the resource follows as if it stood alone."""
    url = f"{resource['resourceType']}/{resource['id']}"
    head = line({"fullUrl": f"{BASE}/{url}", "request": {"method": "PUT", "url": url}})
    return f'{head[:-1]}, "resource": {pretty(resource)}}}'


def transaction(resources: Iterable[Resource]) -> str:
    entries = ",\n".join(entry(resource) for resource in resources)
    return f'{{"resourceType": "Bundle", "type": "transaction", "entry": [\n{entries}\n]}}\n'


def write(folder: Path) -> None:
    """Every Bundle is a file in `folder`, in UTF-8, with one newline at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, resources in BUNDLES.items():
        folder.joinpath(name).write_bytes(transaction(resources).encode())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write the demo data set.")
    arguments.add_argument(
        "--into", type=Path, default=Path(__file__).parent, help="folder (default: beside this file)"
    )
    write(arguments.parse_args().into)
