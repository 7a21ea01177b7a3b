"""A plan that tests may vary, and a round in every phase."""

from collections.abc import Callable
from typing import Any

import pytest

from federation.canonical import digest
from federation.grid import Grid
from federation.plan import Plan
from federation.round_engine import replay
from federation.round_events import (
    AbandonAsked,
    CheckedIn,
    GatePassed,
    Opened,
    Paused,
    SumReady,
    UploadOffered,
)
from federation.round_state import Phase, RoundState
from tests.federation.round_steps import SUM

MakePlan = Callable[..., Plan]


@pytest.fixture(scope="session")
def make_plan() -> MakePlan:
    """A factory of valid plans; keyword arguments replace fields."""

    def make(**changes: Any) -> Plan:
        fields: dict[str, Any] = {
            "model_version": 7,
            "bundle": digest(b"bundle"),
            "block": digest(b"block"),
            "n_block": 3,
            "n_values": 50,
            "grid": Grid(clip_l2=1.5),
            "training": {"local_steps": 1, "local_rate": 0.5, "objective": "ordered"},
            "cohort_target": 10,
            "cohort_min": 4,
            "deadline_s": 600.0,
            "lease_s": 120.0,
        }
        return Plan(**(fields | changes))

    return make


RoundIn = Callable[[Phase], RoundState]


@pytest.fixture(scope="session")
def round_in() -> RoundIn:
    """A small round in the given phase: target 3, quorum 2, 4 invitations, opened at time 0.

    "training": all four leases are out; "reducing" and later: three updates were accepted at 2.0;
    "paused": held at 1.0 while selecting.
    """
    scheduled = RoundState(
        round_id=1,
        cohort_target=3,
        cohort_min=2,
        invitations=4,
        deadline_s=100.0,
        lease_s=30.0,
        work_deadline_s=10.0,
    )
    selecting = replay(scheduled, Opened(0.0))
    training = replay(selecting, *[CheckedIn(1.0, False, False)] * 4)
    reducing = replay(training, *[UploadOffered(2.0, "open")] * 3)
    gating = replay(reducing, SumReady(3.0, SUM))
    published = replay(gating, GatePassed(4.0))
    abandoned = replay(selecting, AbandonAsked(1.0, "operator"))
    paused = replay(selecting, Paused(1.0))
    states = [scheduled, selecting, training, reducing, gating, published, abandoned, paused]
    return {state.phase: state for state in states}.__getitem__
