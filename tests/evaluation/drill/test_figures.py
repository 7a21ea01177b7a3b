"""The figures of made-up days, worked out by hand."""

from typing import Any

import pytest

from app.clock import rfc3339
from evaluation.drill.behaviour import Profile
from evaluation.drill.books import Books
from evaluation.drill.enrolment import START
from evaluation.drill.figures import measure
from evaluation.drill.trace import Arrival, Happening, Trace

DEVICE = Profile(0.0, 1e6, 1e6, 5.0)
VISITS = tuple(Arrival(100.0 * n, n % 2, 60.0, "honest") for n in range(4))
TRACE = Trace(1, 0.5, (DEVICE, DEVICE), VISITS)


def made_up_round(
    number: int, phase: str, opened_s: float, ended_s: float | None
) -> dict[str, Any]:
    ended_at = None if ended_s is None else rfc3339(START + ended_s)
    opened_at = rfc3339(START + opened_s)
    return {
        "id": number,
        "phase": phase,
        "cohort_min": 2,
        "opened_at": opened_at,
        "ended_at": ended_at,
    }


def happening(at: float, device: int, what: str, **fields: Any) -> Happening:
    return Happening(at, device, what, {"up": 10, "down": 100} | fields)


ROUNDS = (
    made_up_round(1, "published", 100.0, 400.0),
    made_up_round(2, "published", 400.0, 900.0),
    made_up_round(3, "abandoned", 900.0, 1_000.0),
    made_up_round(4, "published", 43_000.0, 43_300.0),
    made_up_round(5, "selecting", 43_300.0, None),
)
HAPPENINGS = [
    *(happening(110.0, 0, "granted", lease=lease) for lease in ("a", "a", "b", "c", "d", "e")),
    happening(150.0, 0, "accepted", round=1, staleness=0, lease="a"),
    happening(160.0, 1, "accepted", round=1, staleness=0, lease="b"),
    happening(420.0, 0, "accepted", round=2, staleness=1, lease="c"),
    happening(700.0, 1, "accepted", round=2, staleness=0, lease="d"),
    happening(710.0, 1, "repeated", round=2, lease="d"),
    happening(950.0, 0, "accepted", round=3, staleness=0, lease="e"),
    happening(960.0, 0, "refused", reason="off_grid"),
    happening(960.5, 0, "told_to_wait"),
    happening(961.0, 0, "refused", reason="wrong_length"),
    happening(962.0, 0, "refused", reason="wrong_length"),
    Happening(970.0, 1, "dropped_out", {"lease": "f"}),
]
OUTCOMES = {"a": "counted", "b": "counted", "c": "counted", "d": "counted", "e": "discarded"}


def test_made_up_days_have_their_figures() -> None:
    found = measure(TRACE, HAPPENINGS, Books(ROUNDS, (), (), OUTCOMES))
    assert (found.published, found.abandoned, found.rounds_per_day) == (2, 1, 4.0)
    assert found.quorum_s_median == pytest.approx((60.0 + 300.0) / 2)
    assert found.quorum_s_p90 == pytest.approx(60.0 + 0.9 * 240.0)
    assert (found.leases, found.updates, found.wasted) == (5, 4, 1)
    assert found.wasted_share == pytest.approx(0.2)
    assert (found.up_bytes, found.down_bytes) == (16 * 10 / 2, 16 * 100 / 2)
    assert (found.requests, found.requests_per_update) == (16, 16 / 4)
    assert found.staleness == {0: 3, 1: 1}, "the discarded one is not among them"
    assert found.polls_per_visit == 1 / 4
    assert list(found.refusals.items()) == [("wrong_length", 2), ("off_grid", 1)]


def test_days_without_a_round_have_figures_too() -> None:
    found = measure(Trace(1, 0.5, (DEVICE,), ()), [], Books((), (), (), {}))
    assert (found.staleness, found.polls_per_visit) == ({}, None)
    assert (found.rounds_per_day, found.wasted_share, found.refusals) == (0.0, 0.0, {})
    assert (found.quorum_s_median, found.quorum_s_p90, found.requests_per_update) == (None,) * 3
