"""Addresses of the open internet, and those that are not.

https://www.iana.org/assignments/iana-ipv4-special-registry/
"""

from ipaddress import ip_address

import pytest

from fhir_server.outbound.addresses import METADATA, inside, open_to_all


@pytest.mark.parametrize("text", ["8.8.8.8", "193.99.144.80", "2606:4700::1111", "2a00:1450:4001::8a"])
def test_the_open_internet(text: str) -> None:
    assert (open_to_all(ip_address(text)), inside(ip_address(text))) == (True, False)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
)
def test_inside_a_network(text: str) -> None:
    assert (open_to_all(ip_address(text)), inside(ip_address(text))) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "0.1.2.3", "169.254.1.1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1"),
        *("192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "fe80::1", "fe80::1%eth0", "ff02::1", "fec0::1", "2001:db8::1", "3fff::1"),
        *("::ffff:8.8.8.8", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::1", "2001::1", "2606:4700::1111%eth0"),
        *sorted(map(str, METADATA)),
    ],
)
def test_neither(text: str) -> None:
    assert (open_to_all(ip_address(text)), inside(ip_address(text))) == (False, False)
