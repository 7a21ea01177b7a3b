"""What to do next: the device's side of the protocol as pure decisions. No I/O, no clock, no dice.

    due, an update pending   -> send its bytes, before anything else
    due, nothing pending     -> check in -> assignment -> download, train, STORE, send -> receipt
                                         -> window     -> wait
    not due                  -> wait

Only what may succeed later is repeated: no answer, 429, 5xx, a credential that was not taken, and
a round that an operator holds. Every other refusal is final; the assignment is dropped with the
bytes that were made for it. The
pacing follows google-parfait/federated-compute, `fcp/client/flags.h`: an exponential back-off up to
15 minutes on transient errors, 4 hours +-20 % on permanent ones, and a window's moment drawn once,
when the window is received.
"""

from collections.abc import Callable
from dataclasses import dataclass

from clients.python.answers import Assignment, CheckIn, Failure, Receipt
from clients.python.objections import Objection
from clients.python.outcomes import Accepted, Declined, Dropped, Ended, Failed, Waits
from clients.python.state import PendingUpload, Schedule

Draw = Callable[[float, float], float]
"""A number drawn uniformly between two bounds."""

ENDING_REASONS = frozenset({"device_revoked"})
# Not a refusal of these bytes: the same request is answered otherwise later.
HELD_REASONS = frozenset({"round_paused"})
# The round went on without this device: it is not in the wrong, and the next round is open to it.
MISSED_ROUND_REASONS = frozenset(
    {"not_assigned", "assignment_expired", "round_closed", "update_conflict"}
)


@dataclass(frozen=True)
class RetryPolicy:
    """Waits in seconds. first_s doubles with every failure in a row up to most_s, give or take
    `spread`; permanent_s follows a final refusal, give or take `permanent_spread`; wait_most_s
    bounds what a service may ask for."""

    first_s: float = 2.0
    most_s: float = 900.0
    spread: float = 0.5
    permanent_s: float = 4 * 3600.0
    permanent_spread: float = 0.2
    wait_most_s: float = 7 * 86400.0

    def backoff_s(self, failures: int, draw: Draw) -> float:
        """The wait after this many failures in a row (1 or more)."""
        # 2^60 seconds outlast any bound: a larger exponent would only overflow.
        wait_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 60))
        return wait_s * draw(1.0 - self.spread, 1.0 + self.spread)

    def give_up_s(self, draw: Draw) -> float:
        """The wait after a final refusal."""
        return self.permanent_s * draw(1.0 - self.permanent_spread, 1.0 + self.permanent_spread)


@dataclass(frozen=True)
class Wait:
    """Do nothing before `until`."""

    until: float


@dataclass(frozen=True)
class Send:
    """Send a stored update."""

    pending: PendingUpload


@dataclass(frozen=True)
class AskForWork:
    """Check in."""


def next_step(
    schedule: Schedule, pending: PendingUpload | None, now: float
) -> Wait | Send | AskForWork:
    """The next step of a device that has just started, or just come back."""
    until = schedule.until(now)
    if now < until:
        return Wait(until)
    return AskForWork() if pending is None else Send(pending)


@dataclass(frozen=True)
class Session:
    """Decides on answers. policy: how long to wait; draw: the only randomness, given."""

    policy: RetryPolicy
    draw: Draw

    def backoff_s(self, failures: int) -> float:
        """The wait after this many failures in a row (1 or more)."""
        return self.policy.backoff_s(failures, self.draw)

    def on_check_in(
        self, answer: CheckIn | Failure, now: float, failures: int
    ) -> Assignment | Waits | Failed | Dropped | Ended:
        """An assignment to work on, or how this attempt ended."""
        if isinstance(answer, Failure):
            return self.on_failure(answer, now, failures)
        if answer.assignment is not None:
            return answer.assignment
        if answer.retry is None:  # neither work nor a window: come back as after a failure
            return Waits(until=now + self.backoff_s(1))
        after_s, before_s = (min(bound, self.policy.wait_most_s) for bound in answer.retry)
        return Waits(until=now + self.draw(after_s, before_s))

    def on_upload(
        self,
        pending: PendingUpload,
        answer: Receipt | Failure,
        status: int,
        now: float,
        failures: int,
    ) -> Accepted | Failed | Dropped | Ended:
        """How an upload ended. Only `Failed` keeps the bytes.

        A receipt for other bytes is no receipt: it is asked for again, and nothing is lost.
        """
        if isinstance(answer, Failure):
            return self.on_failure(answer, now, failures)
        if (answer.assignment, answer.body_digest) != (pending.assignment, pending.digest):
            wrong = Failure(None, "wrong_receipt", "the receipt names another update")
            return self.on_failure(wrong, now, failures)
        # The next check-in may come at once: its answer steers the pace.
        return Accepted(receipt=answer, replayed=status == 200, until=now)

    def on_failure(self, failure: Failure, now: float, failures: int) -> Failed | Dropped | Ended:
        """How an attempt ended whose last request did not succeed; failures: in a row, before."""
        reason, detail = failure.reason, failure.detail
        if reason in ENDING_REASONS:
            return Ended(reason=reason, detail=detail)
        if failure.transient or failure.status == 401 or reason in HELD_REASONS:
            wait_s = self.backoff_s(failures + 1)
            asked_s = min(failure.retry_after_s or 0.0, self.policy.wait_most_s)
            # Later than asked, never earlier, and not all devices at the same moment.
            wait_s = max(wait_s, asked_s * self.draw(1.0, 1.0 + self.policy.spread))
            return Failed(reason=reason, detail=detail, until=now + wait_s)
        missed = reason in MISSED_ROUND_REASONS
        wait_s = self.backoff_s(1) if missed else self.policy.give_up_s(self.draw)
        return Dropped(reason=reason, detail=detail, until=now + wait_s)

    def on_download_failure(
        self, failure: Failure, lease_s: float, now: float, failures: int
    ) -> Failed | Dropped | Ended:
        """How an attempt ended whose bundle did not come; lease_s: what is left of the lease."""
        ended = self.on_failure(failure, now, failures)
        if isinstance(ended, Dropped):
            return Dropped(
                reason=failure.reason, detail=failure.detail, until=self._after_lease(lease_s, now)
            )
        return ended

    def on_objection(self, objection: Objection, lease_s: float, now: float) -> Declined:
        """How an attempt ended in which the device objected."""
        until = self._after_lease(lease_s, now)
        return Declined(reason=objection.reason, detail=objection.detail, until=until)

    def _after_lease(self, lease_s: float, now: float) -> float:
        """Until the lease ends, check-ins would only bring the same assignment back."""
        least_s = self.backoff_s(1)
        return now + max(least_s, min(lease_s, self.policy.permanent_s))
