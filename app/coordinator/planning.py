"""From settings and the newest version to the plan of a round, with its bundle."""

from dataclasses import dataclass

import numpy as np

from app.coordinator.model import Model
from app.models.bundle import FOLDER, Bundle, encode_bundle
from app.rounds.orders_repository import RoundOrder
from app.settings import RoundSettings
from app.store.blobs import BlobStore
from federation.block import block_bytes, choose_block
from federation.canonical import digest
from federation.plan import COHORT_LIMIT, Grid, Plan
from federation.round_engine import step
from federation.round_events import Opened
from federation.round_state import RoundState
from federation.selection import DropoutBelief, invitations, learn_dropout
from recsys.arrays import Ints
from recsys.flat_vector import n_values
from recsys.item_table import ItemTable
from recsys.local_training import LocalSettings

LEVELS = 2**20
WORD_MAX = 2**31 - 1
# Half of a block goes to the items that most people meet, the other half to all others in turn.
CORE_SHARE = 0.5


@dataclass(frozen=True)
class Planned:
    """A round that may be opened: its number, its plan, how many devices it invites.

    settings: what it was planned from. order: of the operator who asked for it, if one did.
    """

    round_id: int
    plan: Plan
    invitations: int
    settings: RoundSettings
    order: RoundOrder | None = None

    @property
    def waits(self) -> bool:
        """Whether its order says that the round is to be started later."""
        return self.order is not None and not self.order.start

    def begun(self, now: float, carried: int = 0) -> RoundState:
        """The state of the round: opened now, with the leases it takes over, or scheduled."""
        scheduled = RoundState.of_plan(
            self.round_id,
            self.plan,
            self.invitations,
            refill=self.settings.refill,
            hold_s_max=self.settings.hold_s_max,
            scheduled_at=now,
        )
        return scheduled if self.waits else step(scheduled, Opened(now, carried))[0]


def plan_round(
    blobs: BlobStore,
    model: Model,
    settings: RoundSettings,
    round_id: int,
    row_key: bytes,
    past: list[RoundState],
) -> Planned:
    """The plan of round `round_id` on `model`; its bundle is stored. past: ended rounds."""
    live = model.live
    # Leases are taken over only within one block: it stays for as long as staleness may grow.
    block_number = round_id // (settings.max_staleness + 1)
    block = round_block(model.table, live, settings.block_rows, block_number, row_key)
    rows = live if live.size <= settings.block_rows else block
    bundle = Bundle(
        model_version=model.version,
        event_types=model.event_types,
        catalogue=model.catalogue_digest,
        block=block,
        rows=rows,
        table=model.table.take(rows),
        scalars=model.state.scalars,
    )
    named = blobs.put_content(FOLDER, encode_bundle(bundle))
    plan = make_plan(bundle, named, settings, LocalSettings())
    return Planned(round_id, plan, _places(settings, past), settings)


def _places(settings: RoundSettings, past: list[RoundState]) -> int:
    """Leases of a round: FedBuff's concurrency, or as many as let the target be reached."""
    if settings.max_staleness > 0:
        return settings.places
    return invitations(settings.cohort_target, dropout(past))


def make_plan(
    bundle: Bundle, bundle_digest: str, settings: RoundSettings, training: LocalSettings
) -> Plan:
    """What the devices that download `bundle` are asked to do. bundle_digest: of its bytes."""
    scalars, n_block = bundle.scalars, int(bundle.block.size)
    # The sum of a whole cohort has to fit a word: the larger the cohort, the coarser the grid.
    limit = max(COHORT_LIMIT, settings.cohort_target)
    return Plan(
        model_version=bundle.model_version,
        bundle=bundle_digest,
        block=digest(block_bytes(bundle.block)),
        n_block=n_block,
        n_values=n_values(n_block, bundle.table.dim, scalars.history_length, scalars.n_types),
        grid=Grid(settings.clip_l2, min(LEVELS, WORD_MAX // limit)),
        training=training.to_mapping(),
        cohort_target=settings.cohort_target,
        cohort_min=settings.cohort_min,
        cohort_limit=limit,
        deadline_s=settings.deadline_s,
        lease_s=settings.lease_s,
        max_staleness=settings.max_staleness,
        min_separation=settings.min_separation,
        participations_max=settings.participations_max,
    )


def round_block(
    table: ItemTable, live: Ints, block_max: int, round_id: int, row_key: bytes
) -> Ints:
    """The rows that a round trains: at most `block_max` of the live ones, sorted."""
    n_core = min(int(block_max * CORE_SHARE), block_max - 1)
    # The learnt bias says what is popular without a look at anybody's events.
    order = np.lexsort((live, -table.bias[live]))
    return choose_block(live, live[order[:n_core]], block_max, round_id, row_key)


def dropout(past: list[RoundState]) -> float:
    """The share of invited devices that is expected not to deliver, learnt from ended rounds.

    past: newest first. A round that nobody came to says nothing.
    """
    belief = DropoutBelief()
    for ended in reversed(past):
        if ended.granted > 0:
            belief = learn_dropout(
                ended.granted, ended.accepted - ended.late, belief, undecided=ended.outstanding
            )
    return belief.mean
