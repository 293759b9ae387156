"""What the server may call for one purpose, as the settings say.

https://www.rfc-editor.org/rfc/rfc6454.html (origins)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_server.outbound.failed import Failed
from fhir_server.outbound.target import Origin, target
from fhir_server.settings import SettingError, Settings

PURPOSES: Final = ("terminology",)
"""What requests are sent for; each has its own list of targets inside the network."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`internal` are the origins inside the network that may be called, by http too; beside them there are https origins of
    the open internet at these `ports`. `credentials` go to exactly their origin, as the Authorization header.
    """

    internal: frozenset[Origin] = frozenset()
    ports: frozenset[int] = frozenset({443})
    credentials: Mapping[Origin, str] = field(default_factory=dict)
    connect: float = 5.0
    """Seconds until there is a connection, the look-up of its name included; as many more for TLS."""
    total: float = 10.0
    """Seconds until the whole answer is there."""
    most: int = 2**20
    """Bytes of an answer."""
    connections: int = 8

    def require(self, origin: Origin) -> None:
        """Raises Failed (refused) where the origin may not be called, whatever its address is."""
        if origin in self.internal:
            return
        if origin.scheme != "https":
            raise Failed("refused", f"{origin} is not called: https is expected")
        if origin.port not in self.ports:
            raise Failed("refused", f"{origin} is not called: port {origin.port} is not among FHIR_OUTBOUND_PORTS")


def rules(settings: Settings, purpose: str) -> Rules:
    """Those for a purpose. Raises SettingError where the settings cannot be understood."""
    return Rules(internal=_internal(settings.outbound_internal).get(purpose, frozenset()), ports=_ports(settings.outbound_ports))  # fmt: skip


def _internal(setting: str) -> Mapping[str, frozenset[Origin]]:
    """`purpose=origin,purpose=origin` by purpose."""
    found: dict[str, frozenset[Origin]] = {}
    for pair in filter(None, map(str.strip, setting.split(","))):
        purpose, _, url = pair.partition("=")
        try:
            allowed = target(url)
        except Failed as error:
            raise SettingError(f"FHIR_OUTBOUND_INTERNAL: {pair!r}: {error}") from error
        if purpose not in PURPOSES or allowed.path != "/":
            right = f"[purpose]=[scheme]://[host]:[port], purposes: {', '.join(PURPOSES)}"
            raise SettingError(f"FHIR_OUTBOUND_INTERNAL: {pair!r}: expected {right}")
        found[purpose] = found.get(purpose, frozenset()) | {allowed.origin}
    return found


def _ports(setting: str) -> frozenset[int]:
    try:
        found = frozenset(int(port) for port in setting.split(","))
    except ValueError:
        found = frozenset()
    if not found or not all(0 < port < 2**16 for port in found):
        raise SettingError(f"FHIR_OUTBOUND_PORTS={setting}: expected numbers of ports, separated by commas")
    return found
