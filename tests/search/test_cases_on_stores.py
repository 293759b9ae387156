"""The specification's examples through every store: what a store finds is what the tree means."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from fhir_server.model import Key, Version
from fhir_server.search.index import extract
from fhir_server.search.parse import parse, query_string
from fhir_server.search.query import UNRESTRICTED
from fhir_server.settings import Settings
from fhir_server.storage.base import Store, Transaction, Write
from tests.search.cases import BASE, Case, cases
from tests.stores import opened

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def _groups() -> list[tuple[Case, ...]]:
    """The cases that share their resources."""
    answered = [case for case in cases() if not isinstance(case.expect, int)]
    return [tuple(group) for _, group in itertools.groupby(answered, key=lambda case: case.resources)]


@pytest.mark.parametrize("group", _groups(), ids=lambda group: group[0].id)
async def test_store_finds_what_the_tree_means(group: tuple[Case, ...], folder: Path) -> None:
    store = await opened(folder)
    try:
        await save(store, group[0])
        for case in group:
            request = parse(case.type, tuple(query_string(case.query)), settings=Settings(), now=NOW, base=BASE)
            page = await store.reader(UNRESTRICTED).search(request.query)
            assert {hit.version.key for hit in page.hits} == case.matches, case.id
            assert len(page.hits) == len(case.matches), case.id
    finally:
        await store.close()


async def save(store: Store, case: Case) -> None:
    writes = []
    for resource in case.resources:
        text = resource.get("meta", {}).get("lastUpdated")
        updated = datetime.fromisoformat(text) if text else NOW
        version = Version(Key(resource["resourceType"], resource["id"]), "1", updated, orjson.dumps(resource))
        writes.append(Write(version, extract(resource, BASE), None))

    async def work(transaction: Transaction) -> None:
        await transaction.append(writes)

    await store.transact(UNRESTRICTED, work)
