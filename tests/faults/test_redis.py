"""A cache that is flushed, gone or frozen: reads are answered and uploads go on meanwhile, F10."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import redis

from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.recovery import Recovery

pytestmark = pytest.mark.faults

READS = 100
# The breaker rests a second after a failure: several rests, so that its probes are met as well.
AWAY_S = 3.0


@contextmanager
def flushed(world: FaultWorld) -> Iterator[None]:
    """Everything is forgotten, again and again."""
    with redis.Redis.from_url(world.redis.url) as client:
        for _ in range(20):
            client.flushall()
            time.sleep(0.01)
        yield
        client.flushall()


@contextmanager
def stopped(world: FaultWorld) -> Iterator[None]:
    """Nobody listens."""
    world.redis.stop()
    yield
    world.redis.start()


@contextmanager
def frozen(world: FaultWorld) -> Iterator[None]:
    """Connections stay open, and nobody answers."""
    assert world.redis.process is not None
    os.kill(world.redis.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(world.redis.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (flushed, "Redis flushed"),
        (stopped, "Redis stopped and started again"),
        (frozen, "Redis frozen (SIGSTOP)"),
    ],
)
def test_uploads_and_reads_go_on(
    world: FaultWorld,
    table: FaultTable,
    repetitions: int,
    fault: Callable[[FaultWorld], AbstractContextManager[None]],
    name: str,
) -> None:
    for _ in range(repetitions):
        with fault(world):
            began, n = time.monotonic(), len(world.crowd.accepted_at)
            assert world.reads(READS) == READS
            world.wait_for(lambda n=n: len(world.crowd.accepted_at) >= n + 10, "uploads stopped")
            time.sleep(max(0.0, began + AWAY_S - time.monotonic()))
        over = time.monotonic()
        recovery = Recovery(world.recovered_after(over, "replica"))
        world.recovered_after(over, "coordinator")
        world.check()
        table.note("F10", name, world.store, recovery)
