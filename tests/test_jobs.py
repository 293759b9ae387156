"""Jobs: leases, progress, cancelling, going on after a death. http://hl7.org/fhir/R4/async.html"""

import asyncio
from datetime import timedelta

import pytest

from fhir_server import jobs
from fhir_server.jobs import Held, Job, Kind, Lost, Worker, cancel, claim, find
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Store, Transaction


async def held(store: Store, owner: str) -> Held:
    found = await claim(store.state, "work", owner)
    assert found is not None
    return found


async def test_one_holds_a_job_and_all_see_how_far_it_is(store: Store) -> None:
    assert await find(store.state, "work") is None
    one = await held(store, "one")
    assert await claim(store.state, "work", "two") is None
    await one.write(store.state, done=3, total=7, place=b"here")
    seen = await find(store.state, "work")
    assert seen is not None
    assert (seen.status, seen.done, seen.total, seen.place, seen.owner) == ("running", 3, 7, b"here", "one")
    await one.end(store.state, "done")
    over = await find(store.state, "work")
    assert over is not None
    assert (over.over, over.held, over.done) == (True, False, 3)


async def test_a_job_that_is_over_begins_anew(store: Store) -> None:
    one = await held(store, "one")
    await one.write(store.state, done=3)
    await one.end(store.state, "failed", "why")
    two = await held(store, "two")
    assert (two.job.done, two.job.error, two.job.status) == (0, "", "running")


async def test_after_a_death_another_goes_on_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.2))
    one = await held(store, "one")
    await one.write(store.state, done=5, place=b"there")
    await asyncio.sleep(0.3)
    two = await held(store, "two")
    assert (two.job.done, two.job.place) == (5, b"there")
    with pytest.raises(Lost):
        await one.write(store.state, done=6)
    await two.write(store.state, done=7)


async def test_progress_belongs_to_the_transaction_that_it_is_written_in(store: Store) -> None:
    one = await held(store, "one")
    mark = one.mark()

    async def fails(transaction: Transaction) -> None:
        await one.write(transaction.state, done=9)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.transact(UNRESTRICTED, fails)
    one.back(mark)
    await one.write(store.state, total=1)
    found = await find(store.state, "work")
    assert found is not None
    assert (found.done, found.total) == (0, 1)


async def test_who_is_cancelled_notices_at_the_next_step(store: Store) -> None:
    assert await cancel(store.state, "work") is False
    one = await held(store, "one")
    assert await cancel(store.state, "work") is True
    with pytest.raises(Lost):
        await one.write(store.state, done=1)
    assert await cancel(store.state, "work") is False


async def test_workers_take_turns_and_a_failure_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY", 0.01)
    left, ran, at_once = 5, [], 0

    async def due() -> bool:
        return left > 0

    async def run(job: Held) -> None:
        nonlocal left, at_once
        assert at_once == 0
        at_once += 1
        await asyncio.sleep(0.01)
        at_once -= 1
        ran.append(job.job.owner)
        left -= 1
        if left == 3:
            raise RuntimeError("once")
        await job.end(store.state, "done")

    workers = [Worker(store, {"work": Kind(due, run)}) for _ in range(2)]
    for worker in workers:
        worker.start()
    while left:
        await asyncio.sleep(0.01)
    for worker in workers:
        await worker.stop()
    assert len(ran) == 5
    job = await find(store.state, "work")
    assert job is not None
    assert job.status in ("done", "waiting")


async def test_a_worker_that_stops_hands_over_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY", 0.01)
    begun = asyncio.Event()

    async def due() -> bool:
        return True

    async def run(job: Held) -> None:
        await job.write(store.state, done=2, place=b"x")
        begun.set()
        await asyncio.sleep(60)

    worker = Worker(store, {"work": Kind(due, run)})
    worker.start()
    await begun.wait()
    await worker.stop()
    job = await find(store.state, "work")
    assert job == Job("waiting", done=2, place=b"x", began=job.began if job else None)
    await held(store, "another")
