"""One seed, one trace, one model: twice in process, and once over real sockets."""

import asyncio
from pathlib import Path

import pytest

from app.settings import RoundSettings
from evaluation.drill.population import Population, draw_trace
from evaluation.drill.rehearsal import Rehearsal
from evaluation.drill.service import over_tcp
from evaluation.drill.trace import trace_lines
from tests.evaluation.drill.crowd import BUSY, BUSY_MIX, live_through

SEED = 11
TRACE = draw_trace(Population(30, 0.2, BUSY, BUSY_MIX), SEED)
ROUNDS = RoundSettings(_env_file=None, cohort_target=6, cohort_min=4, deadline_s=900.0)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Rehearsal:
    return asyncio.run(live_through(TRACE, ROUNDS, tmp_path_factory.mktemp("first"), redis_url))


def test_the_days_are_eventful(first: Rehearsal) -> None:
    """Equality below says little unless rounds published, ended early, and refused."""
    phases = [one["phase"] for one in first.books.rounds]
    assert phases.count("published") >= 3
    assert "abandoned" in phases
    assert len({one.fields["reason"] for one in first.happenings if one.what == "refused"}) >= 4
    assert first.broken == ()


async def test_the_same_seed_gives_the_same_trace_bytes(
    first: Rehearsal, tmp_path: Path, redis_url: str
) -> None:
    again = await live_through(TRACE, ROUNDS, tmp_path, redis_url)
    assert list(trace_lines(TRACE, again.happenings)) == list(trace_lines(TRACE, first.happenings))
    assert again.version_digests == first.version_digests


async def test_over_tcp_it_is_the_same_model(
    first: Rehearsal, tmp_path: Path, redis_url: str
) -> None:
    remote = await live_through(TRACE, ROUNDS, tmp_path, redis_url, over_tcp)
    assert remote.version_digests == first.version_digests
    assert list(trace_lines(TRACE, remote.happenings)) == list(trace_lines(TRACE, first.happenings))
    assert remote.broken == ()
