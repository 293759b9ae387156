"""Logical ids that the server assigns: 24 characters that sort in the order of their making, half of them random.

http://hl7.org/fhir/R4/resource.html#id. Each id stands in its resource, in every reference to it and in what these are found by:
as UUIDs would, ids took a twelfth more of the disk. Digits are Crockford's of base 32, lower case: none looks like another.
"""

import time
from os import urandom
from typing import Final

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)

_last = 0
_random = b""


def logical_id() -> str:
    """A new logical id, greater than any that this process made before: 56 bits of time, 64 random ones."""
    global _last  # noqa: PLW0603 - one clock per process
    tick = time.time_ns() >> 8  # a quarter of a microsecond, as fine as clocks are
    _last = tick = tick if tick > _last else _last + 1
    return _text(tick << 64 | int.from_bytes(_eight()))


def _text(number: int) -> str:
    """The number of 120 bits in base 32."""
    high, low, pairs = number >> 60, number & 0xFFF_FFFF_FFFF_FFFF, _PAIRS
    return (
        f"{pairs[high >> 50]}{pairs[high >> 40 & 1023]}{pairs[high >> 30 & 1023]}"
        f"{pairs[high >> 20 & 1023]}{pairs[high >> 10 & 1023]}{pairs[high & 1023]}"
        f"{pairs[low >> 50]}{pairs[low >> 40 & 1023]}{pairs[low >> 30 & 1023]}"
        f"{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}{pairs[low & 1023]}"
    )


def _eight() -> bytes:
    """Eight random bytes. They are drawn from the system many at a time: the call lets other threads in, which then stay."""
    global _random  # noqa: PLW0603 - see above
    if not _random:
        _random = urandom(8 * 256)
    eight, _random = _random[:8], _random[8:]
    return eight
