"""The target of a request: a URL that says one thing, whoever reads it.

https://www.rfc-editor.org/rfc/rfc3986.html
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from fhir_server.outbound.failed import Failed

PORTS: Final = {"https": 443, "http": 80}
MOST: Final = 2048
"""Characters of a URL, its query aside."""
LONGEST: Final = 32 * 1024

_VISIBLE: Final = re.compile(r"[!-~]+")
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host in lower case (an IPv6 address in its brackets) and port: what credentials and permissions are bound to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the Host header says it."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Target:
    """`path` is path and query as they are sent."""

    origin: Origin
    path: str


def target(url: str) -> Target:
    """The target of an http or https URL. Raises Failed (refused) for anything that two readers could understand in two ways."""
    if len(url) > LONGEST or len(url.partition("?")[0]) > MOST:
        raise _refused(url, "too long")
    if _VISIBLE.fullmatch(url) is None or "\\" in url:
        raise _refused(url, "characters that no URL holds")
    parts = _URL.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in PORTS:
        raise _refused(url, "https is expected")
    if "@" in parts["authority"]:
        raise _refused(url, "a user or password before the host")
    if parts["fragment"] is not None:
        raise _refused(url, "a fragment, which is never sent")
    found = _AUTHORITY.fullmatch(parts["authority"])
    if found is None:
        raise _refused(url, "no host that can be told")
    scheme = parts["scheme"].lower()
    port = int(found["port"]) if found["port"] else PORTS[scheme]
    if not 0 < port < 2**16:
        raise _refused(url, "a port that there is not")
    return Target(
        Origin(scheme, _host(url, found["host"].lower()), port), (parts["path"] or "/") + (parts["query"] or "")
    )


def _host(url: str, host: str) -> str:
    """The host in its one right form: 127.1, 0x7f000001 and 2130706433 are none."""
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]) is not None:
            return str(IPv4Address(host))
    except ValueError:
        raise _refused(url, "an address that is not written the usual way") from None
    if len(host) > 253 or any(_LABEL.fullmatch(label) is None for label in labels):
        raise _refused(url, "no name of a host")
    return host


def _refused(url: str, why: str) -> Failed:
    return Failed("refused", f"{url[:200]!r} is not called: {why}")
