"""Numbers that keep the digits they were written with: `1.00` is not `1.0`.

http://hl7.org/fhir/R4/datatypes.html#decimal
"""

from typing import Final, Self

MAX_DIGITS: Final = 100
"""Characters of a number, sign, point and exponent included."""

MAX_EXPONENT: Final = 324
"""The largest exponent a number may be written with: that of the smallest double; R4's examples go to E-245 and E+245."""


class Exact(float):
    """A JSON number with its source text: computes and compares as a float, is written as it was read."""

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # copies and pickles are made from the text
        return (self.text,)


class NumberRefused(ValueError):
    """`text` is a number that would not survive; `reason` says why and what would be right."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text
        self.reason = reason


def decimal(text: str) -> Exact:
    """The number `text`, a JSON number; NumberRefused where it is too long or outside the range of a double."""
    if len(text) < 20 and "e" not in text and "E" not in text:
        return Exact(text)
    if len(text) > MAX_DIGITS:
        raise NumberRefused(text, f"The number is {len(text)} characters long; at most {MAX_DIGITS} are kept")
    number = Exact(text)
    mantissa, _, exponent = text.lower().partition("e")
    vanishes = not number and mantissa.strip("-0.") != ""
    if vanishes or abs(number) == float("inf") or (exponent and abs(int(exponent)) > MAX_EXPONENT):
        raise NumberRefused(
            text, f"The number {text} is beyond the range of a double; use an exponent from -300 to 300"
        )
    return number


def integer(text: str) -> int | Exact:
    """The number `text`, written without point or exponent: an int where that is the same digits again, else Exact."""
    if len(text) < 19 and text != "-0":
        return int(text)
    return decimal(text)
