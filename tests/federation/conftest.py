"""A plan that tests may vary."""

from collections.abc import Callable
from typing import Any

import pytest

from federation.canonical import digest
from federation.grid import Grid
from federation.plan import Plan

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
