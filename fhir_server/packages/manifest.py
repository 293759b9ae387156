"""What a package says of itself, and the conformance resources in it.

http://hl7.org/fhir/R4/packages.html and https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson

from fhir_server.context import Body
from fhir_server.definitions import definitions
from fhir_server.definitions.archive import read_package
from fhir_server.formats import json
from fhir_server.outcome import FhirError, Invalid

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+", re.ASCII)
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}", re.ASCII)
_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9.-]+")
MOST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Manifest:
    """package.json: `dependencies` are package name → version."""

    name: str
    version: str
    title: str
    canonical: str
    dependencies: Mapping[str, str]

    @property
    def key(self) -> str:
        """`name|version`, under which it is listed and removed."""
        return f"{self.name}|{self.version}"


@dataclass(frozen=True, slots=True)
class Package:
    manifest: Manifest
    files: Mapping[str, bytes]

    def resources(self) -> Iterator[tuple[str, Body | Invalid]]:
        """(file, resource) of the conformance resources, in the order of their names; Invalid for what cannot be read.

        What has no url is an example or of another making; it is left out.
        """
        for name, raw in sorted(self.files.items()):
            parts = name.split("/")
            if len(parts) != 2 or parts[0] != "package" or parts[1] == "package.json" or parts[1].startswith("."):
                continue
            try:
                parsed = json.parse(raw)
            except FhirError as error:
                yield name, Invalid(issues=error.issues)
                continue
            if isinstance(parsed.tree.get("url"), str) and definitions().is_resource(
                str(parsed.tree.get("resourceType"))
            ):
                yield name, Body(parsed.tree, parsed.plain)


def read(raw: bytes) -> Package:
    """The package in the bytes of a .tgz, unpacked in memory alone. Raises Invalid, which says what is wrong with it."""
    files = read_package(raw)
    text = files.get("package/package.json")
    if text is None:
        raise Invalid("The archive has no package/package.json: it is no FHIR package")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"package/package.json is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid("package/package.json is no JSON object")
    return Package(_manifest(found), files)


def _manifest(found: dict[str, Any]) -> Manifest:
    name, version = found.get("name"), found.get("version")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Invalid(f"package.json: {name!r} is no package name, like hl7.fhir.us.core")
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise Invalid(f"package.json: {version!r} is no version, like 6.1.0")
    fhir = found.get("fhirVersions") or found.get("fhir-version-list") or []
    if not isinstance(fhir, list) or (fhir and not any(str(v).startswith("4.0") for v in fhir)):
        raise Invalid(f"{name}|{version} is for FHIR {', '.join(map(str, fhir)) or fhir}; this server speaks 4.0.1")
    dependencies = found.get("dependencies") or {}
    if not isinstance(dependencies, dict):
        raise Invalid("package.json: dependencies are an object of names and versions")
    pairs = {str(k): str(v) for k, v in dependencies.items()}
    return Manifest(name, version, str(found.get("title") or name), str(found.get("canonical") or ""), pairs)


def logical_id(resource: Mapping[str, Any], version: str) -> str:
    """The id under which a package's resource is stored: its own id and its business version, so that versions of it
    stand side by side; made short where that is too long.
    """
    own = str(resource.get("id") or str(resource["url"]).rpartition("/")[2])
    number = str(resource.get("version") or version)
    text = _NOT_IN_IDS.sub("-", f"{own}-{number}")
    if len(text) <= MOST_ID:
        return text
    tail = blake2b(f"{resource['url']}|{number}".encode(), digest_size=6).hexdigest()
    return f"{text[: MOST_ID - len(tail) - 1]}-{tail}"
