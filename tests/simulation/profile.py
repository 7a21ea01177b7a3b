"""What differs from world to world, drawn from the seed before anything happens."""

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

from federation.canonical import digest
from federation.grid import Grid
from federation.plan import Plan
from federation.round_state import RoundState

Behaviour = Literal["honest", "forgetful", "stubborn", "two_faced", "late", "liar"]
BEHAVIOURS: tuple[Behaviour, ...] = (
    "honest",
    "honest",
    "honest",
    "forgetful",
    "stubborn",
    "two_faced",
    "late",
    "liar",
)

# A word is worth 1, so that a published vector can be read as counts.
GRID = Grid(clip_l2=float(2**20))
N_VALUES = 253
N_DEVICES = 8
# Every so many versions the trained rows change, and older updates fit no more.
VERSIONS_PER_BLOCK = 6


@dataclass(frozen=True)
class Profile:
    """behaviours, skews_s, accounts: of each device. fault_rate: 0 calm .. 1 wild.

    scheduled_first: rounds wait in "scheduled" for a tick of their own. pause_s: between rounds.
    """

    max_staleness: int
    cohort_target: int
    cohort_min: int
    invitations: int
    refill: int
    deadline_s: float
    lease_s: float
    min_separation: int
    participations_max: int
    pause_s: float
    job_updates: int
    scheduled_first: bool
    fault_rate: float
    behaviours: tuple[Behaviour, ...]
    skews_s: tuple[float, ...]
    accounts: tuple[int, ...]
    job_lease_s: float = 15.0
    work_deadline_s: float = 40.0
    work_attempts_max: int = 2

    def plan(self, model_version: int) -> Plan:
        """The plan of a round that trains from this version."""
        return _plan(self, model_version)

    def scheduled(self, round_id: int, plan: Plan, now: float) -> RoundState:
        """A round of `plan`, not opened yet."""
        return RoundState.of_plan(
            round_id,
            plan,
            self.invitations,
            refill=self.refill,
            work_deadline_s=self.work_deadline_s,
            work_attempts_max=self.work_attempts_max,
            hold_s_max=self.deadline_s,
            scheduled_at=now,
        )


def draw_profile(rng: Random, is_buffered: bool) -> Profile:
    """A small service with a few devices."""
    target = rng.randint(1, 4)
    invitations = rng.randint(target, target + 2)
    # Devices 0 and 1 may be one account's.
    shared = rng.random() < 0.5
    return Profile(
        max_staleness=rng.randint(1, 3) if is_buffered else 0,
        cohort_target=target,
        cohort_min=rng.randint(1, min(2, target)),
        invitations=invitations,
        refill=rng.randint(1, invitations) if is_buffered else 1,
        deadline_s=rng.choice([60.0, 150.0]),
        lease_s=rng.choice([30.0, 90.0, 200.0]),
        min_separation=rng.choice([0, 0, 1, 2]),
        participations_max=rng.choice([0, 0, 2, 4]),
        pause_s=rng.choice([0.0, 0.0, 5.0]),
        job_updates=rng.randint(1, 3),
        scheduled_first=rng.random() < 0.35,
        fault_rate=rng.choice([0.0, 0.3, 0.6, 1.0]),
        behaviours=tuple(rng.choice(BEHAVIOURS) for _ in range(N_DEVICES)),
        skews_s=tuple(rng.choice([0.0, 0.0, -600.0, 40.0, 600.0]) for _ in range(N_DEVICES)),
        accounts=tuple(0 if shared and i == 1 else i for i in range(N_DEVICES)),
    )


@lru_cache(maxsize=64)
def _plan(profile: Profile, model_version: int) -> Plan:
    return Plan(
        model_version=model_version,
        bundle=digest(f"bundle {model_version}".encode()),
        block=digest(f"block {model_version // VERSIONS_PER_BLOCK}".encode()),
        n_block=1,
        n_values=N_VALUES,
        grid=GRID,
        training={},
        cohort_target=profile.cohort_target,
        cohort_min=profile.cohort_min,
        deadline_s=profile.deadline_s,
        lease_s=profile.lease_s,
        max_staleness=profile.max_staleness,
        min_separation=profile.min_separation,
        participations_max=profile.participations_max,
    )
