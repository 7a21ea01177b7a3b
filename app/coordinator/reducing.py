"""Reducing: the sum of a round's updates. Parts are summed by whoever is free, then merged.

One update is in memory at a time, and one partial sum while they are merged, so that memory does
not grow with the cohort. A part is a function of its round: summed twice, it has the same bytes.
"""

from app.coordinator.repository import Member
from app.crash_points import crash_point
from app.rounds.jobs_repository import Job, Partial
from app.rounds.uploads import FOLDER as UPDATES
from app.rounds.uploads import blob_name
from app.store.blobs import BlobStore, digest_of
from federation.plan import Plan
from federation.refusals import Refusal
from federation.staleness import StaleSums
from federation.update_codec import decode

SUMS = "sums"
PARTIALS = "partials"
UPDATE_MISSING = "update_missing"
UPDATE_DAMAGED = "update_damaged"


class UnreadableError(Exception):
    """A stored update, or a partial sum, is not there or not what it was. reason: a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sum_name(round_id: int) -> str:
    """Where the sum of a round lies in SUMS."""
    return f"round-{round_id}"


def partial_name(round_id: int, first: int) -> str:
    """Where the sum of the updates from `first` on lies in PARTIALS."""
    return f"{round_id}.{first}"


def sum_part(blobs: BlobStore, plan: Plan, job: Job, members: list[Member]) -> str:
    """Sum the updates of a job and store the partial sum; its digest.

    Raises: UnreadableError `update_missing` or `update_damaged`.
    """
    sums = StaleSums(plan.n_words, plan.cohort_limit)
    for member in members:
        body = blobs.get(UPDATES, blob_name(member.assignment_id, member.body_digest))
        if body is None:
            raise UnreadableError(UPDATE_MISSING)
        # A stale update names its own plan, which differs from this one in its version alone.
        words = decode(body, member.plan_digest, plan.n_words)
        if isinstance(words, Refusal) or digest_of(body) != member.body_digest:
            raise UnreadableError(UPDATE_DAMAGED)
        sums.add(words, member.staleness)
    body = sums.to_bytes()
    crash_point("reduce_before_part")
    blobs.put(PARTIALS, partial_name(job.round_id, job.first), body)
    crash_point("reduce_after_part")
    return digest_of(body)


def merge_parts(blobs: BlobStore, plan: Plan, round_id: int, parts: list[Partial]) -> str | None:
    """Merge the partial sums and store the round's sum; None when a part is lost or damaged.

    The digest is that of the bytes as they were summed: what is read again must have it.
    """
    sums = StaleSums(plan.n_words, plan.cohort_limit)
    for part in parts:
        body = blobs.get(PARTIALS, partial_name(round_id, part.first))
        if body is None or digest_of(body) != part.digest:
            return None
        sums.merge(StaleSums.from_bytes(body, plan.n_words, plan.cohort_limit))
    whole = sums.to_bytes()
    crash_point("reduce_before_sum")
    blobs.put(SUMS, sum_name(round_id), whole)
    crash_point("reduce_after_sum")
    return digest_of(whole)


def is_sum_kept(blobs: BlobStore, round_id: int, digest: str) -> bool:
    """Whether the stored sum still has the digest that it was stored with."""
    body = blobs.get(SUMS, sum_name(round_id))
    return body is not None and digest_of(body) == digest


def read_sum(blobs: BlobStore, plan: Plan, round_id: int) -> tuple[StaleSums, str] | None:
    """The stored sum and its digest; None when it is gone or damaged."""
    body = blobs.get(SUMS, sum_name(round_id))
    if body is None:
        return None
    try:
        return StaleSums.from_bytes(body, plan.n_words, plan.cohort_limit), digest_of(body)
    except ValueError:
        return None
