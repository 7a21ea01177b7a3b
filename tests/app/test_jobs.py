"""Jobs of reduction: taken by one at a time, lost with their holder, merged whatever the split."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.coordinator.reducer import Reducer
from app.coordinator.reducing import PARTIALS, SUMS, partial_name, read_sum, sum_name
from app.coordinator.worker import Worker
from app.settings import Settings
from app.store.blobs import digest_of
from app.store.tables import jobs
from app.wiring import State
from federation.plan import Plan
from federation.staleness import StaleSums
from federation.update_codec import decode
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect
from tests.app.round_world import RoundWorld, small_rounds

N = 5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    small = small_rounds(settings, cohort_target=N, cohort_min=2)
    return small.model_copy(update={"reduce_job_updates": 2})


@pytest.fixture
def bodies() -> list[bytes]:
    """What the round's members uploaded."""
    return []


@pytest.fixture
async def world(
    state: State,
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Connect,
    bodies: list[bytes],
) -> RoundWorld:
    """A round that closed with five updates, so three jobs, and nobody has begun to sum them."""
    world = RoundWorld(state, clock, client, connect)
    await world.begin()
    for seed, device in enumerate(await world.enrol(*(f"user-{i}" for i in range(N)))):
        body, answer = await world.deliver(device, seed)
        assert answer.status_code == 201
        bodies.append(body)
    assert (await world.round()).state.phase == "reducing"
    return world


async def rows(world: RoundWorld) -> list[Any]:
    async with world.state["database"].read() as connection:
        return list(await connection.execute(select(jobs).order_by(jobs.c.first)))


async def test_the_close_records_the_jobs(world: RoundWorld) -> None:
    found = await rows(world)
    assert [(row.first, row.last) for row in found] == [(0, 2), (2, 4), (4, 5)]
    assert {row.kind for row in found} == {"reduce"}


async def test_no_job_has_two_holders(world: RoundWorld) -> None:
    workers = [Worker(world.state) for _ in range(8)]
    taken = await asyncio.gather(*(worker.take("reduce") for worker in workers))
    firsts = [job.first for job in taken if job is not None]
    # Postgres passes over a row that is just being taken, so a worker may go away empty-handed.
    assert len(firsts) == len(set(firsts)) > 0
    while job := await workers[0].take("reduce"):
        firsts.append(job.first)
    assert sorted(firsts) == [0, 2, 4]


async def test_a_silent_holder_loses_its_job_and_cannot_finish_it(world: RoundWorld) -> None:
    dead, alive = Worker(world.state), Worker(world.state)
    lost = await dead.take("reduce")
    assert lost is not None
    assert (await alive.take("reduce", 99)) is None
    world.clock.now += world.state["settings"].job_lease_s
    again = await alive.take("reduce")
    assert again == lost
    digest = digest_of(b"late")
    assert not await dead.finish(lost, digest)
    assert await alive.finish(lost, digest)
    assert not await alive.finish(lost, digest)
    assert (await rows(world))[0].digest == digest


async def test_a_successor_of_the_same_name_need_not_wait(world: RoundWorld) -> None:
    dead, other = Worker(world.state, "the name"), Worker(world.state)
    lost, held = await dead.take("reduce"), await other.take("reduce")
    assert None not in (lost, held)
    taken = [await Worker(world.state, "the name").take("reduce")]
    assert taken == [lost]
    while job := await other.take("reduce"):
        taken.append(job)
    assert held not in taken, "it took what another one holds"


async def test_a_name_is_taken_over_once(world: RoundWorld) -> None:
    successor = Worker(world.state, "the name")
    first, second = await successor.take("reduce"), await successor.take("reduce")
    assert None not in (first, second)
    assert first != second


async def test_a_job_that_fails_is_free_at_once(world: RoundWorld) -> None:
    first, second = Worker(world.state), Worker(world.state)
    job = await first.take("reduce")
    assert job is not None
    with pytest.raises(RuntimeError):
        async with first.holding(job):
            raise RuntimeError("the work failed")
    assert await second.take("reduce") == job


async def test_a_job_that_is_called_off_is_free_at_once(world: RoundWorld) -> None:
    first, second = Worker(world.state), Worker(world.state)
    job, began = await first.take("reduce"), asyncio.Event()
    assert job is not None

    async def work() -> None:
        async with first.holding(job):
            began.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await began.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await second.take("reduce") == job


async def test_many_reducers_make_the_one_sum(world: RoundWorld, bodies: list[bytes]) -> None:
    reducers = [Reducer(world.state) for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(reducer.sum_one() for reducer in reducers))
    assert not await reducers[0].sum_one()
    await world.tick()
    stored = await world.state_of(1)
    plan = Plan.from_mapping(stored["plan"])
    whole = StaleSums(plan.n_words, plan.cohort_limit)
    for body in bodies:
        words = decode(body, plan.digest, plan.n_words)
        whole.add(words)  # type: ignore[arg-type]
    assert world.state["blobs"].get("sums", sum_name(1)) == whole.to_bytes()
    assert stored["phase"] == "published"
    assert await rows(world) == []
    assert world.state["blobs"].names(PARTIALS) == []


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_a_lost_part_is_summed_again(world: RoundWorld, damage: str) -> None:
    reducer, blobs = Reducer(world.state), world.state["blobs"]
    while await reducer.sum_one():
        pass
    name = partial_name(1, 2)
    body = blobs.get(PARTIALS, name) or b""
    blobs.delete(PARTIALS, name)
    if damage == "changed":
        blobs.put(PARTIALS, name, body[:-1] + bytes([body[-1] ^ 1]))
    await world.tick()
    assert (await world.round()).state.phase == "reducing"
    await world.tick()
    assert (await world.state_of(1))["phase"] == "published"


async def advance_to(world: RoundWorld, phase: str) -> None:
    while (await world.round()).state.phase != phase:
        assert await world.coordinator._advance()


def flip_a_bit(world: RoundWorld) -> None:
    """The round's stored sum stays well-formed: only one of its words is another."""
    path = world.state["blobs"].path(SUMS, sum_name(1))
    body = bytearray(path.read_bytes())
    body[-2] ^= 1
    path.write_bytes(body)


async def test_no_version_is_made_of_a_sum_that_was_changed(
    world: RoundWorld, bodies: list[bytes]
) -> None:
    await advance_to(world, "gating")
    whole = world.state["blobs"].get(SUMS, sum_name(1))
    plan = Plan.from_mapping((await world.state_of(1))["plan"])
    flip_a_bit(world)
    changed = read_sum(world.state["blobs"], plan, 1)
    assert changed is not None, "nothing but its digest tells that it is not the sum"
    assert changed[0].count == len(bodies)
    assert await world.coordinator._advance()
    assert (await world.round()).state.phase == "reducing"
    await world.tick()
    shown = await world.state_of(1)
    assert (shown["phase"], shown["published_version"]) == ("published", 2)
    assert world.state["blobs"].get(SUMS, sum_name(1)) == whole


async def test_a_sum_that_is_gone_is_made_again(world: RoundWorld) -> None:
    await advance_to(world, "gating")
    world.state["blobs"].delete(SUMS, sum_name(1))
    world.state["blobs"].delete(PARTIALS, partial_name(1, 0))  # from the updates, then
    await world.tick()
    await world.tick()
    assert (await world.state_of(1))["phase"] == "published"


async def test_a_disk_that_changes_every_sum_ends_the_round(world: RoundWorld) -> None:
    for _ in range((await world.round()).state.work_attempts_max):
        await advance_to(world, "gating")
        flip_a_bit(world)
        assert await world.coordinator._advance()
    shown = await world.state_of(1)
    assert (shown["phase"], shown["reason"]) == ("abandoned", "sum_lost")
    assert shown["published_version"] is None
    assert await rows(world) == []
    await world.tick()
    assert (await world.round()).id == 2


async def test_a_dead_reducer_costs_one_job(world: RoundWorld) -> None:
    dead = Worker(world.state)
    assert await dead.take("reduce") is not None
    await world.tick()
    assert (await world.round()).state.phase == "reducing"
    assert [row.done_at is not None for row in await rows(world)] == [False, True, True]
    await world.tick(after_s=world.state["settings"].job_lease_s)
    assert (await world.state_of(1))["phase"] == "published"


async def test_the_gate_has_one_holder(world: RoundWorld) -> None:
    reducer = Reducer(world.state)
    while await reducer.sum_one():
        pass
    await world.coordinator._advance()
    assert (await world.round()).state.phase == "gating"
    other = Worker(world.state)
    assert await other.take("gate") is not None
    await world.tick()
    assert (await world.round()).state.phase == "gating"
    await world.tick(after_s=world.state["settings"].job_lease_s)
    assert (await world.state_of(1))["phase"] == "published"


async def test_an_abandoned_round_leaves_no_job(world: RoundWorld) -> None:
    answer = await world.server.post("/v1/rounds/1/abandon", json={"reason": "operator"})
    assert answer.status_code == 200, answer.text
    assert await rows(world) == []
