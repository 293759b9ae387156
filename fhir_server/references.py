"""What the text of a reference says: Reference.reference, canonicals, Bundle.entry.request.url.

http://hl7.org/fhir/R4/references.html
"""

import re
from dataclasses import dataclass

from fhir_server.definitions import definitions

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a literal reference points.

    Here: `type` and `id` are set, `version` where one is named, and `url` is "". Elsewhere: `url` is the reference itself
    without its fragment (an absolute URL, urn:uuid:…, urn:oid:…); `type`, `id` and `version` are set too where the URL ends
    like a RESTful one. Within the same resource: only `fragment` is set (`#` alone names the container: fragment "").
    """

    type: str = ""
    id: str = ""
    version: str = ""
    url: str = ""
    fragment: str | None = None

    @property
    def local(self) -> bool:
        """A resource of this server."""
        return not self.url and bool(self.type)

    @property
    def contained(self) -> bool:
        """A resource within the same resource."""
        return self.fragment is not None and not self.type and not self.url

    def __str__(self) -> str:
        base = self.url or f"{self.type}/{self.id}" + (f"/_history/{self.version}" if self.version else "")
        return (
            base if self.fragment is None else f"{base}#{self.fragment}" if not self.contained else f"#{self.fragment}"
        )


def parse(text: str, base: str = "") -> Target | None:
    """The target of a literal reference; None where the text is none (a conditional reference, an unknown type, a bad id).

    `base` is this server's own base URL: absolute references below it are local ones.
    """
    if text[:1] == "#":
        return Target(fragment=text[1:])
    path, mark, fragment = text.partition("#")
    piece = fragment if mark else None
    if "?" in path:
        return None
    if base and path.startswith(base) and path[len(base.rstrip("/")) :][:1] == "/":
        path = path[len(base.rstrip("/")) + 1 :]
    elif ":" in path:
        return _elsewhere(path, piece)
    found = _restful(path.split("/"))
    return Target(*found, fragment=piece) if found else None


def _elsewhere(url: str, fragment: str | None) -> Target | None:
    scheme, _, rest = url.partition(":")
    if not scheme.isascii() or not scheme[:1].isalpha() or not rest or any(c <= " " for c in url):
        return None
    parts = rest.split("/")
    found = (_restful(parts[-4:]) or _restful(parts[-2:])) if rest.startswith("//") and len(parts) > 4 else None
    return Target(*(found or ("", "", "")), url, fragment)


def _restful(parts: list[str]) -> tuple[str, str, str] | None:
    """(type, id, version) of `Patient/1` and `Patient/1/_history/2`."""
    if len(parts) == 2:
        type_, id_, version = parts[0], parts[1], ""
    elif len(parts) == 4 and parts[2] == "_history":
        type_, id_, _, version = parts
        if ID.fullmatch(version) is None:
            return None
    else:
        return None
    if ID.fullmatch(id_) is None or not definitions().is_resource(type_):
        return None
    return type_, id_, version


def conditional(text: str) -> tuple[str, str] | None:
    """(type, criteria) of a conditional reference, `Practitioner?identifier=http://acme.org|7`; None where it is none.

    http://hl7.org/fhir/R4/http.html#trules
    """
    type_, mark, criteria = text.partition("?")
    return (type_, criteria) if mark and criteria and definitions().is_resource(type_) else None


@dataclass(frozen=True, slots=True)
class Canonical:
    """`url|version#fragment`; "" where a part is absent. http://hl7.org/fhir/R4/references.html#canonical"""

    url: str
    version: str = ""
    fragment: str = ""

    def __str__(self) -> str:
        return self.url + (f"|{self.version}" if self.version else "") + (f"#{self.fragment}" if self.fragment else "")


def canonical(text: str) -> Canonical:
    """The parts of a canonical. A fragment after the version and one after the URL read the same."""
    head, _, fragment = text.partition("#")
    url, _, version = head.partition("|")
    return Canonical(url, version, fragment)
