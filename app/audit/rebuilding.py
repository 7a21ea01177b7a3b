"""Rebuilding versions from their records: replay from a checkpoint by the code that published them.

A round's version is made again from its parent and its exact sum, in memory. On the recorded build
(torch, thread count, instruction set) it must be the recorded one, byte for byte. On another build
the last digits may differ; then its table is held against the stored one, where one is kept, and
replay goes on from what is stored.
"""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from app.audit.evidence import Evidence
from app.audit.scratch_blobs import ScratchBlobs
from app.coordinator.build import threads_of
from app.coordinator.model import Model, ModelLostError, load_model
from app.coordinator.retention import Retention
from app.coordinator.round_version import ClosedRound, RoundCandidate, make_round_version
from app.models.served_model import ModelUnreadableError
from app.store.blobs import BlobStore
from federation.audit_chain import BrokenLink
from federation.plan import Plan
from recsys.item_table import ItemTable

TABLE_BOUND = 1e-3
"""The most that a value of an item table may differ between builds, from one checkpoint on."""

# What follows from plan, sum and members alone, on every build. Not the members' digests: those of
# an erased account can no longer be made.
EXACT_FIELDS = ("plan", "sum", "count", "metrics", "gate", "updates_root", "signatures_root")

Outcome = Literal["checkpoint", "identical", "within_bound", "not_compared"]


@dataclass(frozen=True)
class Rebuilt:
    """outcome: "checkpoint" (stored whole, made by no sum), "identical", "within_bound" (another
    build), or "not_compared" (another build, and no table of the version is kept)."""

    outcome: Outcome
    difference: float = 0.0


class Replay:
    """Goes from version to version, oldest first. secret: salts the members' digests."""

    def __init__(self, blobs: BlobStore, secret: bytes) -> None:
        self._blobs = blobs
        self._secret = secret
        self._model: Model | None = None

    def advance(self, evidence: Evidence, retention: Retention) -> Rebuilt | BrokenLink:
        """The next version, rebuilt or, where replay may begin, read from its checkpoint."""
        stored = self._stored(evidence, retention)
        if isinstance(stored, BrokenLink):
            return stored
        parent, self._model = self._model, stored
        if parent is not None and parent.version != evidence.record.parent:
            parent = None
        if evidence.record.kind != "round" or parent is None:
            if stored is None:
                return evidence.broken("rebuild: its parent is not kept")
            return Rebuilt("checkpoint")
        made = _rebuild(self._blobs, parent, evidence, self._secret)
        if isinstance(made, str):
            return evidence.broken(f"rebuild: {made}")
        self._model = stored or made.candidate.model
        return _compare(evidence, made, stored)

    def _stored(self, evidence: Evidence, retention: Retention) -> Model | BrokenLink | None:
        if not retention.keeps_whole(evidence.row.id, evidence.row.kind):
            return None
        try:
            return load_model(self._blobs, evidence.source)
        except (ModelLostError, ModelUnreadableError, ValueError) as error:
            return evidence.broken(f"training_state: {error}")


def _rebuild(
    blobs: BlobStore, parent: Model, evidence: Evidence, secret: bytes
) -> RoundCandidate | str:
    """The version once more, by the very function that made it for publication."""
    found = evidence.round
    assert found is not None, "a round's version was checked to have one"
    sum_digest = evidence.record.sum
    assert sum_digest is not None, "a round's version was checked to have a sum"
    closed = ClosedRound(found.id, Plan.from_json(found.plan), found.members, sum_digest)
    with threads_of(evidence.record.build):
        return make_round_version(ScratchBlobs(blobs), parent, closed, secret)


def _compare(
    evidence: Evidence, made: RoundCandidate, stored: Model | None
) -> Rebuilt | BrokenLink:
    record, again = evidence.record, made.candidate.record
    for name in EXACT_FIELDS:
        if getattr(again, name) != getattr(record, name):
            return evidence.broken(f"{name}: rebuilding gives another")
    if (again.model, again.training_state) == (record.model, record.training_state):
        return Rebuilt("identical")
    if again.build == record.build:
        name = "model" if again.model != record.model else "training_state"
        return evidence.broken(f"{name}: rebuilding from parent and sum gives another")
    if stored is None:
        return Rebuilt("not_compared")
    difference = _largest_difference(made.candidate.model.table, stored.table)
    if not difference <= TABLE_BOUND:
        return evidence.broken(f"model: rebuilding is off by {difference:.2g} on another build")
    return Rebuilt("within_bound", difference)


def _largest_difference(made: ItemTable, stored: ItemTable) -> float:
    if made.n_rows != stored.n_rows:
        return float("inf")
    pairs = [(getattr(made, f.name), getattr(stored, f.name)) for f in fields(ItemTable)]
    return max(float(np.abs(one - other).max(initial=0.0)) for one, other in pairs)
