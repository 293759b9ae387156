"""A store in a few lines of plain Python: what the contract means, with nothing to make it fast."""

from collections.abc import Sequence
from fractions import Fraction
from math import atan2, cos, hypot, radians, sin

from fhir_server.model import Key, Version
from fhir_server.search.query import (
    UNRESTRICTED,
    Access,
    And,
    Chain,
    Compare,
    Contained,
    Contains,
    Has,
    Ids,
    IndexEntry,
    LastUpdated,
    Match,
    Missing,
    Near,
    Node,
    Not,
    Op,
    Or,
    Point,
    Prose,
    Quantity,
    Reference,
    Sort,
    String,
    Together,
    Value,
)
from fhir_server.search.types.ucum import SYSTEM, Scale, scale
from fhir_server.storage.base import Write
from tests.storage.contract.shorthand import NOON

FIELD = {
    "Token": ("code", "code"),
    "String": ("folded", "folded"),
    "DateRange": ("low", "low"),
    "Number": ("low", "low"),
    "Quantity": ("low", "low"),
    "Uri": ("value", "value"),
    "Reference": ("id", "id"),
}


class Model:
    """Versions of resources in the order of writing, each with its entries."""

    def __init__(self) -> None:
        self.resources: dict[Key, list[tuple[Version, Sequence[IndexEntry]]]] = {}
        self.log: list[Version] = []

    def current(self, key: Key) -> Version | None:
        return self.resources[key][-1][0] if key in self.resources else None

    def append(self, write: Write) -> None:
        self.resources.setdefault(write.version.key, []).append((write.version, write.entries))
        self.log.append(write.version)

    def purge(self, key: Key) -> int:
        gone = len(self.resources.pop(key, []))
        self.log = [version for version in self.log if version.key != key]
        return gone

    def alive(self, type_: str) -> list[Key]:
        """Newest created first."""
        found = [
            key for key, versions in self.resources.items() if key.type == type_ and versions[-1][0].body is not None
        ]
        return found[::-1]

    def entries(self, key: Key) -> Sequence[IndexEntry]:
        return self.resources[key][-1][1]

    def search(self, type_: str, where: Node, access: Access, sort: Sequence[Sort] = ()) -> list[Key]:
        found = [key for key in self.alive(type_) if self.sees(access, key) and self.holds(where, key, access)]
        if sort and not sort[0].descending:
            found.reverse()
        for rule in reversed(sort):
            keys = {key: self.sort_key(rule, key, access) for key in found}
            ranked = [key for key in found if keys[key] is not None]
            ranked.sort(key=lambda key: keys[key], reverse=rule.descending)  # type: ignore[arg-type,return-value]
            found = ranked + [key for key in found if keys[key] is None]
        return found

    def sees(self, access: Access, key: Key) -> bool:
        return self.holds(access.of(key.type), key, UNRESTRICTED)

    def shows(self, access: Access, version: Version) -> bool:
        """Whether this version, which need not be current, may be seen: a deletion shows what the last state showed."""
        versions = self.resources[version.key]
        image = max(
            (
                each
                for each in versions
                if each[0].body is not None and int(each[0].version_id) <= int(version.version_id)
            ),
            key=lambda each: int(each[0].version_id),
            default=None,
        )
        if image is None:
            return access.of(version.key.type) == And(())
        return self.holds(access.of(version.key.type), version.key, UNRESTRICTED, image)

    def matched(self, where: Node, key: Key, access: Access) -> tuple[str, ...]:
        """The ids of the contained resources that are why `where` holds."""
        match where:
            case And(of) | Or(of):
                return tuple(sorted({id_ for each in of for id_ in self.matched(each, key, access)}))
            case Contains(type_, inner):
                return tuple(
                    sorted({it.id for it in self.contained(key, type_) if self.holds(inner, key, access, None, it)})
                )
            case _:
                return ()

    def contained(
        self, key: Key, type_: str, image: tuple[Version, Sequence[IndexEntry]] | None = None
    ) -> list[Contained]:
        entries = image[1] if image else self.entries(key)
        return [each.value for each in entries if isinstance(each.value, Contained) and each.value.type == type_]

    def holds(
        self,
        node: Node,
        key: Key,
        access: Access,
        image: tuple[Version, Sequence[IndexEntry]] | None = None,
        inside: Contained | None = None,
    ) -> bool:
        """Whether the tree holds for the resource (as it is now, or as `image` shows it), or for one `inside` it."""
        version, entries = image or (self.resources[key][-1][0], self.entries(key))
        if inside is not None:
            entries = inside.entries
        match node:
            case And(of):
                return all(self.holds(each, key, access, image, inside) for each in of)
            case Or(of):
                return any(self.holds(each, key, access, image, inside) for each in of)
            case Not(of):
                return not self.holds(of, key, access, image, inside)
            case Ids(anyof):
                return (inside.id if inside else key.id) in anyof
            case LastUpdated() | Has() | Contains() if inside is not None:
                return False
            case Contains(type_, where):
                return any(self.holds(where, key, access, image, it) for it in self.contained(key, type_, image))
            case Together(of):
                groups = {entry.group for entry in entries}
                return not of or any(
                    all(_matches(match, [entry for entry in entries if entry.group == group]) for match in of)
                    for group in groups
                )
            case LastUpdated(tests):
                moment = (
                    int((version.last_updated - NOON).total_seconds() * 1_000_000) + int(NOON.timestamp()) * 1_000_000
                )
                return all(_compare(moment, op, value) for op, value in tests)
            case Missing(param, kinds):
                return not any(entry.param == param and isinstance(entry.value, kinds) for entry in entries)
            case Match():
                return _matches(node, entries)
            case Near(param, latitude, longitude, reach):
                places = [entry.value for entry in entries if entry.param == param]
                return any(isinstance(each, Point) and metres(each, (latitude, longitude)) <= reach for each in places)
            case Chain(param, target, where):
                targets = {
                    entry.value for entry in entries if entry.param == param and isinstance(entry.value, Reference)
                }
                return (
                    any(
                        Reference(target, other.id) in targets
                        and self.sees(access, other)
                        and self.holds(where, other, access)
                        for other in self.alive(target)
                    )
                    or any(
                        Reference(url=f"#{it.id}") in targets and self.holds(where, key, access, image, it)
                        for it in self.contained(key, target, image)
                    )
                    or (
                        inside is not None
                        and Reference(url="#") in targets
                        and target == key.type
                        and self.holds(where, key, access, image)
                    )
                )
            case Has(source, param, where):
                return any(
                    any(
                        entry.param == param and entry.value == Reference(key.type, key.id)
                        for entry in self.entries(other)
                    )
                    and self.sees(access, other)
                    and self.holds(where, other, access)
                    for other in self.alive(source)
                )
            case _:
                raise NotImplementedError(node)

    def sort_key(self, rule: Sort, key: Key, access: Access = UNRESTRICTED) -> str | int | float | None:
        if rule.chain:
            return self.chained_key(rule, key, access)
        if rule.param == "_id":
            return key.id
        if rule.param == "_lastUpdated":
            return self.resources[key][-1][0].last_updated.timestamp()
        assert rule.kind is not None
        if rule.origin is not None:
            places = [e.value for e in self.entries(key) if e.param == rule.param and isinstance(e.value, Point)]
            far = [metres(each, rule.origin) for each in places]
            return (max if rule.descending else min)(far, default=None)
        field = FIELD[rule.kind.__name__][rule.descending]
        values = [
            getattr(entry.value, field)
            for entry in self.entries(key)
            if entry.param == rule.param and isinstance(entry.value, rule.kind) and not _later(entry.value)
        ]
        return (max if rule.descending else min)(values, default=None)

    def chained_key(self, rule: Sort, key: Key, access: Access) -> str | int | float | None:
        """The key of what this one refers to, as far as the caller sees it."""
        (param, target), *rest = rule.chain
        inner = Sort(rule.param, rule.kind, rule.descending, tuple(rest), rule.origin)
        references = [e.value for e in self.entries(key) if e.param == param and isinstance(e.value, Reference)]
        targets = {Key(target, each.id) for each in references if each.type == target} & set(self.alive(target))
        found = [self.sort_key(inner, each, access) for each in targets if self.sees(access, each)]
        known = [each for each in found if each is not None]
        return (max if rule.descending else min)(known, default=None)


def _later(value: Value) -> bool:
    """A later part of a text, which is found by and not sorted by."""
    return isinstance(value, String) and value.original == "" != value.folded


def _matches(match: Match, entries: Sequence[IndexEntry]) -> bool:
    values = [entry.value for entry in entries if entry.param == match.param]
    return any(fulfils(value, tests) for tests in match.anyof for value in values)


def fulfils(value: Value, tests: Sequence[Compare]) -> bool:
    """All comparisons hold for the value; UCUM units are compared in each other."""
    if not all(isinstance(value, test.kind) for test in tests):
        return False
    if isinstance(value, Prose):
        return all(_says(value.words, test.op, str(test.value)) for test in tests)
    asked = {test.field: str(test.value) for test in tests}
    if isinstance(value, Quantity) and asked.get("system") == value.system == SYSTEM and "code" in asked:
        ours, theirs = scale(value.code), scale(asked["code"])
        if ours and theirs and ours.dimension == theirs.dimension:
            return all(
                _compare_unit(value, ours, test, theirs) for test in tests if test.field not in ("system", "code")
            )
    return all(_compare(getattr(value, test.field), test.op, test.value) for test in tests)


def _compare_unit(value: Quantity, ours: Scale, test: Compare, theirs: Scale) -> bool:
    """Both numbers as exact decimals in base units."""
    if isinstance(test.value, str):
        return value.unit == test.value
    return _compare(_exact(getattr(value, test.field), ours), test.op, _exact(test.value, theirs))


def _exact(number: float, unit: Scale) -> Fraction | float:
    return number if abs(number) == float("inf") else Fraction(repr(float(number))) * unit.factor + unit.offset


def metres(place: Point, other: tuple[float, float]) -> float:
    """By the angle between two vectors: another way than the haversine."""
    one, two = (_vector(*each) for each in ((place.latitude, place.longitude), other))
    cross = [one[i - 2] * two[i - 1] - one[i - 1] * two[i - 2] for i in range(3)]
    return 6_371_008.8 * atan2(hypot(*cross), sum(a * b for a, b in zip(one, two, strict=True)))


def _vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, along = radians(latitude), radians(longitude)
    return cos(up) * cos(along), cos(up) * sin(along), sin(up)


def _says(words: str, op: Op, want: str) -> bool:
    have, wanted = words.split(), want.split()
    if op is Op.CONTAINS:
        return any(have[at : at + len(wanted)] == wanted for at in range(len(have) + 1))
    return all(
        any(each.startswith(word[:-1]) if word.endswith("*") else each == word for each in have) for word in wanted
    )


def _compare(have: str | float | Fraction, op: Op, want: str | float | Fraction) -> bool:
    if isinstance(have, str):
        assert isinstance(want, str)
        words = (" " + word in " " + have for word in want.split())
        return {
            Op.EQ: have == want,
            Op.NE: have != want,
            Op.ONE: have in want.split("\n"),
            Op.NONE: have not in want.split("\n"),
            Op.STARTS: have.startswith(want),
            Op.ENDS: have.endswith(want),
            Op.CONTAINS: want in have,
            Op.WORDS: all(words),
        }[op]
    assert not isinstance(want, str)
    return {
        Op.EQ: have == want,
        Op.NE: have != want,
        Op.LT: have < want,
        Op.LE: have <= want,
        Op.GT: have > want,
        Op.GE: have >= want,
    }[op]
