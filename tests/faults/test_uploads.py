"""Uploads that are repeated, changed, late, racing the close, or given up: F3 to F6, F26."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.faults.books import read_ledger
from tests.faults.cluster import SETTINGS
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.http_messages import Message
from tests.faults.recovery import Recovery
from tests.faults.witnesses import Pending, Witness, prepare, upload

pytestmark = pytest.mark.faults

COPIES = 10
TARGET = int(SETTINGS["TWOFOLD_ROUND_COHORT_TARGET"])
STORM_S = 3.0
PATIENCE_S = 0.03
TRIES = 20
Lease = tuple[Witness, Pending]
Fault = Callable[[FaultWorld], Coroutine[Any, Any, None]]


def let_rest(world: FaultWorld) -> None:
    """From now on no device acts by itself."""
    world.crowd.n_asking = 0
    world.wait_for(lambda: world.crowd.is_resting, "devices do not rest")


async def leases(world: FaultWorld, least: int) -> list[Lease]:
    """At least so many leases of one round, none of them used yet."""
    for _ in range(TRIES):
        found: dict[int, list[Lease]] = {}
        for witness in world.crowd.witnesses:
            answer = await world.crowd.lease(witness)
            if answer is not None and (given := answer["assignment"]) is not None:
                found.setdefault(given["round"], []).append((witness, prepare(witness, given)))
        if found and len(found[max(found)]) >= least:
            return found[max(found)]
        await asyncio.sleep(0.3)
    raise AssertionError("no round invites enough devices")


async def send(world: FaultWorld, lease: Lease) -> Message:
    """Deliver by hand; the first receipt is remembered as the device's own."""
    witness, pending = lease
    answer = await world.crowd.ask_as(witness, *upload(witness, pending))
    assert answer is not None
    known = [receipt.assignment for receipt in witness.receipts]
    if answer.status in (200, 201) and json.loads(answer.body)["assignment"] not in known:
        world.crowd.take_answer(witness, pending, answer)
    return answer


def receipt_of(answer: Message) -> dict[str, str]:
    """The receipt, but for what became of the round meanwhile."""
    found: dict[str, str] = json.loads(answer.body)
    return {name: value for name, value in found.items() if name != "outcome"}


async def repeat(world: FaultWorld) -> None:
    lease = (await leases(world, 1))[0]
    answers = await asyncio.gather(*(send(world, lease) for _ in range(COPIES)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: COPIES - 1}
    assert all(receipt_of(answer) == receipt_of(answers[0]) for answer in answers)


async def change(world: FaultWorld) -> None:
    witness, pending = (await leases(world, 1))[0]
    other = prepare(witness, pending.assignment, loss=0.5)
    answers = await asyncio.gather(send(world, (witness, pending)), send(world, (witness, other)))
    assert sorted(answer.status for answer in answers) == [201, 409]


async def come_late(world: FaultWorld) -> None:
    *_, used, late = await leases(world, 2)
    first = await send(world, used)
    assert first.status == 201
    world.crowd.n_asking = late[0].number
    again = first
    while again.body == first.body:  # `pending` until the round ends
        await asyncio.sleep(0.05)
        again = await send(world, used)
    refused = await send(world, late)
    assert (again.status, receipt_of(again)) == (200, receipt_of(first))
    assert refused.status == 410


async def race(world: FaultWorld) -> None:
    """Until a round was filled so; on a slow machine one may reach its deadline instead."""
    for _ in range(TRIES):
        found = await leases(world, TARGET)
        crowded = [lease for lease in found for _ in range(64 // len(found) + 1)]
        answers = await asyncio.gather(*(send(world, lease) for lease in crowded))
        assert {answer.status for answer in answers} <= {200, 201, 410}
        number, ledger = found[0][1].assignment["round"], await read_ledger(world.database)
        # Devices of the round that delivered before they were told to rest are among them.
        counted = sum(row.round == number for row in ledger.updates)
        assert counted <= TARGET
        if counted == TARGET:
            return
    raise AssertionError("no round was filled")


@pytest.mark.parametrize(
    ("number", "name", "fault"),
    [
        ("F3", f"one update {COPIES} times in parallel", repeat),
        ("F4", "two bodies for one assignment in parallel", change),
        ("F5", "an upload behind the close, and a repeated one", come_late),
        ("F6", "64 uploads in parallel at the target", race),
    ],
)
def test_by_hand(
    world: FaultWorld, table: FaultTable, repetitions: int, number: str, name: str, fault: Fault
) -> None:
    for _ in range(repetitions):
        let_rest(world)
        try:
            world.background.call(fault(world))
        finally:
            world.crowd.n_asking = None
        recovery = Recovery(world.recovered_after(time.monotonic(), "replica"))
        world.check()
        table.note(number, name, world.store, recovery)


def test_devices_that_hang_up(world: FaultWorld, table: FaultTable, repetitions: int) -> None:
    for _ in range(repetitions):
        given_up = world.crowd.answers["TimeoutError"]
        world.crowd.patience_s = PATIENCE_S
        time.sleep(STORM_S)
        world.crowd.patience_s = None
        recovery = Recovery(world.recovered_after(time.monotonic(), "replica"))
        assert world.crowd.answers["TimeoutError"] > given_up
        world.check()
        name = f"every device hangs up within {1000 * PATIENCE_S:.0f} ms, for {STORM_S:.0f} s"
        table.note("F26", name, world.store, recovery)
