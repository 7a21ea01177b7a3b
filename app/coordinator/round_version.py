"""From a round's sum to the candidate of the version that it publishes."""

import hashlib
import hmac
from dataclasses import dataclass

from app.coordinator.candidate import Ancestry, Candidate, RoundEvidence, make_candidate
from app.coordinator.gate import check_version
from app.coordinator.model import Model
from app.coordinator.reducing import read_sum
from app.coordinator.repository import Member
from app.coordinator.summed_step import step_from_sum
from app.models.bundle import FOLDER as BUNDLES
from app.models.bundle import decode_bundle
from app.models.publish import VersionContent
from app.store.blobs import BlobStore
from federation.audit import member_digest
from federation.merkle import signature_leaves, tree_root, update_leaves
from federation.plan import Plan
from federation.round_state import SUM_LOST
from recsys.arrays import Floats
from recsys.server_step import ServerSettings, ServerState

BUNDLE_LOST = "bundle_lost"
MEMBERS_LABEL = b"twofold/members/1"


@dataclass(frozen=True)
class ClosedRound:
    """A round in its gate: what it planned and who took part. sum: digest of the members' sum."""

    id: int
    plan: Plan
    members: list[Member]
    sum: str


@dataclass(frozen=True)
class RoundCandidate:
    """A candidate with the cohort's means, as `cohort_metrics` gives them."""

    candidate: Candidate
    metrics: dict[str, int | float] | None


def make_round_version(
    blobs: BlobStore, parent: Model, closed: ClosedRound, secret: bytes
) -> RoundCandidate | str:
    """The candidate, or the reason why there is none. secret: salts the members' digests.

    parent: the newest version. When the catalogue published in between it is younger than the
    plan's, with the very rows that the devices trained.
    """
    stored, body = read_sum(blobs, closed.plan, closed.id), blobs.get(BUNDLES, closed.plan.bundle)
    # A sum of other bytes may be as well-formed as the right one: every word has its range.
    if stored is None or stored[1] != closed.sum or stored[0].count != len(closed.members):
        return SUM_LOST
    if body is None:
        return BUNDLE_LOST
    sums, sum_digest = stored
    bundle = decode_bundle(body)
    state, means = step_from_sum(parent.state, sums, closed.plan, bundle, ServerSettings())
    metrics = cohort_metrics(means, sums.fresh.count)
    evidence = RoundEvidence(
        plan=closed.plan.digest,
        sum=sum_digest,
        count=sums.count,
        members=_member_digests(closed, secret),
        metrics=dict(metrics or {}),
        updates_root=updates_root(closed.members),
        signatures_root=signatures_root(closed.members),
    )
    return _checked(blobs, parent, closed, state, evidence, metrics)


def _checked(
    blobs: BlobStore,
    parent: Model,
    closed: ClosedRound,
    state: ServerState,
    evidence: RoundEvidence,
    metrics: dict[str, int | float] | None,
) -> RoundCandidate | str:
    table = state.tower.table()
    reason = check_version(parent.table, table, state.scalars, parent.live)
    if reason is not None:
        return reason
    content = VersionContent(
        version=parent.version + 1,
        parent=parent.version,
        kind="round",
        round_id=closed.id,
        table=table,
        scalars=state.scalars,
        event_types=parent.event_types,
        catalogue=parent.catalogue,
    )
    ancestry = Ancestry("round", parent, closed.id, evidence)
    return RoundCandidate(make_candidate(blobs, content, state, ancestry), metrics)


def _member_digests(closed: ClosedRound, secret: bytes) -> tuple[str, ...]:
    salt = hmac.new(secret, MEMBERS_LABEL + str(closed.id).encode(), hashlib.sha256).digest()
    return tuple(sorted(member_digest(salt, member.user_id) for member in closed.members))


def updates_root(members: list[Member]) -> str:
    """The Merkle root over the members' updates."""
    return tree_root(update_leaves((one.assignment_id, one.body_digest) for one in members))


def signatures_root(members: list[Member]) -> str | None:
    """The Merkle root over the envelopes of those who signed; None if nobody did."""
    signed = [(m.assignment_id, m.signature_digest) for m in members]
    named = [(assignment, name) for assignment, name in signed if name is not None]
    return tree_root(signature_leaves(named)) if named else None


def cohort_metrics(means: Floats, count: int) -> dict[str, int | float] | None:
    """Means over the devices that measured: n, loss, hits_at_10, loss_squared; None if none did.

    means: (4,) over all devices, of n (0 or 1), loss, hits@10 and loss squared.
    """
    share, *measured = (float(mean) for mean in means)
    n = round(share * count)
    if n == 0:
        return None
    loss, hits, squared = (mean * count / n for mean in measured)
    return {"n": n, "loss": loss, "hits_at_10": hits, "loss_squared": squared}
