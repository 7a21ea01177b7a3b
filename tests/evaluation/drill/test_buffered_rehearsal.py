"""A buffered plan rehearsed: slow devices count later, and a full buffer costs nobody an update."""

import asyncio

import pytest
from rich.console import Console

from app.settings import RoundSettings
from evaluation.drill.behaviour import Profile
from evaluation.drill.figures import Figures, measure
from evaluation.drill.rehearsal import Rehearsal
from evaluation.drill.table import print_table
from evaluation.drill.trace import Arrival, Trace
from tests.evaluation.drill.crowd import live_through

FAST = Profile(skew_s=0.0, down_bps=1e8, up_bps=1e8, train_s=5.0)
SLOW = Profile(skew_s=0.0, down_bps=1e8, up_bps=1e8, train_s=100.0)
# 0 trains through the first round and counts in the second, which 3 fills. 4 delivers before that
# is published, and 5 with it in the third.
AT_S = (10.0, 20.0, 30.0, 200.0, 200.004, 400.0)
TRACE = Trace(
    seed=1,
    days=0.05,
    devices=(SLOW, *(FAST for _ in AT_S[1:])),
    arrivals=tuple(Arrival(at, n, 1.0, "honest") for n, at in enumerate(AT_S)),
)
LATE, TURNED_AWAY = 0, 4
ROUNDS = RoundSettings(
    _env_file=None,
    cohort_target=2,
    cohort_min=1,
    deadline_s=1_000.0,
    lease_s=300.0,
    max_staleness=2,
    concurrency=8,
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Rehearsal:
    return asyncio.run(live_through(TRACE, ROUNDS, tmp_path_factory.mktemp("lived"), redis_url))


@pytest.fixture(scope="module")
def figures(lived: Rehearsal) -> Figures:
    return measure(TRACE, lived.happenings, lived.books)


def accepted(lived: Rehearsal, device: int) -> list[tuple[int, int]]:
    """(round, staleness) of the device's updates."""
    mine = [one for one in lived.happenings if (one.what, one.device) == ("accepted", device)]
    return [(one.fields["round"], one.fields["staleness"]) for one in mine]


def test_who_meets_a_full_buffer_sends_the_same_bytes_to_the_next(lived: Rehearsal) -> None:
    refused = [(h.device, h.fields["reason"]) for h in lived.happenings if h.what == "refused"]
    assert refused == [(TURNED_AWAY, "buffer_closed")]
    assert accepted(lived, TURNED_AWAY) == [(3, 1)]


def test_a_slow_device_counts_in_a_later_round(lived: Rehearsal) -> None:
    assert accepted(lived, LATE) == [(2, 1)]


def test_nothing_is_lost_and_the_books_add_up(lived: Rehearsal, figures: Figures) -> None:
    assert lived.broken == ()
    assert figures.updates == figures.leases == len(AT_S)
    assert figures.wasted == 0


def test_the_table_tells_updates_by_staleness(figures: Figures) -> None:
    assert sum(figures.staleness.values()) == figures.updates
    assert set(figures.staleness) > {0}
    console = Console(record=True, width=160)
    print_table(console, {"buffered": figures})
    printed = console.export_text()
    told = " / ".join(str(n) for n in figures.staleness.values())
    assert told in printed
    assert "staleness" in printed
