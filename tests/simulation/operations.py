"""What happens in a world, as values: a list of operations can be shrunk, printed and kept."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from app.crash_points import CRASH_POINTS, CrashPoint

Kind = Literal[
    "act",
    "deliver",
    "begin",
    "duplicate",
    "drop",
    "work",
    "tick",
    "elapse",
    "arm",
    "kill",
    "pause",
    "resume",
    "abandon",
    "start",
    "revoke",
    "damage",
    "wear",
    "catalogue",
]

CALM: dict[Kind, float] = {
    "act": 24,
    "deliver": 44,
    "begin": 12,
    "work": 16,
    "tick": 22,
    "elapse": 5,
    "catalogue": 0.2,
}
FAULTS: dict[Kind, float] = {
    "duplicate": 6,
    "drop": 5,
    "arm": 6,
    "kill": 1,
    "pause": 0.3,
    "resume": 2,
    "abandon": 0.25,
    "start": 3,
    "revoke": 0.2,
    "damage": 0.4,
    "wear": 0.1,
}
PICKS = 1 << 16
# Versions serve, and operators order, outside of these worlds.
ELSEWHERE = ("standing", "rollback", "order")
SIMULATED_POINTS: tuple[CrashPoint, ...] = tuple(
    point for point in CRASH_POINTS if not point.startswith(ELSEWHERE)
)
ELAPSED_S = (0.5, 1.0, 2.0, 5.0, 10.0, 45.0)


@dataclass(frozen=True)
class Operation:
    """pick: which of what there is, modulo how many there are."""

    kind: Kind
    pick: int = 0

    @property
    def crash_point(self) -> str:
        return SIMULATED_POINTS[self.pick % len(SIMULATED_POINTS)]

    @property
    def elapsed_s(self) -> float:
        return ELAPSED_S[self.pick % len(ELAPSED_S)]


def draw_operations(rng: Random, n: int, fault_rate: float) -> list[Operation]:
    """n operations. fault_rate: 0 for a calm world, 1 for a wild one."""
    weights = CALM | {kind: weight * fault_rate for kind, weight in FAULTS.items()}
    kinds = rng.choices(list(weights), list(weights.values()), k=n)
    return [Operation(kind, rng.randrange(PICKS)) for kind in kinds]
