"""What a package says of itself, and the conformance resources in it.

http://hl7.org/fhir/R4/packages.html and https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson

from fhir_server.context import Body
from fhir_server.definitions import definitions
from fhir_server.definitions.archive import MAX_BYTES, read_package
from fhir_server.formats import json
from fhir_server.outcome import Invalid

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+", re.ASCII)
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}", re.ASCII)
_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9.-]+")
_RESOURCE: Final = re.compile(r"package/[^/.][^/]*")
MANIFEST: Final = "package/package.json"
MOST_ID: Final = 64
MOST_NAME: Final = 214
"""What npm allows."""
MOST_TITLE: Final = 250
MOST_DEPENDENCIES: Final = 500


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

    def names(self) -> list[str]:
        """The files that may hold conformance resources, in order."""
        return sorted(name for name in self.files if _RESOURCE.fullmatch(name) and name != MANIFEST)

    def resource(self, name: str) -> Body | None:
        """The conformance resource in a file. None where there is none: what has no url is an example or of another making.

        Raises FhirError for what cannot be read.
        """
        parsed = json.parse(self.files[name])
        type_ = parsed.tree.get("resourceType")
        if not isinstance(parsed.tree.get("url"), str) or not isinstance(type_, str):
            return None
        return Body(parsed.tree, parsed.plain) if definitions().is_resource(type_) else None


def read(raw: bytes, most: int = MAX_BYTES) -> Package:
    """The package in the bytes of a .tgz, unpacked in memory alone, to `most` bytes. Raises Invalid, which says what is
    wrong with it.
    """
    files = read_package(raw, most=most)
    text = files.get(MANIFEST)
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
    if not isinstance(name, str) or len(name) > MOST_NAME or _NAME.fullmatch(name) is None:
        raise Invalid(f"package.json: {_shown(name)} is no package name, like hl7.fhir.us.core")
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise Invalid(f"package.json: {_shown(version)} is no version, like 6.1.0")
    fhir = found.get("fhirVersions") or found.get("fhir-version-list") or []
    if not isinstance(fhir, list) or (fhir and not any(str(v).startswith("4.0") for v in fhir)):
        said = ", ".join(map(str, fhir)) if isinstance(fhir, list) else str(fhir)
        raise Invalid(f"{name}|{version} is for FHIR {said[:100]}; this server speaks 4.0.1")
    title, canonical = found.get("title") or name, found.get("canonical") or ""
    if not isinstance(title, str) or not isinstance(canonical, str):
        raise Invalid("package.json: title and canonical are strings")
    pairs = _dependencies(found.get("dependencies") or {})
    return Manifest(name, version, title[:MOST_TITLE], canonical[:MOST_TITLE], pairs)


def _dependencies(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or len(found) > MOST_DEPENDENCIES:
        raise Invalid(f"package.json: dependencies are an object of names and versions, {MOST_DEPENDENCIES} at most")
    for name, version in found.items():
        if len(name) > MOST_NAME or not isinstance(version, str) or len(version) > MOST_ID:
            raise Invalid(f"package.json: {_shown(name)}: {_shown(version)} is no dependency, like a.name: 1.0.0")
    return found


def _shown(value: object) -> str:
    return repr(value)[:100]


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
