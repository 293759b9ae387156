"""Any row of writes, searches and reads: the store answers as the model does."""

import asyncio
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from fhir_server.model import Key, Version
from fhir_server.search.query import (
    UNRESTRICTED,
    Access,
    And,
    Chain,
    Compare,
    Contained,
    Contains,
    DateRange,
    Has,
    Ids,
    IndexEntry,
    LastUpdated,
    Match,
    Missing,
    Near,
    Node,
    Not,
    Number,
    Op,
    Or,
    Point,
    Quantity,
    Reference,
    SearchQuery,
    Sort,
    String,
    Together,
    Token,
    Total,
    Uri,
)
from fhir_server.storage.base import Store, Transaction, VersionConflict, Write
from tests.storage.contract.model import Model
from tests.storage.contract.shorthand import NOON, at, deletion, says, write, written
from tests.stores import opened

TYPES = ("Patient", "Observation")
IDS = ("a", "b", "c", "d")
SYSTEMS = ("", "http://one", "http://two")
WORDS = ("", "a", "ab", "ab c", "b", "ba", "é", "\U0010ffff", "z" * 80)
POINTS = (-(2**62), -5, 0, 1, 2, 3, 10, 2**62)

few_words, few_points = st.sampled_from(WORDS), st.sampled_from(POINTS)
spans = st.tuples(few_points, few_points).map(lambda pair: (min(pair), max(pair)))
numbers = st.sampled_from((float("-inf"), -1.5, 0.0, 0.1, 5.35, 1e300, float("inf")))
ranges = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))

UCUM = "http://unitsofmeasure.org"
UNITS = ("g/L", "g/dL", "mg/dL", "kg", "Cel", "[degF]", "furlong", "")
amounts = st.sampled_from((float("-inf"), -40.0, 0.0, 0.54, 5.4, 54.0, 5400.0, float("inf")))
spread = st.tuples(amounts, amounts).map(lambda pair: (min(pair), max(pair)))

values = st.one_of(
    st.builds(Token, st.sampled_from(SYSTEMS), few_words),
    st.builds(lambda word: String(word.lower(), word), few_words),
    st.builds(Reference, st.sampled_from(TYPES), st.sampled_from(IDS)),
    st.builds(lambda url: Reference(url=url), st.sampled_from(("http://x/1", "a", "#a", "#b", "#"))),
    st.builds(
        lambda pair, code, unit: Quantity(pair[0], pair[1], UCUM, code, unit),
        spread,
        st.sampled_from(UNITS),
        st.sampled_from(("", "u")),
    ),
    spans.map(lambda pair: DateRange(*pair)),
    ranges.map(lambda pair: Number(*pair)),
    st.builds(
        lambda pair, system, code: Quantity(pair[0], pair[1], system, code, code),
        ranges,
        st.sampled_from(SYSTEMS),
        few_words,
    ),
    st.builds(Uri, few_words, st.sampled_from(("", "1"))),
)
latitudes, longitudes = st.sampled_from((-90.0, 0.0, 5.0, 90.0)), st.sampled_from((-180.0, -178.0, 0.0, 3.0, 179.0))
values |= st.builds(Point, latitudes, longitudes)
params = st.sampled_from(("p", "q"))
profiles = st.builds(
    lambda uri, version: IndexEntry("_profile", Uri(uri, version)),
    st.sampled_from(("http://p", "http://p/1", "http://q")),
    st.sampled_from(("", "1", "2")),
)
single = st.builds(IndexEntry, params, values, st.sampled_from((0, 0, 1, 2)))
contained = st.dictionaries(
    st.tuples(st.sampled_from(TYPES), st.sampled_from(("a", "b"))), st.lists(single, max_size=3).map(tuple), max_size=2
).map(lambda found: [IndexEntry("_contained", Contained(*which, inside)) for which, inside in found.items()])
entries = st.tuples(st.lists(st.one_of(single, single, single, profiles), max_size=5), contained).map(
    lambda both: both[0] + both[1] + later_words(both[0])
)


def later_words(found: list[IndexEntry]) -> list[IndexEntry]:
    """The last word of each text that has several: found by, not sorted by."""
    texts = [(each.param, each.value.folded) for each in found if isinstance(each.value, String)]
    return [IndexEntry(param, String(text.rpartition(" ")[2], "")) for param, text in texts if " " in text]


TEXT_OPS = (Op.EQ, Op.STARTS, Op.ENDS, Op.CONTAINS, Op.WORDS)
ORDER_OPS = (Op.EQ, Op.LT, Op.LE, Op.GT, Op.GE)


def compare(
    kind: type, field: str, ops: tuple[Op, ...], value: st.SearchStrategy[object]
) -> st.SearchStrategy[Compare]:
    return st.builds(Compare, st.just(kind), st.just(field), st.sampled_from(ops), value)


def equal(kind: type, field: str, *choice: str) -> st.SearchStrategy[Compare]:
    return compare(kind, field, (Op.EQ,), st.sampled_from(choice))


alternatives: st.SearchStrategy[tuple[Compare, ...]] = st.one_of(
    st.tuples(equal(Token, "code", *WORDS)),
    st.tuples(equal(Token, "system", *SYSTEMS)),
    st.tuples(equal(Token, "system", *SYSTEMS), equal(Token, "code", *WORDS)),
    st.tuples(
        compare(Token, "code", (Op.EQ,), few_words),
        compare(Token, "system", (Op.ONE, Op.NONE), st.sampled_from(("http://one", "http://none", "http://two\n"))),
    ),
    st.tuples(compare(String, "folded", TEXT_OPS, few_words)),
    st.tuples(equal(String, "original", *WORDS)),
    st.tuples(equal(Reference, "id", *IDS)),
    st.tuples(equal(Reference, "type", *TYPES), equal(Reference, "id", *IDS)),
    st.tuples(equal(Reference, "url", "http://x/1", "a")),
    st.tuples(compare(DateRange, "low", ORDER_OPS, few_points)),
    st.tuples(compare(DateRange, "high", ORDER_OPS, few_points)),
    st.tuples(compare(DateRange, "low", ORDER_OPS, few_points), compare(DateRange, "high", ORDER_OPS, few_points)),
    st.tuples(compare(Number, "low", ORDER_OPS, numbers), compare(Number, "high", ORDER_OPS, numbers)),
    st.tuples(compare(Quantity, "high", ORDER_OPS, numbers), equal(Quantity, "code", *WORDS)),
    st.tuples(compare(Quantity, "low", ORDER_OPS, numbers), equal(Quantity, "system", *SYSTEMS)),
    st.tuples(
        compare(Quantity, "low", ORDER_OPS, amounts), equal(Quantity, "system", UCUM), equal(Quantity, "code", *UNITS)
    ),
    st.tuples(
        compare(Quantity, "low", ORDER_OPS, amounts),
        compare(Quantity, "high", ORDER_OPS, amounts),
        equal(Quantity, "system", UCUM),
        equal(Quantity, "code", *UNITS),
    ),
    st.tuples(compare(Quantity, "high", ORDER_OPS, amounts), equal(Quantity, "unit", "u", "a")),
    st.tuples(compare(Uri, "value", (Op.EQ, Op.STARTS), few_words)),
)
matches = st.builds(Match, params, st.lists(alternatives, min_size=1, max_size=3).map(tuple))
profile_tests: st.SearchStrategy[tuple[Compare, ...]] = st.one_of(
    st.tuples(equal(Uri, "value", "http://p", "http://p/1", "http://none")),
    st.tuples(compare(Uri, "value", (Op.STARTS,), st.sampled_from(("http://p", "http://", "", "x")))),
    st.tuples(equal(Uri, "value", "http://p", "http://q"), equal(Uri, "version", "", "1")),
)
KINDS = (Token, String, Reference, DateRange, Number, Quantity, Uri)
EPOCH = int(NOON.timestamp()) * 1_000_000
moments = st.integers(-2_000, 12_000).map(lambda offset: EPOCH + offset * 500)

leaves: st.SearchStrategy[Node] = st.one_of(
    matches,
    st.builds(Match, st.just("_profile"), st.lists(profile_tests, min_size=1, max_size=2).map(tuple)),
    st.builds(Together, st.lists(matches, min_size=1, max_size=3).map(tuple)),
    st.builds(Match, params, st.lists(st.tuples(equal(Token, "code", *WORDS)), min_size=9, max_size=12).map(tuple)),
    st.builds(Ids, st.lists(st.sampled_from(IDS), max_size=2).map(tuple)),
    st.builds(Missing, params, st.sampled_from([(kind,) for kind in KINDS] + [KINDS])),
    st.builds(LastUpdated, st.lists(st.tuples(st.sampled_from(ORDER_OPS), moments), min_size=1, max_size=2).map(tuple)),
)


def branch(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(And, several),
        st.builds(Or, several),
        st.builds(Not, inner),
        st.builds(Chain, params, st.sampled_from(TYPES), inner),
        st.builds(Has, st.sampled_from(TYPES), params, inner),
        st.builds(Contains, st.sampled_from(TYPES), inner),
    )


TEXTS = ("", "acute pain", "pain, acute: severe", "Painless")
sayings = st.sampled_from(("acute", "pain", "pain*", "pain acute", '"acute pain', '"pain acute severe', "nothing", ""))
leaves |= st.builds(says, st.sampled_from(("_content", "_text")), sayings)
leaves |= st.builds(Near, params, latitudes, longitudes, st.sampled_from((1.0, 600_000.0, 3_000_000.0, 2.5e7)))

trees = st.recursive(leaves, branch, max_leaves=5)
accesses = st.one_of(
    st.just(UNRESTRICTED),
    st.builds(
        lambda where, everything: Access("someone", everything, where),
        st.dictionaries(st.sampled_from(TYPES), trees),
        st.booleans(),
    ),
)
CHAINS = ((("p", "Patient"),), (("q", "Observation"),), (("q", "Observation"), ("p", "Patient")))
sorts = st.lists(
    st.one_of(
        st.builds(Sort, params, st.sampled_from((Token, String, DateRange, Number, Uri)), st.booleans()),
        st.builds(Sort, st.just("_profile"), st.just(Uri), st.booleans()),
        st.builds(Sort, params, st.sampled_from((Token, String)), st.booleans(), st.sampled_from(CHAINS)),
        st.builds(Sort, st.sampled_from(("_id", "_lastUpdated")), st.none(), st.booleans()),
    ),
    max_size=2,
).map(tuple)
seldom = st.sampled_from((False, False, False, True))
keys = st.builds(Key, st.sampled_from(TYPES), st.sampled_from(IDS))


class StoreMachine(RuleBasedStateMachine):
    """The store and the model, side by side."""

    place = Path()

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.clock = 0.0

    @initialize(batch=st.lists(st.tuples(keys, entries), min_size=6, max_size=12))
    def begin(self, batch: list[tuple[Key, list[IndexEntry]]]) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(dir=self.place)
        self.store: Store = self.runner.run(opened(Path(self.folder.name)))
        self.save(batch, fails=False)

    def teardown(self) -> None:
        if not hasattr(self, "store"):  # the drawing of the first batch was given up
            return
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(
        batch=st.lists(st.tuples(keys, entries), min_size=1, max_size=4),
        step=st.sampled_from((0.0, 0.001, 1.0)),
        fails=seldom,
    )
    def write(self, batch: list[tuple[Key, list[IndexEntry]]], step: float, fails: bool) -> None:
        self.clock += step
        self.save(batch, fails=fails)

    def save(self, batch: list[tuple[Key, list[IndexEntry]]], *, fails: bool) -> None:
        counts = {key: len(self.model.resources.get(key, ())) for key, _ in batch}
        writes = []
        for key, found in batch:
            counts[key] += 1
            spoken = written(str(key), TEXTS[len(found) % len(TEXTS)], number=counts[key], more=found)
            writes.append(replace(spoken, version=version_at(spoken, at(self.clock))))

        async def work(transaction: Transaction) -> None:
            for each in writes:
                await transaction.append([each])
                seen = await transaction.read(each.version.key)
                assert seen is not None
                assert seen.version_id == each.version.version_id
            if fails:
                raise ZeroDivisionError

        if fails:
            with pytest.raises(ZeroDivisionError):
                self.runner.run(self.store.transact(UNRESTRICTED, work))
            return
        self.runner.run(self.store.transact(UNRESTRICTED, work))
        for each in writes:
            self.model.append(each)

    @rule(key=keys)
    def delete(self, key: Key) -> None:
        current = self.model.current(key)
        if current is None or current.deleted:
            return
        gone = deletion(str(key), int(current.version_id) + 1, at(self.clock))
        self.runner.run(_save(self.store, gone))
        self.model.append(gone)

    @rule(key=keys)
    def lost_race(self, key: Key) -> None:
        late = write(str(key), number=len(self.model.resources.get(key, ())) + 2)
        with pytest.raises(VersionConflict):
            self.runner.run(_save(self.store, late))

    @rule(key=keys, really=seldom)
    def purge(self, key: Key, really: bool) -> None:
        if not really:
            return
        gone = self.runner.run(self.store.transact(UNRESTRICTED, lambda transaction: transaction.purge(key)))
        assert gone == self.model.purge(key)

    @rule(key=keys, found=entries)
    def reindex(self, key: Key, found: list[IndexEntry]) -> None:
        current = self.model.current(key)
        version_id = "1" if current is None else current.version_id
        done = self.runner.run(self.store.reindex(key, version_id, found))
        assert done == (current is not None and not current.deleted)
        if done and current is not None:
            self.model.resources[key][-1] = (current, found)

    @rule(
        wheres=st.lists(trees, min_size=1, max_size=5),
        access=accesses,
        sort=sorts,
        count=st.sampled_from((1, 2, 3, 20)),
    )
    def search(self, wheres: list[Node], access: Access, sort: tuple[Sort, ...], count: int) -> None:
        for where in wheres:
            for type_ in TYPES:
                self.search_one(type_, where, access, sort, count)

    def search_one(self, type_: str, where: Node, access: Access, sort: tuple[Sort, ...], count: int) -> None:
        expected = self.model.search(type_, where, access, sort)
        found: list[Key] = []
        backwards: list[Key] = []
        query = SearchQuery({type_: where}, sort, count, None, Total.ACCURATE)
        while True:
            page = self.runner.run(self.store.reader(access).search(query))
            assert page.total == len(expected)
            found += [hit.version.key for hit in page.hits]
            for hit in page.hits:
                assert hit.contained == self.model.matched(where, hit.version.key, access)
            if page.next is None:
                break
            query = SearchQuery({type_: where}, sort, count, page.next, Total.ACCURATE)
        assert found == expected
        while page.previous is not None:
            query = SearchQuery({type_: where}, sort, count, page.previous)
            page = self.runner.run(self.store.reader(access).search(query))
            backwards = [hit.version.key for hit in page.hits] + backwards
        last = (len(expected) - 1) // count * count if expected else 0
        assert backwards == expected[:last]

    @rule(key=keys, access=accesses)
    def read(self, key: Key, access: Access) -> None:
        found = self.runner.run(self.store.reader(access).read(key))
        current = self.model.current(key)
        visible = current is not None and self.model.shows(access, current)
        assert (found is not None) == visible
        if found is not None and current is not None:
            assert (found.version_id, found.body, found.last_updated) == (
                current.version_id,
                current.body,
                current.last_updated,
            )

    @rule(scope=st.one_of(st.none(), st.sampled_from(TYPES), keys), access=accesses, count=st.sampled_from((1, 3, 50)))
    def history(self, scope: Key | str | None, access: Access, count: int) -> None:
        expected = [
            (version.key, version.version_id)
            for _, _, version in sorted(
                ((each.last_updated, index, each) for index, each in enumerate(self.model.log)), reverse=True
            )
            if scope in (None, version.key, version.key.type) and self.model.shows(access, version)
        ]
        found, after = [], None
        while True:
            page = self.runner.run(self.store.reader(access).history(scope, count=count, after=after))
            assert page.total == len(expected)
            found += [(version.key, version.version_id) for version in page.versions]
            after = page.next
            if after is None:
                break
        assert found == expected

    @rule()
    def check(self) -> None:
        assert list(self.runner.run(self.store.check())) == []


def version_at(each: Write, when: datetime) -> Version:
    version = each.version
    return Version(version.key, version.version_id, when, version.body, method=version.method)


async def _save(store: Store, *writes: Write) -> None:
    await store.transact(UNRESTRICTED, lambda transaction: transaction.append(writes))


def test_any_row_of_operations_is_answered_as_by_the_model(folder: Path) -> None:
    machine = type("Machine", (StoreMachine,), {"place": folder})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
