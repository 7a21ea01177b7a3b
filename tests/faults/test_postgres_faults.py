"""Postgres crashes, restarts and loses connections in the middle of transactions: F12."""

import signal
import time

import pytest

from tests.faults.cutting_proxy import COMMIT
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.recovery import Recovery

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

CUTS = 10
NO_SERVER = "no server to restart, no connection to cut"


@pytest.fixture
def world(world: FaultWorld) -> FaultWorld:
    """The one on Postgres."""
    if world.postgres is None:
        pytest.skip(f"SQLite: {NO_SERVER}")
    return world


@pytest.mark.parametrize("kind", ["replica", "coordinator"])
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT])
def test_restart_in_mid_transaction(
    world: FaultWorld, table: FaultTable, repetitions: int, how: signal.Signals, kind: str
) -> None:
    postgres = world.postgres
    assert postgres is not None
    for _ in range(repetitions):
        # The transaction is open, and its COMMIT races with the signal.
        world.proxies[kind].cut_before = lambda sent: COMMIT in sent and bool(postgres.signal(how))
        world.wait_for(lambda: not postgres.is_running, "Postgres did not end")
        world.proxies[kind].cut_before = None
        since = time.monotonic()
        postgres.start()
        wall_s = world.recovered_after(since, "replica")
        world.recovered_after(since, "coordinator")
        world.check()
        way = "crash (SIGQUIT)" if how is signal.SIGQUIT else "restart (SIGINT)"
        name = f"Postgres {way} as a {kind} commits"
        table.note("F12", name, world.store, Recovery(wall_s))
        table.note_not_run("F12", name, "sqlite", NO_SERVER)


@pytest.mark.parametrize("kind", ["replica", "coordinator"])
@pytest.mark.parametrize("side", ["before", "behind"])
def test_connection_cut_at_the_commit(
    world: FaultWorld, table: FaultTable, repetitions: int, side: str, kind: str
) -> None:
    proxy = world.proxies[kind]
    for _ in range(CUTS * repetitions):
        done = proxy.cuts
        setattr(proxy, f"cut_{side}", lambda sent: COMMIT in sent)
        world.wait_for(lambda done=done: proxy.cuts > done, "nobody commits")
        recovery = Recovery(world.recovered_after(time.monotonic(), kind))
        name = f"connection of a {kind} reset {side} its COMMIT"
        table.note("F12", name, world.store, recovery)
        table.note_not_run("F12", name, "sqlite", NO_SERVER)
    world.check()


def test_an_update_whose_commit_nobody_confirmed_gets_its_receipt(world: FaultWorld) -> None:
    proxy, repeated = world.proxies["replica"], world.crowd.n_repeated
    for _ in range(20 * CUTS):  # most are of uploads, some of leases
        done = proxy.cuts
        proxy.cut_behind = lambda sent: COMMIT in sent
        world.wait_for(lambda done=done: proxy.cuts > done, "nobody commits")
        world.recovered_after(time.monotonic(), "replica")
        if world.crowd.n_repeated > repeated:
            break
    assert world.crowd.n_repeated > repeated
    world.check()


def test_all_connections_reset_at_once(
    world: FaultWorld, table: FaultTable, repetitions: int
) -> None:
    for _ in range(CUTS * repetitions):
        for proxy in world.proxies.values():
            proxy.cut_all()
        recovery = Recovery(world.recovered_after(time.monotonic(), "replica"))
        name = "every connection to Postgres reset"
        table.note("F12", name, world.store, recovery)
        table.note_not_run("F12", name, "sqlite", NO_SERVER)
    world.check()
