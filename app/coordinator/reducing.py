"""Reducing: the sum of a round's updates, from their blobs. Repeating it changes nothing."""

from app.coordinator.repository import Member
from app.crash_points import crash_point
from app.rounds.uploads import FOLDER as UPDATES
from app.rounds.uploads import blob_name
from app.store.blobs import BlobStore, digest_of
from federation.aggregate import RunningSum
from federation.plan import Plan
from federation.refusals import Refusal
from federation.update_codec import decode

SUMS = "sums"
UPDATE_MISSING = "update_missing"
UPDATE_DAMAGED = "update_damaged"


def sum_name(round_id: int) -> str:
    """Where the sum of a round lies in SUMS."""
    return f"round-{round_id}"


def reduce_updates(
    blobs: BlobStore, plan: Plan, round_id: int, members: list[Member]
) -> str | None:
    """Sum the members' updates and store the sum; None, or the reason why that cannot be done."""
    running = RunningSum(plan.n_words, plan.cohort_limit)
    for member in members:
        body = blobs.get(UPDATES, blob_name(member.assignment_id, member.body_digest))
        if body is None:
            return UPDATE_MISSING
        words = decode(body, plan.digest, plan.n_words)
        if isinstance(words, Refusal) or digest_of(body) != member.body_digest:
            return UPDATE_DAMAGED
        running.add(words)
    crash_point("reduce_before_sum")
    blobs.put(SUMS, sum_name(round_id), running.to_bytes())
    crash_point("reduce_after_sum")
    return None


def read_sum(blobs: BlobStore, plan: Plan, round_id: int) -> tuple[RunningSum, str] | None:
    """The stored sum and its digest; None when it is gone or damaged."""
    body = blobs.get(SUMS, sum_name(round_id))
    if body is None:
        return None
    try:
        return RunningSum.from_bytes(body, plan.cohort_limit), digest_of(body)
    except ValueError:
        return None
