"""Equals, equivalent and order, of items and of collections.

http://hl7.org/fhirpath/N1/#equality and http://hl7.org/fhirpath/N1/#comparison
"""

from collections.abc import Hashable, Sequence
from decimal import Decimal, DecimalException
from fractions import Fraction

from fhir_server.fhirpath import temporal
from fhir_server.fhirpath.budget import Budget
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.node import Item, Node, quantity, system
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.values import ARITHMETIC, EXACT, Quantity, Value, decimal, places, type_of


def identity(item: Item, budget: Budget) -> Hashable:
    """The same (by ==) for two items that are equal in the language; the order of an object's keys does not count."""
    budget.spend()
    value = system(item)
    match value:
        case bool():
            return ("Boolean", value)
        case int() | Decimal():
            return ("Number", Decimal(value))
        case str():
            return value
        case Temporal():
            return value.identity
        case Quantity():
            return _quantity_identity(value)
        case Node():
            same = quantity(value)
            return _quantity_identity(same) if same else _structure(value, budget)
        case None if isinstance(item, Node):
            return ("Primitive", _structure(item, budget))
        case _:
            return value


def _quantity_identity(value: Quantity) -> Hashable:
    return ("Quantity", value.canonical or (Decimal(value.value), value.unit))


def _structure(node: Node, budget: Budget) -> Hashable:
    members = [(child.key, child.index or 0, identity(child, budget)) for child in node.children()]
    return (node.type if not members else "", frozenset(members))


def equal(left: Item, right: Item, budget: Budget) -> bool | None:
    """`left = right` of two items; None where precision, offset or unit leave it open."""
    ours, theirs = system(left), system(right)
    if isinstance(ours, Temporal) or isinstance(theirs, Temporal):
        return _equal_temporals(ours, theirs)
    mine, other = quantity(left), quantity(right)
    if mine and other:
        return _equal_quantities(mine, other)
    return identity(left, budget) == identity(right, budget)


def _equal_temporals(left: Node | Value | None, right: Node | Value | None) -> bool | None:
    left, right = as_temporal(left, right), as_temporal(right, left)
    if not isinstance(left, Temporal) or not isinstance(right, Temporal):
        return False
    if (left.kind == "Time") != (right.kind == "Time"):
        return False
    order = temporal.compare(left, right)
    return None if order is None else order == 0


def as_temporal(item: Node | Value | None, beside: Node | Value | None) -> Node | Value | None:
    """A string beside a date or time is read as one: FHIR dates that other elements hold as strings compare too."""
    if isinstance(item, str) and isinstance(beside, Temporal):
        return temporal.parse(item, beside.kind) or item
    return item


_MONTHS = (("month", 1),)


def _equal_quantities(left: Quantity, right: Quantity) -> bool | None:
    ours, theirs = left.canonical, right.canonical
    if ours is None or theirs is None:
        return left.value == right.value if left.unit == right.unit else None
    if ours[1] != theirs[1]:
        return None if _MONTHS in {ours[1], theirs[1]} else False
    return ours[0] == theirs[0]


def equal_collections(left: Sequence[Item], right: Sequence[Item], budget: Budget) -> bool | None:
    """`=` of two collections, in order; None where either is empty."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    open_ = False
    for mine, other in zip(left, right, strict=True):
        same = equal(mine, other, budget)
        if same is False:
            return False
        open_ = open_ or same is None
    return None if open_ else True


def equivalent(left: Item, right: Item, budget: Budget) -> bool:
    """`left ~ right` of two items: case and white space of strings, precision of decimals, order of lists do not count."""
    budget.spend()
    mine, other = quantity(left), quantity(right)
    if mine and other:
        return _equivalent_quantities(mine, other)
    ours, theirs = system(left), system(right)
    if isinstance(ours, Node) and isinstance(theirs, Node):
        return _equivalent_structures(ours, theirs, budget)
    if isinstance(ours, Temporal) and isinstance(theirs, Temporal):
        return (ours.kind == "Time") == (theirs.kind == "Time") and temporal.compare(ours, theirs) == 0
    if isinstance(ours, str) and isinstance(theirs, str):
        return " ".join(ours.casefold().split()) == " ".join(theirs.casefold().split())
    if _is_number(ours) and _is_number(theirs):
        return _equivalent_numbers(Decimal(ours), Decimal(theirs))  # type: ignore[arg-type]  # both are numbers
    return identity(left, budget) == identity(right, budget)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _equivalent_numbers(left: Decimal, right: Decimal) -> bool:
    digits = Decimal(1).scaleb(-min(places(left.normalize(ARITHMETIC)), places(right.normalize(ARITHMETIC))))
    if max(left.adjusted(), right.adjusted()) > ARITHMETIC.prec // 2:
        return left == right
    return left.quantize(digits, context=EXACT) == right.quantize(digits, context=EXACT)


def _equivalent_quantities(left: Quantity, right: Quantity) -> bool:
    """Compared in the coarser of the two units, so that the rounding is that of the less precise number."""
    ours, theirs = left.canonical, right.canonical
    if ours is None or theirs is None or ours[1] != theirs[1]:
        words = (left.calendar, right.calendar)
        return left.value == right.value and (
            left.unit == right.unit or (words[0] is not None and words[0] == words[1])
        )
    mine, other = left.value, right.value
    if not mine or not other:
        return mine == other
    ratio = (theirs[0] / Fraction(other)) / (ours[0] / Fraction(mine))
    try:
        if ratio <= 1:
            return _equivalent_numbers(mine, decimal(Fraction(other) * ratio))
        return _equivalent_numbers(decimal(Fraction(mine) / ratio), other)
    except DecimalException:
        return False


def _equivalent_structures(left: Node, right: Node, budget: Budget) -> bool:
    ours, theirs = list(left.children()), list(right.children())
    names = {child.key for child in ours}
    return names == {child.key for child in theirs} and all(
        equivalent_collections([c for c in ours if c.key == name], [c for c in theirs if c.key == name], budget)
        for name in names
    )


def equivalent_collections(left: Sequence[Item], right: Sequence[Item], budget: Budget) -> bool:
    """`~` of two collections in any order; two empty ones are equivalent."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for mine in left:
        at = next((at for at, other in enumerate(rest) if equivalent(mine, other, budget)), None)
        if at is None:
            return False
        del rest[at]
    return True


def compare(left: Item, right: Item) -> int | None:
    """-1, 0 or 1; None where it stays open. FhirPathError for two items that have no order."""
    mine, other = quantity(left), quantity(right)
    if mine and other:
        return _compare_quantities(mine, other)
    given = system(left), system(right)
    ours, theirs = as_temporal(given[0], given[1]), as_temporal(given[1], given[0])
    if isinstance(ours, Temporal) and isinstance(theirs, Temporal) and (ours.kind == "Time") == (theirs.kind == "Time"):
        return temporal.compare(ours, theirs)
    if _is_number(ours) and _is_number(theirs):
        return (ours > theirs) - (ours < theirs)  # type: ignore[operator]  # both are numbers
    if isinstance(ours, str) and isinstance(theirs, str):
        return (ours > theirs) - (ours < theirs)
    if ours is None or theirs is None:
        return None
    raise FhirPathError(f"{name_of(left)} and {name_of(right)} have no order; compare items of one type")


def _compare_quantities(left: Quantity, right: Quantity) -> int | None:
    ours, theirs = left.canonical, right.canonical
    if left.unit == right.unit:
        return (left.value > right.value) - (left.value < right.value)
    if ours is None or theirs is None or ours[1] != theirs[1]:
        return None
    return (ours[0] > theirs[0]) - (ours[0] < theirs[0])


def name_of(item: Item) -> str:
    """The item's type as an error names it."""
    return item.type if isinstance(item, Node) else type_of(item)
