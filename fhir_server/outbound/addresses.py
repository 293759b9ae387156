"""Which addresses may be called: those of the open internet; those inside a network only where that is allowed.

https://www.iana.org/assignments/iana-ipv4-special-registry/ and https://www.iana.org/assignments/iana-ipv6-special-registry/
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address

METADATA: Final = frozenset(
    map(
        IPv4Address,
        ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    )
) | {IPv6Address("fd00:ec2::254")}
"""Where clouds tell a machine its own secrets: never called, whatever is allowed."""

_INTERNAL: Final = tuple(
    map(IPv4Network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
_INTERNAL_6: Final = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))
_UNICAST_6: Final = IPv6Network("2000::/3")
_TRANSLATED: Final = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "64:ff9b::/96", "64:ff9b:1::/48"))
)
"""Within global unicast, or taken for it: Teredo and other protocols, documentation, 6to4, NAT64."""
_RELAY: Final = IPv4Network("192.88.99.0/24")


def open_to_all(address: Address) -> bool:
    """Whether it is an address of the open internet: global, unicast, and no other address in disguise."""
    if address in METADATA or not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return address not in _RELAY
    return address.scope_id is None and address in _UNICAST_6 and not any(address in net for net in _TRANSLATED)


def inside(address: Address) -> bool:
    """Whether it is an address of this machine or of a private network. Link-local and metadata addresses are not."""
    if address in METADATA:
        return False
    nets = _INTERNAL if isinstance(address, IPv4Address) else _INTERNAL_6
    return any(address in net for net in nets)
