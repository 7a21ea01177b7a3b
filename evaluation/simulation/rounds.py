"""Simulated rounds: invite, lose some, sum what the others trained, step the server, again.

A round goes through the service's own plan, selection and server step. Only the network, the
clock and the gate are missing, and on the fused path the per-device vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from app.coordinator.planning import make_plan, round_block
from app.models.bundle import Bundle, as_received
from app.settings import RoundSettings
from clients.python.allocator import keep_freed_memory
from clients.python.own_history import within
from evaluation.simulation.fused import FusedDevices, Received
from evaluation.simulation.population import Population, training_seeds
from federation.canonical import digest
from federation.grid import from_sum
from federation.plan import Plan
from federation.selection import invitations
from recsys.arrays import Floats, Ints
from recsys.local_training import LocalSettings
from recsys.server_step import ServerSettings, ServerState, server_step

# Devices trained at a time on the fused path: their logits, (devices x cuts, block), stay in cache.
LOGITS_AT_A_TIME = 1 << 20
NOTHING = digest(b"")  # no bundle is stored and no catalogue map is shipped
ROW_KEY = bytes(16)


@dataclass(frozen=True)
class RoundsSettings:
    """What is simulated.

    cohort_target, cohort_min, clip_l2, block_rows: as `app.settings.RoundSettings` has them
    dropout: share of the invited devices that never deliver
    """

    cohort_target: int = 128
    cohort_min: int = 16
    clip_l2: float = 1.3
    block_rows: int = 1 << 30
    dropout: float = 0.0
    path: Literal["fused", "exact"] = "fused"
    local: LocalSettings = field(default_factory=LocalSettings)
    server: ServerSettings = field(default_factory=ServerSettings)


@dataclass(frozen=True)
class RoundResult:
    """state: after the round; the one before where it was abandoned for want of devices.

    accepted: devices whose updates were summed; clipped: share of them over the clip norm
    """

    state: ServerState
    accepted: int
    abandoned: bool
    clipped: float = float("nan")


class Rounds:
    """A population's rounds. Everything random follows from the seed."""

    def __init__(
        self, population: Population, live: Ints, settings: RoundsSettings, seed: int
    ) -> None:
        self._population, self._live = population, live
        self._settings, self._seed = settings, seed
        # A device without two events has nothing to cut; the service lets it upload zeros.
        self._able = np.nonzero(population.lengths >= 2)[0].astype(np.int64)
        # Batches come and go by the ten megabytes; fetching that anew each time is a third of all.
        keep_freed_memory()

    def run(self, state: ServerState, n_rounds: int) -> Iterator[RoundResult]:
        """Round after round."""
        for round_id in range(n_rounds):
            result = self.round(state, round_id)
            state = result.state
            yield result

    def round(self, state: ServerState, round_id: int) -> RoundResult:
        """One round from invitation to server step."""
        settings = self._settings
        members = self._delivering(round_id)
        if members.shape[0] < min(settings.cohort_min, settings.cohort_target):
            return RoundResult(state, int(members.shape[0]), abandoned=True)
        plan, bundle = self.plan(state, round_id)
        mean, clipped = self._mean_delta(plan, bundle, members, round_id)
        after = server_step(state, mean, bundle.block, settings.server)
        return RoundResult(after, int(members.shape[0]), False, clipped)

    def _delivering(self, round_id: int) -> Ints:
        """The devices whose updates count: invited, not lost, and among the first to arrive."""
        rng = np.random.default_rng((self._seed, round_id))
        settings, n = self._settings, self._able.shape[0]
        wanted = min(n, invitations(settings.cohort_target, settings.dropout))
        invited = self._able[rng.choice(n, wanted, replace=False)]
        kept = invited[rng.random(wanted) >= settings.dropout]
        return kept[: settings.cohort_target]

    def plan(self, state: ServerState, round_id: int) -> tuple[Plan, Bundle]:
        """The plan of a round, and what its devices download."""
        settings, table = self._settings, state.tower.table()
        block = round_block(table, self._live, settings.block_rows, round_id, ROW_KEY)
        bundle = Bundle(
            model_version=round_id,
            event_types=tuple(str(i) for i in range(state.scalars.n_types)),
            catalogue=NOTHING,
            block=block,
            rows=block,
            table=as_received(table.take(block)),
            scalars=state.scalars,
        )
        rounds = RoundSettings(
            cohort_target=settings.cohort_target,
            cohort_min=min(settings.cohort_min, settings.cohort_target),
            clip_l2=settings.clip_l2,
            block_rows=settings.block_rows,
        )
        return make_plan(bundle, NOTHING, rounds, settings.local), bundle

    def _mean_delta(
        self, plan: Plan, bundle: Bundle, members: Ints, round_id: int
    ) -> tuple[Floats, float]:
        """The mean of the clipped deltas, (n_values,), and the share of devices that clipped."""
        local_steps = self._settings.local.local_steps
        seeds = training_seeds(self._seed, round_id, members, local_steps)
        if self._settings.path == "exact":
            histories = (within(self._population.history(i), bundle.rows) for i in members)
            from evaluation.simulation.exact import exact_sum

            running = exact_sum(plan, bundle, histories, seeds)
            return from_sum(running.result, running.count, plan.grid)[0], float("nan")
        return self._fused_mean(plan, bundle, members, round_id)

    def _fused_mean(
        self, plan: Plan, bundle: Bundle, members: Ints, round_id: int
    ) -> tuple[Floats, float]:
        settings, local = self._settings, self._settings.local
        received = Received(bundle.table, bundle.scalars, np.arange(plan.n_block))
        total, n_clipped = np.zeros(plan.n_values, np.float64), 0
        size = max(8, LOGITS_AT_A_TIME // (local.n_cuts * plan.n_block))
        for part in self._population.batches(members, size):
            batch, able = self._population.batch(part).within(bundle.rows)
            seeds = training_seeds(self._seed, round_id, part[able], local.local_steps)
            if able.any():
                devices = FusedDevices(received, batch, local, seeds)
                devices.train()
                found = devices.clipped_sum(settings.clip_l2)
                total += found.values
                n_clipped += int((found.norms > settings.clip_l2).sum())
        return (total / members.shape[0]).astype(np.float32), n_clipped / members.shape[0]
