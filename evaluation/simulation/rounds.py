"""Simulated rounds: invite, lose some, sum what the others trained, step the server, again.

A round goes through the service's own plan, selection and server step. Only the network, the
clock and the gate are missing, and on the fused path the per-device vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from app.coordinator.planning import make_plan, round_block
from app.coordinator.summed_step import step_from_sum
from app.models.bundle import Bundle, as_received
from app.settings import RoundSettings
from clients.python.allocator import keep_freed_memory
from clients.python.own_history import within
from evaluation.simulation.exact import exact_sum
from evaluation.simulation.fused import Received, fused_sum
from evaluation.simulation.population import Population, training_seeds
from federation.canonical import digest
from federation.plan import Plan
from federation.selection import invitations
from federation.staleness import StaleSums
from recsys.arrays import Floats, Ints
from recsys.draws import Seeds
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
        count = int(members.shape[0])
        if count < min(settings.cohort_min, settings.cohort_target):
            return RoundResult(state, count, abandoned=True)
        plan, bundle = self.plan(state, round_id)
        if settings.path == "exact":
            running = self._exact_sum(plan, bundle, members, round_id)
            after, _ = step_from_sum(state, running, plan, bundle, settings.server)
            return RoundResult(after, count, abandoned=False)
        total, clipped = self._fused_sum(bundle, members, round_id)
        mean = (total / count).astype(np.float32)
        after = server_step(state, mean, bundle.block, settings.server)
        return RoundResult(after, count, False, clipped / count)

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

    def _exact_sum(self, plan: Plan, bundle: Bundle, members: Ints, round_id: int) -> StaleSums:
        histories = (within(self._population.history(i), bundle.rows) for i in members)
        return exact_sum(plan, bundle, histories, self._training_seeds(members, round_id))

    def _fused_sum(self, bundle: Bundle, members: Ints, round_id: int) -> tuple[Floats, int]:
        """The sum of the clipped deltas, (n_values,) float64, and how many were clipped."""
        local, clip_l2 = self._settings.local, self._settings.clip_l2
        n_block = bundle.block.shape[0]
        received = Received(bundle.table, bundle.scalars, np.arange(n_block))
        total: Floats = np.zeros(0)
        clipped = 0
        size = max(8, LOGITS_AT_A_TIME // (local.n_cuts * n_block))
        for part in self._population.batches(members, size):
            batch = self._population.batch(part).within(bundle.rows)
            seeds = self._training_seeds(part, round_id)
            found = fused_sum(received, batch, local, seeds, clip_l2)
            values = found.values.astype(np.float64)
            total = total + values if total.size else values
            clipped += int((found.norms > clip_l2).sum())
        return total, clipped

    def _training_seeds(self, devices: Ints, round_id: int) -> Seeds:
        local_steps = self._settings.local.local_steps
        return training_seeds(self._seed, round_id, devices, local_steps)
