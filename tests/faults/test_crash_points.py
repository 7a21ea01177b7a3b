"""SIGKILL at every named crash point, each time with devices at work: F1 and F2."""

import json
import time
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from app.crash_points import CRASH_POINTS, CrashPoint
from tests.faults.cluster import SERVER_KEY, kind_that_dies
from tests.faults.fault_table import STORES, FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.http_messages import Message
from tests.faults.processes import is_alive
from tests.faults.recovery import Fallen

pytestmark = pytest.mark.faults

# Full rounds close with their last update and open the next one as they publish. These points are
# reached by rounds that wait for their deadline: with a quorum they close, with less they end and
# another one is opened.
N_ASKING = {"close": 5, "open": 2}


def is_due(point: CrashPoint, store: str, repetitions: int) -> bool:
    """Where each point is visited once only, it is on one store after the other."""
    return repetitions > 1 or CRASH_POINTS.index(point) % 2 == STORES.index(store)


def test_every_point_belongs_to_a_kind_of_process() -> None:
    assert {kind_that_dies(point) for point in CRASH_POINTS} <= {"replica", "coordinator"}


OPERATORS: tuple[CrashPoint, ...] = tuple(
    point for point in CRASH_POINTS if point.startswith(("order", "rollback"))
)
"""Points that are reached only when an operator asks for something."""


@dataclass(frozen=True)
class Wish:
    """What an operator asks for, as often as it takes. key: its Idempotency-Key."""

    world: FaultWorld
    path: str
    body: dict[str, int] | None
    key: str

    def ask(self) -> Future[Message]:
        """Ask until there is an answer."""
        headers = {"Idempotency-Key": self.key}
        asking = self.world.crowd.ask(SERVER_KEY, "POST", self.path, self.body, **headers)
        return self.world.background.start(asking)


def wish(world: FaultWorld, key: str) -> Wish:
    """For a round, or for the way back to the version that serves."""
    if key.startswith("order"):
        return Wish(world, "/v1/rounds", {"cohort_target": 6, "cohort_min": 3}, key)
    asking = world.crowd.ask(SERVER_KEY, "GET", "/v1/models/current", None)
    version = json.loads(world.background.call(asking).body)["version"]
    return Wish(world, f"/v1/models/{version}/rollback", None, key)


def ends_of(world: FaultWorld, answer: Message) -> tuple[str, int | None]:
    """(state, what it became) of an order."""
    found = json.loads(answer.body)
    path = f"/v1/models/orders/{found['id']}"
    if "status" in found:
        path = f"/v1/round-orders/{found['id']}"
    shown = world.background.call(world.crowd.ask(SERVER_KEY, "GET", path, None))
    now = json.loads(shown.body)
    if "status" in found:
        return now["status"], now["round"]
    return now["state"], now["published_version"]


@pytest.mark.parametrize("point", OPERATORS)
def test_killed_there_over_an_order(
    world: FaultWorld, table: FaultTable, repetitions: int, point: CrashPoint
) -> None:
    """The order is answered in the end, is one order whatever was repeated, and is fulfilled."""
    if not is_due(point, world.store, repetitions):
        pytest.skip("in the short run each point is visited on one store; `make faults` does both")
    for n in range(repetitions):
        wished = wish(world, f"{point}-{n}")
        living = world.arm(point)
        answering = wished.ask()
        fallen = world.fallen_at(point, living)
        assert fallen.kind == kind_that_dies(point)
        recovery = world.restart(fallen)
        answer = answering.result(60)
        again = wished.ask().result(60)
        assert json.loads(again.body)["id"] == json.loads(answer.body)["id"]
        world.wait_for(lambda a=answer: ends_of(world, a)[1] is not None, "it is not fulfilled")
        assert ends_of(world, answer)[0] in ("fulfilled", "done")
        world.check()
        table.note("F1", f"`kill -9` at `{point}`", world.store, recovery)


@pytest.mark.parametrize("point", [p for p in CRASH_POINTS if p not in OPERATORS])
def test_killed_there(
    world: FaultWorld, table: FaultTable, repetitions: int, point: CrashPoint
) -> None:
    if not is_due(point, world.store, repetitions):
        pytest.skip("in the short run each point is visited on one store; `make faults` does both")
    for _ in range(repetitions):
        world.crowd.n_asking = N_ASKING.get(point.split("_", 1)[0])
        fallen = world.kill_at(point)
        assert fallen.kind == kind_that_dies(point)
        # A replica is gone; of a coordinator the parent lives, and restarts nothing by hand.
        assert fallen.process.is_running == (fallen.kind == "coordinator")
        world.crowd.n_asking = None
        recovery = world.restart(fallen)
        world.check()
        table.note("F1", f"`kill -9` at `{point}`", world.store, recovery)


def test_a_warm_parent_is_killed(world: FaultWorld, table: FaultTable, repetitions: int) -> None:
    (process,) = world.cluster.of_kind("coordinator")
    for _ in range(repetitions):
        world.wait_for(lambda: process.worker is not None, "the coordinator has no worker")
        worker, n_caught_up = process.worker, process.n_caught_up
        assert worker is not None
        process.kill()
        fallen = Fallen(process, time.monotonic(), n_caught_up)
        world.wait_for(lambda pid=worker: not is_alive(pid), "the worker outlived its parent")  # type: ignore[misc]
        recovery = world.restart(fallen)
        world.check()
        table.note("F1", "`kill -9` of the coordinator's parent", world.store, recovery)
