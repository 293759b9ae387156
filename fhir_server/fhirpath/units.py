"""UCUM units as far as comparing and calculating needs them: a factor and the powers of base units.

Prefixes, products, quotients, exponents, parentheses and annotations are understood; of the atoms those that health records hold.
Units of offset scales (Cel, [degF]) and arbitrary units ([IU]) are dimensions of their own. The factors are those of the tables in
https://ucum.org/ucum
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

_PREFIXES: Final = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

_BASE: Final = ("m", "s", "g", "rad", "K", "C", "cd", "mol", "B")

_METRIC: Final = {
    "L": ("0.001", "m3"), "l": ("0.001", "m3"), "Hz": ("1", "s-1"), "N": ("1000", "g.m/s2"), "Pa": ("1000", "g/m/s2"),
    "J": ("1000", "g.m2/s2"), "W": ("1000", "g.m2/s3"), "A": ("1", "C/s"), "V": ("1000", "g.m2/s2/C"),
    "Ohm": ("1000", "g.m2/s/C2"), "S": ("0.001", "C2.s/g/m2"), "F": ("0.001", "C2.s2/g/m2"), "t": ("1000000", "g"),
    "bar": ("100000000", "g/m/s2"), "cal": ("4184", "g.m2/s2"), "cal_th": ("4184", "g.m2/s2"), "eV": ("1.602176634e-16", "g.m2/s2"),
    "U": ("1", "umol/min"), "m[Hg]": ("133322000", "g/m/s2"), "m[H2O]": ("9806650", "g/m/s2"), "Gy": ("1", "m2/s2"),
    "Sv": ("1", "m2/s2"), "Bq": ("1", "s-1"), "Ci": ("37000000000", "s-1"), "sr": ("1", "rad2"), "T": ("1000", "g/s/C"),
    "lm": ("1", "cd.rad2"), "lx": ("1", "cd.rad2/m2"), "Cel": ("1", "Cel"), "[iU]": ("1", "[iU]"), "[IU]": ("1", "[iU]"),
    "dyn": ("0.01", "g.m/s2"), "P": ("100", "g/m/s"), "kat": ("1", "mol/s"), "u": ("1.66053906660e-24", "g"), "eq": ("1", "mol"), "osm": ("1", "mol"),
    "erg": ("0.0001", "g.m2/s2"), "St": ("0.0001", "m2/s"), "ar": ("100", "m2"), "st": ("1", "m3"), "g%": ("10000", "g/m3"), "gf": ("9.80665", "g.m/s2"),
    "[g]": ("9.80665", "m/s2"), "Wb": ("1000", "g.m2/s/C"), "H": ("1000", "g.m2/C2"), "G": ("0.1", "g/s/C"), "mho": ("0.001", "C2.s/g/m2"), "[Cal]": ("4184000", "g.m2/s2"),
    "RAD": ("0.01", "m2/s2"), "REM": ("0.01", "m2/s2"), "R": ("0.000000258", "C/g"), "cal_IT": ("4186.8", "g.m2/s2"), "cal_m": ("4190.02", "g.m2/s2"),
    "B[SPL]": ("1", "B[SPL]"),
}  # fmt: skip

_PLAIN: Final = {
    "%": ("0.01", ""), "[ppth]": ("0.001", ""), "[ppm]": ("0.000001", ""), "[ppb]": ("0.000000001", ""), "10*": ("10", ""), "10^": ("10", ""),
    "[pi]": ("3.1415926535897932384626433832795", ""), "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"),
    "wk": ("604800", "s"), "mo": ("2629800", "s"), "a": ("31557600", "s"), "deg": ("0.01745329251994329577", "rad"),
    "[in_i]": ("0.0254", "m"), "[ft_i]": ("0.3048", "m"), "[yd_i]": ("0.9144", "m"), "[mi_i]": ("1609.344", "m"),
    "[in_us]": ("0.0254000508001016", "m"), "[ft_us]": ("0.304800609601219", "m"), "[lb_av]": ("453.59237", "g"),
    "[oz_av]": ("28.349523125", "g"), "[gr]": ("0.06479891", "g"), "[stone_av]": ("6350.29318", "g"), "[drp]": ("0.00000005", "m3"),
    "[gal_us]": ("0.003785411784", "m3"), "[qt_us]": ("0.000946352946", "m3"), "[pt_us]": ("0.000473176473", "m3"),
    "[foz_us]": ("0.0000295735295625", "m3"), "[tbs_us]": ("0.00001478676478125", "m3"), "[tsp_us]": ("0.00000492892159375", "m3"),
    "[cup_us]": ("0.0002365882365", "m3"), "[degF]": ("1", "[degF]"), "[pH]": ("1", "[pH]"), "[arb'U]": ("1", "[arb'U]"),
    "[hpf]": ("1", ""), "[lpf]": ("100", ""), "atm": ("101325000", "g/m/s2"), "[Btu]": ("1055056", "g.m2/s2"),
    "[psi]": ("6894757.293168", "g/m/s2"), "[diop]": ("1", "m-1"), "[HPF]": ("1", ""), "[LPF]": ("100", ""), "[pptr]": ("0.000000000001", ""),
    "[dr_av]": ("1.7718451953125", "g"), "[scwt_av]": ("45359.237", "g"), "[lcwt_av]": ("50802.34544", "g"), "[ston_av]": ("907184.74", "g"),
    "[lton_av]": ("1016046.9088", "g"), "[pwt_tr]": ("1.55517384", "g"), "[oz_tr]": ("31.1034768", "g"), "[lb_tr]": ("373.2417216", "g"),
    "[sc_ap]": ("1.2959782", "g"), "[dr_ap]": ("3.8879346", "g"), "[oz_ap]": ("31.1034768", "g"), "[lb_ap]": ("373.2417216", "g"), "[car_m]": ("0.2", "g"),
    "[gal_br]": ("0.00454609", "m3"), "[qt_br]": ("0.0011365225", "m3"), "[pt_br]": ("0.00056826125", "m3"), "[gil_br]": ("0.0001420653125", "m3"),
    "[foz_br]": ("0.0000284130625", "m3"), "[gil_us]": ("0.00011829411825", "m3"), "[fdr_us]": ("0.0000036966911953125", "m3"),
    "[sin_i]": ("0.00064516", "m2"), "[sft_i]": ("0.09290304", "m2"), "[syd_i]": ("0.83612736", "m2"), "[cin_i]": ("0.000016387064", "m3"),
    "[cft_i]": ("0.028316846592", "m3"), "[cyd_i]": ("0.764554857984", "m3"), "[nmi_i]": ("1852", "m"), "[kn_i]": ("1852", "m/h"), "[fth_i]": ("1.8288", "m"),
    "[mil_i]": ("0.0000254", "m"), "Ao": ("0.0000000001", "m"), "[lbf_av]": ("4448.2216152605", "g.m/s2"),
    "[in_i'Hg]": ("3386378.8", "g/m/s2"), "[in_i'H2O]": ("249088.91", "g/m/s2"), "[MET]": ("3.5", "mL/min/kg"), "[PRU]": ("1", "mm[Hg].s/mL"),
    "[wood'U]": ("1", "mm[Hg].min/L"), "[S]": ("0.0000000000001", "s"),
    "mo_j": ("2629800", "s"), "mo_g": ("2629746", "s"), "mo_s": ("2551442.976", "s"), "a_j": ("31557600", "s"), "a_g": ("31556952", "s"), "a_t": ("31556925.216", "s"),
}  # fmt: skip

_OWN: Final = frozenset({
    "Cel", "[iU]", "[degF]", "[pH]", "[arb'U]", "B[SPL]", "[CFU]", "[PFU]", "[FFU]", "[CCID_50]", "[TCID_50]", "[EID_50]", "[GPL'U]", "[MPL'U]", "[APL'U]",
    "[hnsf'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]", "[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[USP'U]", "[Lf]",
    "[D'ag'U]", "[PNU]", "[Amb'a'1'U]", "[AU]", "[BAU]", "[EU]", "[ELU]", "[IR]", "[NTU]", "[FNU]",
})  # fmt: skip
_COMPONENT: Final = re.compile(
    r"([./]?)(?:(\d+)(?![*^\d])|((?:10[*^])|[A-Za-z%_'\[][A-Za-z%_'0-9\[\]]*?)([+-]?\d+)?|(?=\{))(\{[^{}]*\})?(?=[./]|$)"
)
_OPENING: Final = re.compile(r"([./]?)\(")
_MAX_UNIT: Final = 100
_MAX_POWER: Final = 30
_MAX_MAGNITUDE: Final = 700
"""Binary digits of numerator and denominator between a unit and the base units."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One such unit is `factor` of the product of the base units in `powers`."""

    factor: Fraction
    powers: tuple[tuple[str, int], ...]

    def times(self, other: "Unit", power: int = 1) -> "Unit":
        powers = dict(self.powers)
        for base, exponent in other.powers:
            powers[base] = powers.get(base, 0) + exponent * power
        kept = tuple(sorted((base, exponent) for base, exponent in powers.items() if exponent))
        return Unit(self.factor * other.factor**power, kept)

    @property
    def code(self) -> str:
        """The product of base units in UCUM's words; `1` for none."""
        return ".".join(f"{base}{power if power != 1 else ''}" for base, power in self.powers) or "1"


ONE: Final = Unit(Fraction(1), ())


@lru_cache(maxsize=1024)
def unit(code: str) -> Unit | None:
    """The unit of a UCUM code, None where the code is not known here."""
    if code in {"", "1"}:
        return ONE
    if len(code) > _MAX_UNIT:
        return None
    whole, at = ONE, 0
    while at < len(code):
        found = _component(code, at)
        if found is None:
            return None
        part, power, at = found
        whole = whole.times(part, power)
        if max(whole.factor.numerator.bit_length(), whole.factor.denominator.bit_length()) > _MAX_MAGNITUDE:
            return None
    return whole


def _component(code: str, at: int) -> tuple[Unit, int, int] | None:
    """The unit at this place, its power, and where the next one begins; None where nothing known stands there."""
    if (opened := _OPENING.match(code, at)) is not None and (opened[1] or not at):
        end = _closing(code, opened.end())
        part = unit(code[opened.end() : end]) if end > opened.end() else None
        if part is None or not part.factor or code[end + 1 : end + 2] not in ("", ".", "/"):
            return None
        return part, -1 if opened[1] == "/" else 1, end + 1
    found = _COMPONENT.match(code, at)
    if not found or found.end() == at or (at and not found[1]):
        return None
    part = _atom(found[3]) if found[3] else Unit(Fraction(found[2] or 1), ())
    power = int(found[4] or 1)
    if part is None or abs(power) > _MAX_POWER or not part.factor:
        return None
    return part, -power if found[1] == "/" else power, found.end()


def _closing(code: str, at: int) -> int:
    """Where the parenthesis is closed that was opened before `at`; -1 where it is not. Annotations do not count."""
    depth, annotated = 1, False
    for place in range(at, len(code)):
        character = code[place]
        annotated = (annotated or character == "{") and character != "}"
        if not annotated and character in "()":
            depth += 1 if character == "(" else -1
            if not depth:
                return place
    return -1


@lru_cache(maxsize=1024)
def _atom(name: str) -> Unit | None:
    if name in _BASE or name in _OWN:
        return Unit(Fraction(1), ((name, 1),))
    if (known := _PLAIN.get(name) or _METRIC.get(name)) is not None:
        return _derived(*known)
    for length in (2, 1):
        prefix, rest = name[:length], name[length:]
        if prefix in _PREFIXES and (rest in _METRIC or rest in _BASE):
            atom = _atom(rest)
            return atom and Unit(atom.factor * Fraction(10) ** _PREFIXES[prefix], atom.powers)
    return None


def _derived(factor: str, code: str) -> Unit | None:
    base = Unit(Fraction(1), ((code, 1),)) if code in _OWN else unit(code)
    return base and Unit(Fraction(factor) * base.factor, base.powers)
