"""Words of resources: found in every script, in their own transaction, and gone with what they stood in."""

import asyncio

import pytest

from fhir_server.search.folding import fold
from fhir_server.search.prose import words
from fhir_server.search.query import (
    UNRESTRICTED,
    Access,
    And,
    Chain,
    Missing,
    Node,
    Not,
    Or,
    Prose,
    SearchQuery,
    Sort,
    Token,
)
from fhir_server.storage.base import Store, Transaction
from tests.storage.contract.shorthand import (
    coded,
    deletion,
    ids,
    key,
    reference,
    save,
    says,
    search,
    token,
    write,
    written,
)

TEXTS = {
    "1": "Acute bronchitis (disorder); O'Brien's cough",
    "2": "Acute viral pharyngitis. Cough: none",
    "3": "तीव्र सिरदर्द और बुखार",
    "4": "患者は頭痛と発熱を訴える",
    "5": "Ärztliche Überweisung, naïve café",
    "6": "--- !!! ...",
    "7": "ผู้ป่วยมีไข้",
    "8": "none cough acute",
}


@pytest.fixture
async def texts(store: Store) -> Store:
    await save(store, *(written(f"Basic/{id_}", text) for id_, text in TEXTS.items()))
    await save(store, written("Basic/9", "something else", narrative="Seen for <acute> distress & cough"))
    await save(store, write("Patient/1", token("t", "acute")))
    return store


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (says("_content", "acute"), ["1", "2", "8", "9"]),
        (says("_content", "acut"), []),
        (says("_content", "acut*"), ["1", "2", "8", "9"]),
        (says("_content", "cough acute"), ["1", "2", "8", "9"]),
        (says("_content", "cough", "none"), ["2", "8"]),
        (says("_content", '"cough none'), ["2"]),
        (says("_content", '"none cough acute'), ["8"]),
        (says("_content", '"acute', '"viral pharyngitis'), ["2"]),
        (says("_content", fold("O'Brien's")), ["1"]),
        (says("_content", words("सिरदर्द")), ["3"]),
        (says("_content", words("सिरदर्द") + " " + words("बुखार")), ["3"]),
        (says("_content", words("सिर") + "*"), ["3"]),
        (says("_content", words("सिर")), []),
        (says("_content", '"' + words("頭痛")), ["4"]),
        (says("_content", '"' + words("痛頭")), []),
        (says("_content", '"' + words("ไข้")), ["7"]),
        (says("_content", fold("UBERWEISUNG")), ["5"]),
        (says("_content", "naive cafe"), ["5"]),
        (says("_content", ""), ["1", "2", "3", "4", "5", "7", "8", "9"]),
        (says("_text", "acute"), ["9"]),
        (says("_text", "something"), []),
        (says("_text", '"distress cough'), ["9"]),
        (says("_never", "acute"), []),
        (Not(says("_content", "acute")), ["3", "4", "5", "6", "7"]),
        (And((says("_content", "acute"), Not(says("_content", '"cough none')))), ["1", "8", "9"]),
        (Or((says("_content", '"cough none'), says("_text", "acute"))), ["2", "9"]),
        (Missing("_text", (Prose,)), ["1", "2", "3", "4", "5", "6", "7", "8"]),
        (Missing("_content", (Prose,)), ["6"]),
    ],
)
async def test_words_and_phrases(texts: Store, node: Node, expected: list[str]) -> None:
    assert await ids(texts, "Basic", node) == expected
    streamed = [version.key.id async for version in texts.stream(UNRESTRICTED, SearchQuery({"Basic": node}))]
    assert streamed == expected


async def test_a_text_of_more_words_than_an_index_has_room_for_is_found_by_all_of_them(store: Store) -> None:
    """Twenty bytes each: more than the 1 MiB that a tsvector holds."""
    many = " ".join(f"sayingsomething{number:05}" for number in range(55_000))
    await save(
        store, written("Basic/large", "report", narrative=many), written("Basic/small", "sayingsomething00001 report")
    )
    for param, asked, expected in (
        ("_text", "sayingsomething00000 sayingsomething54999", ["large"]),
        ("_text", "sayingsomething55*", []),
        ("_text", "sayingsomething5499*", ["large"]),
        ("_text", '"sayingsomething30000 sayingsomething30001', ["large"]),
        ("_text", "ayingsomething30000", []),
        ("_content", "sayingsomething00001 report", ["large", "small"]),
    ):
        assert await ids(store, "Basic", says(param, asked)) == expected, asked
    assert await store.check() == []
    await save(store, written("Basic/large", "report", narrative="short", number=2))
    assert await ids(store, "Basic", says("_text", "sayingsomething00000")) == []


HOSTILE = [
    '"',
    '" OR "',
    "a AND",
    "NEAR(a b)",
    "words:acute",
    "-acute",
    "^acute",
    "*",
    "**",
    "(",
    "\x00",
    "'",
    "a\x00b",
    "\ue0001",
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_words_are_words_whatever_they_look_like(texts: Store, value: str) -> None:
    for phrase in ("", '"'):
        found = await ids(texts, "Basic", says("_content", phrase + value))
        assert set(found) <= set(TEXTS) | {"9"}
        negated = await ids(texts, "Basic", Not(says("_content", phrase + value)))
        assert sorted(found + negated) == [*TEXTS, "9"]


async def test_a_thousand_words_and_a_long_one(store: Store) -> None:
    long = "x" * 40_000
    many = [f"w{n}" for n in range(1000)]
    await save(
        store, written("Basic/1", " ".join(many)), written("Basic/2", long), written("Basic/3", " ".join(many[1:]))
    )
    assert await ids(store, "Basic", says("_content", " ".join(many))) == ["1"]
    assert await ids(store, "Basic", says("_content", '"' + " ".join(many))) == ["1"]
    assert await ids(store, "Basic", says("_content", long)) == ["2"]
    assert await store.check() == []


async def test_a_narrative_of_a_megabyte(store: Store) -> None:
    text = " ".join(f"wort{n}" for n in range(110_000))
    await save(store, written("Basic/1", narrative=text), written("Basic/2", narrative="wort5"))
    assert await ids(store, "Basic", says("_text", "wort109999")) == ["1"]
    assert await ids(store, "Basic", says("_text", '"wort5 wort6')) == ["1"]
    assert await ids(store, "Basic", says("_text", "wort5")) == ["1", "2"]
    await save(store, written("Basic/1", "short", number=2))
    assert await ids(store, "Basic", says("_text", "wort5")) == ["2"]
    assert await store.check() == []


async def test_words_follow_updates_deletions_purges_and_reindexing(store: Store) -> None:
    await save(store, written("Basic/1", "first", narrative="old"), written("Basic/2", "first"))
    await save(store, written("Basic/1", "second", number=2))
    assert await ids(store, "Basic", says("_content", "first")) == ["2"]
    assert await ids(store, "Basic", says("_content", "second")) == ["1"]
    assert await ids(store, "Basic", says("_text", "old")) == []
    await save(store, deletion("Basic/1", 3))
    assert await ids(store, "Basic", says("_content", "second")) == []
    assert await store.check() == []
    await save(store, written("Basic/1", "fourth", number=4))
    assert await ids(store, "Basic", says("_content", "fourth")) == ["1"]

    async def purge(transaction: Transaction) -> list[str]:
        await transaction.purge(key("Basic/1"))
        page = await transaction.search(SearchQuery({"Basic": says("_content", "fourth")}))
        return [hit.version.key.id for hit in page.hits]

    assert await store.transact(UNRESTRICTED, purge) == []
    assert await ids(store, "Basic", says("_content", "fourth")) == []
    two = written("Basic/2", "first")
    await store.reindex(key("Basic/2"), "1", [])
    assert await ids(store, "Basic", says("_content", "first")) == []
    assert await ids(store, "Basic", Missing("_content", (Prose,))) == ["2"]
    await store.reindex(key("Basic/2"), "1", two.entries)
    assert await ids(store, "Basic", says("_content", "first")) == ["2"]
    assert await store.check() == []


async def test_a_transaction_finds_its_own_words_and_leaves_none_when_it_fails(store: Store) -> None:
    await save(store, written("Basic/1", "alpha"))

    async def work(transaction: Transaction) -> list[str]:
        await transaction.append([written("Basic/1", "beta", number=2), written("Basic/2", "alpha")])
        first = await transaction.search(SearchQuery({"Basic": says("_content", "alpha")}))
        await transaction.append([written("Basic/2", "gamma", number=2)])
        second = await transaction.search(SearchQuery({"Basic": says("_content", "alpha")}))
        third = await transaction.search(SearchQuery({"Basic": says("_content", '"gamma')}))
        return [",".join(hit.version.key.id for hit in page.hits) for page in (first, second, third)]

    async def failing(transaction: Transaction) -> None:
        await work(transaction)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.transact(UNRESTRICTED, failing)
    assert await ids(store, "Basic", says("_content", "alpha")) == ["1"]
    assert await store.transact(UNRESTRICTED, work) == ["2", "", "2"]
    assert await ids(store, "Basic", says("_content", "alpha")) == []
    assert await ids(store, "Basic", says("_content", "b*")) == ["1"]
    assert await store.check() == []


async def test_neighbours_in_a_commit_keep_their_words_when_one_fails(store: Store) -> None:
    async def kept(transaction: Transaction, number: int) -> None:
        await transaction.append([written(f"Basic/kept{number}", "neighbour")])
        if number % 3 == 0:
            await transaction.search(SearchQuery({"Basic": coded("t", "x")}))
        if number % 3 == 1:
            await transaction.search(SearchQuery({"Basic": says("_content", "neighbour")}))

    async def failing(transaction: Transaction, number: int) -> None:
        if number % 2:
            await transaction.search(SearchQuery({"Basic": coded("t", "x")}))
        await transaction.append([written(f"Basic/failed{number}", "neighbour")])
        found = await transaction.search(SearchQuery({"Basic": says("_content", "neighbour")}, count=1000))
        assert f"failed{number}" in {hit.version.key.id for hit in found.hits}
        raise RuntimeError

    works = [
        store.transact(UNRESTRICTED, lambda tx, n=n, work=work: work(tx, n))  # type: ignore[misc]  # a lambda with defaults
        for n in range(60)
        for work in (kept, failing)
    ]
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [type(each) for each in results] == [type(None), RuntimeError] * 60
    assert len(await ids(store, "Basic", says("_content", "neighbour"))) == 60
    assert await store.check() == []


async def test_racing_updates_leave_the_words_of_the_last(store: Store) -> None:
    await save(store, *(written(f"Basic/{n}", "zero") for n in range(5)))

    async def race(n: int, id_: int) -> None:
        async def work(transaction: Transaction) -> None:
            current = await transaction.read(key(f"Basic/{id_}"))
            assert current is not None
            await transaction.append([written(f"Basic/{id_}", f"word{n}", number=int(current.version_id) + 1)])

        await store.transact(UNRESTRICTED, work)

    await asyncio.gather(*(race(n, n % 5) for n in range(50)))
    assert await ids(store, "Basic", says("_content", "zero")) == []
    found = [await ids(store, "Basic", says("_content", f"word{n}")) for n in range(50)]
    assert sum(map(len, found)) == 5
    assert await ids(store, "Basic", says("_content", "word*")) == ["0", "1", "2", "3", "4"]
    assert await store.check() == []


async def test_better_matches_score_higher(store: Store) -> None:
    await save(
        store,
        written("Basic/often", "gout gout gout of the foot"),
        written("Basic/once", "gout of the foot"),
        written("Basic/long", "gout " + "of the other foot and much else beside that " * 20),
        *(written(f"Basic/foot{n}", "the foot") for n in range(20)),
    )
    page = await search(store, "Basic", says("_content", "gout"))
    scores = {hit.version.key.id: hit.score or 0 for hit in page.hits}
    assert 1 >= scores["often"] > scores["once"] > scores["long"] > 0
    page = await search(store, "Basic", Or((says("_content", "gout"), says("_content", "foot"))), count=50)
    scores = {hit.version.key.id: hit.score or 0 for hit in page.hits}
    assert scores["once"] >= scores["foot1"] > 0
    page = await search(store, "Basic", coded("t", "x"))
    assert page.hits == ()
    page = await search(store, "Basic")
    assert {hit.score for hit in page.hits} == {None}


async def test_words_in_chains_and_policies(store: Store) -> None:
    await save(
        store,
        written("Basic/a", "open secret"),
        written("Basic/b", "open door"),
        written("Basic/c", "linked", more=[reference("subject", "Basic/a")]),
    )
    assert await ids(store, "Basic", Chain("subject", "Basic", says("_content", "secret"))) == ["c"]
    assert await ids(store, "Basic", Chain("subject", "Basic", says("_content", '"door open'))) == []
    access = Access("guest", where={"Basic": Or((says("_content", '"open door'), says("_content", "hidd*")))})
    assert await ids(store, "Basic", access=access) == ["b"]
    await save(store, written("Basic/b", "hidden", number=2))
    await save(store, written("Basic/b", "gone", number=3))
    page = await store.reader(access).history("Basic", count=10)
    assert [version.version_id for version in page.versions] == ["2", "1"]
    assert await store.reader(access).read(key("Basic/b")) is None
    assert await store.reader(access).vread(key("Basic/b"), "1") is not None


async def test_types_do_not_mix(store: Store) -> None:
    await save(store, written("Basic/1", "shared"), written("Group/1", "shared"), write("Patient/1"))
    assert await ids(store, "Group", says("_content", "shared")) == ["1"]
    page = await search(store, ("Basic", "Group", "Patient"), says("_content", "shared"))
    assert sorted(str(hit.version.key) for hit in page.hits) == ["Basic/1", "Group/1"]
    assert await ids(store, "Basic", And((says("_content", "shared"), Missing("t", (Token,))))) == ["1"]


RELEVANCE = (Sort("_score", Prose),)


async def kept_with_words(store: Store, count: int) -> None:
    texts = ("gout " * (1 + n % 4) + f"{'of the other foot ' * (n % 3)}and more" for n in range(count))
    await save(store, *(written(f"Basic/{n:02}", text) for n, text in enumerate(texts)))


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_by_score_go_from_the_best_to_the_worst(store: Store, descending: bool) -> None:
    await kept_with_words(store, 30)
    await save(store, written("Basic/other", "the foot"))
    sort = (Sort("_score", Prose, descending),)
    asked = says("_content", "gout")
    everything = await search(store, "Basic", asked, sort=sort, count=100)
    scores = [hit.score or 0 for hit in everything.hits]
    assert len(scores) == 30
    assert scores == sorted(scores, reverse=not descending)
    assert len(set(scores)) > 5
    page, forward, backward = await search(store, "Basic", asked, sort=sort, count=7), [], []
    assert page.previous is None
    while True:
        forward.append([hit.version.key for hit in page.hits])
        if page.next is None:
            break
        page = await search(store, "Basic", asked, sort=sort, count=7, after=page.next)
    assert [found for keys in forward for found in keys] == [hit.version.key for hit in everything.hits]
    while page.previous is not None:
        page = await search(store, "Basic", asked, sort=sort, count=7, after=page.previous)
        backward.append([hit.version.key for hit in page.hits])
    assert backward[::-1] == forward[:-1]


async def test_pages_by_score_hold_each_match_once_whatever_is_written_meanwhile(store: Store) -> None:
    """What others have written makes words rarer or more common: on later pages they weigh as on page one."""
    await kept_with_words(store, 40)
    asked = Or((says("_content", "gout"), says("_content", "other")))
    page = await search(store, "Basic", asked, sort=RELEVANCE, count=5)
    seen = list(page.hits)
    for n in range(50):
        if page.next is None:
            break
        more = [written(f"Basic/more{n}-{each}", "other other other foot") for each in range(20)]
        await save(store, *more)
        page = await search(store, "Basic", asked, sort=RELEVANCE, count=5, after=page.next)
        seen += page.hits
    assert page.next is None
    assert sorted(hit.version.key.id for hit in seen) == [f"{n:02}" for n in range(40)]
    scores = [hit.score or 0 for hit in seen]
    assert scores == sorted(scores, reverse=True)
    assert page.touched == 0


async def test_score_with_other_rules(store: Store) -> None:
    await save(store, *(written(f"Basic/{n}", "gout " * (1 + n // 3)) for n in range(9)))
    sort = (*RELEVANCE, Sort("_id", None, descending=True))
    page = await search(store, "Basic", says("_content", "gout"), sort=sort)
    assert [hit.version.key.id for hit in page.hits] == ["8", "7", "6", "5", "4", "3", "2", "1", "0"]
