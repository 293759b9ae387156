"""Which UCUM units are of one kind, and by how much they differ: a small reading of UCUM's grammar and of the units in the test data.

https://ucum.org/ucum
"""

import re
from collections import Counter
from fractions import Fraction
from functools import cache

PREFIXES = {
    "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "G": 9,
}  # fmt: skip
BASES = ("m", "s", "g", "K", "C", "rad", "cd", "mol")

METRIC: dict[str, tuple[str, str]] = {
    "L": ("1", "dm3"), "l": ("1", "dm3"), "Pa": ("1", "kg.m-1.s-2"), "N": ("1", "kg.m.s-2"), "J": ("1", "kg.m2.s-2"),
    "W": ("1", "J/s"), "eq": ("1", "mol"), "Hz": ("1", "s-1"), "A": ("1", "C/s"), "V": ("1", "J/C"), "U": ("1", "umol/min"),
    "m[Hg]": ("133322", "Pa"), "bar": ("100000", "Pa"), "[iU]": ("1", "[IU]"), "cal": ("4.184", "J"), "kat": ("1", "mol/s"),
    "t": ("1000", "kg"), "Ohm": ("1", "V/A"), "[arb'U]": ("1", "[arb'U]"), "osm": ("1", "mol"), "ar": ("100", "m2"),
}  # fmt: skip
PLAIN: dict[str, tuple[str, str]] = {
    "min": ("60", "s"), "h": ("60", "min"), "d": ("24", "h"), "wk": ("7", "d"), "a": ("365.25", "d"), "mo": ("30.4375", "d"),
    "%": ("0.01", "1"), "[in_i]": ("2.54", "cm"), "[ft_i]": ("12", "[in_i]"), "[lb_av]": ("7000", "[gr]"), "[gr]": ("64.79891", "mg"),
    "[oz_av]": ("437.5", "[gr]"), "[ppth]": ("0.001", "1"), "[ppm]": ("0.000001", "1"), "[drp]": ("0.05", "mL"),
    "deg": ("0.017453292519943295", "rad"), "[IU]": ("1", "[IU]"),
}  # fmt: skip
"""Units that take no prefix."""

Kind = tuple[Fraction, dict[str, int]]
OPAQUE = {"[IU]", "[arb'U]"}


@cache
def factor(from_: str, to: str) -> Fraction | None:
    """How many `to` one `from_` is; None where they are of different kinds, or one of them is not known here."""
    first, second = understood(from_), understood(to)
    return first[0] / second[0] if first and second and first[1] == second[1] else None


@cache
def understood(unit: str) -> Kind | None:
    try:
        scale, kind = _unit(unit)
    except (KeyError, ValueError):
        return None
    return scale, {name: power for name, power in kind.items() if power}


def _unit(text: str) -> tuple[Fraction, Counter[str]]:
    """Terms from left to right: `.` multiplies, `/` divides by the next one. Annotations in braces say nothing."""
    scale, kind = Fraction(1), Counter[str]()
    bare = re.sub(r"\{[^}]*\}", "", text)
    if "(" in bare:
        raise ValueError(text)
    pieces = re.split(r"([./])", bare)
    sign = 1
    for piece in pieces:
        if piece in {".", "/"}:
            sign = -1 if piece == "/" else 1
        elif piece:
            size, dimensions = _component(piece)
            scale *= size**sign
            for name, power in dimensions.items():
                kind[name] += sign * power
    return scale, kind


def _component(piece: str) -> tuple[Fraction, Counter[str]]:
    if re.fullmatch(r"\d+", piece):
        return Fraction(piece), Counter()
    if found := re.fullmatch(r"10[*^](-?\d+)?", piece):
        return Fraction(10) ** int(found[1] or 1), Counter()
    name, power = re.fullmatch(r"(.*?)(-?\d+)?", piece).groups()  # type: ignore[union-attr]
    size, dimensions = _atom(name)
    exponent = int(power or 1)
    return size**exponent, Counter({each: count * exponent for each, count in dimensions.items()})


def _atom(name: str) -> tuple[Fraction, Counter[str]]:
    if name in PLAIN and name not in OPAQUE:
        return _times(PLAIN[name])
    for prefix, power in [("", 0), *PREFIXES.items()]:
        rest = name.removeprefix(prefix) if name.startswith(prefix) else ""
        size = Fraction(10) ** power
        if rest in BASES or rest in OPAQUE:
            return size, Counter({rest: 1})
        if rest in METRIC:
            scale, dimensions = _times(METRIC[rest])
            return size * scale, dimensions
    raise KeyError(name)


def _times(definition: tuple[str, str]) -> tuple[Fraction, Counter[str]]:
    scale, dimensions = _unit(definition[1])
    return Fraction(definition[0]) * scale, dimensions
