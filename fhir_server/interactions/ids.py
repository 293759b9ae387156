"""Logical ids that the server assigns: UUIDs of version 7, which sort in the order of their making.

http://hl7.org/fhir/R4/resource.html#id and RFC 9562 §5.7
"""

import time
from os import urandom

_last = 0
_random = b""


def logical_id() -> str:
    """A new logical id, greater than any that this process made before."""
    global _last  # noqa: PLW0603 - one clock per process
    tick = time.time_ns() >> 8  # 56 bits below the millisecond are more than the clock has: the rest is random
    _last = tick = tick if tick > _last else _last + 1
    moment = tick << 8
    milliseconds, rest = divmod(moment, 1_000_000)
    stamp = milliseconds << 80 | 0x7 << 76 | (rest >> 8) << 64
    value = f"{stamp | 0x2 << 62 | int.from_bytes(_eight()) >> 2:032x}"
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _eight() -> bytes:
    """Eight random bytes. They are drawn from the system many at a time: the call lets other threads in, which then stay."""
    global _random  # noqa: PLW0603 - see above
    if not _random:
        _random = urandom(8 * 256)
    eight, _random = _random[:8], _random[8:]
    return eight
