"""What a release says of itself: the CodeSystem resource that stands for it.

http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_server.packages.manifest import logical_id
from fhir_server.releases.files import Files, Told
from fhir_server.releases.workbench import Workbench

DEFINED: Final = "http://hl7.org/fhir/concept-properties#"
"""Where R4 says what its own properties mean."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller says of a release, or says otherwise than its files. "": nothing."""

    url: str = ""
    version: str = ""
    title: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A code system and version. `slug` begins its id; `short_version` stands in the id for a version that is a URI.

    `properties` are name → (type, description).
    """

    slug: str
    url: str
    version: str
    title: str
    properties: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    short_version: str = ""
    language: str = "en"
    case_sensitive: bool = True
    compositional: bool = False
    meaning: str = "is-a"
    value_set: str = ""
    copyright: str = ""

    @property
    def id(self) -> str:
        about = {"id": self.slug, "url": self.url, "version": self.short_version or self.version or "0"}
        return logical_id(about, "0")

    def resource(self, concepts: int) -> dict[str, Any]:
        """The CodeSystem: its concepts are not in it, but in the store's table."""
        found = {
            "resourceType": "CodeSystem",
            "id": self.id,
            "url": self.url,
            "version": self.version,
            "name": "".join(part.capitalize() for part in self.slug.replace(".", "-").split("-")),
            "title": self.title,
            "status": "active",
            "language": self.language,
            "copyright": self.copyright,
            "caseSensitive": self.case_sensitive,
            "valueSet": self.value_set,
            "hierarchyMeaning": self.meaning,
            "compositional": self.compositional,
            "content": "not-present",
            "count": concepts,
            "property": [_property(code, type_, text) for code, (type_, text) in self.properties.items()],
        }
        return {name: value for name, value in found.items() if value not in ("", [])}


def _property(code: str, type_: str, text: str) -> dict[str, str]:
    found = {"code": code, "description": text, "type": type_}
    return {**found, "uri": DEFINED + code} if code in ("inactive", "notSelectable", "status") else found


@dataclass(frozen=True, slots=True)
class Format:
    """A publisher's format: `known` whether some files are in it, `read` puts all that they say on the workbench."""

    name: str
    known: Callable[[Files], bool]
    read: Callable[[Files, Workbench, Wanted, Told], Release]
