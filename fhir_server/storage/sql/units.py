"""The units that a database has met, and which of them a quantity search may mean.

http://hl7.org/fhir/R4/search.html#quantity
"""

from collections.abc import Iterable, Mapping

import msgspec

from fhir_server.search.types.ucum import SYSTEM, Scale, rescaled, scale

_read = msgspec.json.Decoder(tuple[str, str, str]).decode


def unit_text(system: str, code: str, unit: str) -> str:
    """The three in one text, unambiguous."""
    return msgspec.json.encode((system, code, unit)).decode()


class Units:
    """Numbered units by what they are asked for."""

    def __init__(self) -> None:
        self.newest = 0
        self._codes: dict[str, dict[str, dict[int, str]]] = {}  # system → code → number → unit
        self._units: dict[str, dict[int, tuple[str, str]]] = {}  # unit → number → (system, code)
        self._alike: dict[str, dict[str, Scale]] = {}  # dimension → UCUM code → its scale

    def add(self, number: int, text: str) -> None:
        system, code, unit = _read(text)
        self._codes.setdefault(system, {}).setdefault(code, {})[number] = unit
        self._units.setdefault(unit, {})[number] = (system, code)
        if system == SYSTEM and (found := scale(code)) is not None:
            self._alike.setdefault(found.dimension, {})[code] = found

    def meant(self, asked: Mapping[str, str]) -> list[tuple[tuple[int, ...], tuple[Scale, Scale] | None]]:
        """Numbers of units that have all that is asked for of system, code and unit.

        Those of UCUM may be other units of the same dimension: with them goes the scale asked for and their own.
        """
        system, code, unit = asked.get("system"), asked.get("code"), asked.get("unit")
        wanted = scale(code) if system == SYSTEM and code else None
        if wanted is None:
            numbers = self._numbers(system, code, unit)
            return [(numbers, None)] if numbers else []
        groups: dict[Scale, list[int]] = {}
        for other, found in self._alike.get(wanted.dimension, {}).items():
            known = self._codes[SYSTEM][other].items()
            numbers = tuple(number for number, written in known if unit in (None, written))
            groups.setdefault(found, []).extend(numbers)
        return [
            (tuple(numbers), None if found == wanted else (wanted, found))
            for found, numbers in groups.items()
            if numbers
        ]

    def _numbers(self, system: str | None, code: str | None, unit: str | None) -> tuple[int, ...]:
        if unit is not None:
            known = self._units.get(unit, {}).items()
            return tuple(n for n, (s, c) in known if system in (None, s) and code in (None, c))
        systems: Iterable[dict[str, dict[int, str]]] = (
            self._codes.values() if system is None else filter(None, [self._codes.get(system)])
        )
        return tuple(
            number
            for codes in systems
            for numbers in (codes.values() if code is None else filter(None, [codes.get(code)]))
            for number in numbers
        )


def bound(value: float, scales: tuple[Scale, Scale] | None) -> float:
    """A bound of the unit asked for, in the unit of the rows."""
    return value if scales is None else rescaled(value, *scales)
