"""States and events that cannot be, and the way of a state through storage."""

from dataclasses import replace
from typing import Any

import pytest

from federation.round_events import AbandonAsked, GateFailed, LeasesExpired, UploadOffered
from federation.round_state import PHASES, RoundState


@pytest.mark.parametrize(
    "make",
    [
        lambda: UploadOffered(1.0, "accepted"),
        lambda: UploadOffered(1.0, "stolen"),  # type: ignore[arg-type]
        lambda: LeasesExpired(1.0, -1),
        lambda: AbandonAsked(1.0, ""),
        lambda: GateFailed(1.0, "Not a code"),
    ],
)
def test_events_that_make_no_sense(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    "change",
    [
        {"accepted": 4},
        {"accepted": 1},
        {"granted": -1},
        {"granted": 5},
        {"expired": 1},
        {"cohort_min": 0},
        {"cohort_min": 4},
        {"invitations": 2},
        {"phase": "asleep"},
        {"phase": "paused"},
        {"phase": "abandoned"},
        {"phase": "selecting"},
        {"reason": "operator"},
        {"lease_s": 0.0},
        {"hold_s_max": 0.0},
    ],
)
def test_states_that_cannot_be(round_in: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(round_in("scheduled"), **change)


def test_state_comes_from_a_plan_and_survives_storage(round_in: Any, make_plan: Any) -> None:
    state = RoundState.of_plan(4, make_plan(), invitations=13, work_deadline_s=5.0)
    assert (state.cohort_target, state.cohort_min, state.invitations) == (10, 4, 13)
    assert (state.deadline_s, state.lease_s, state.work_deadline_s) == (600.0, 120.0, 5.0)
    for stored in [state, *map(round_in, PHASES)]:
        assert RoundState.from_mapping(stored.to_mapping()) == stored
    with pytest.raises(ValueError, match="extra"):
        RoundState.from_mapping(state.to_mapping() | {"extra": 1})
