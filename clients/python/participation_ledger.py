"""How often a device took part, by its own count: what it holds a service's promises against.

An update is counted when it is acknowledged. That the service discarded it with its round is the
service's word, so it is asked for only when a promise would be broken otherwise.
"""

from dataclasses import dataclass, replace

from clients.python.objections import Objection
from federation.plan import Plan

# Older ones only add to the count: no round that is still open can have discarded them.
TAKEN_MAX = 256


@dataclass(frozen=True)
class TakenPart:
    """An acknowledged update. round: that counts it; is_final: the service did not discard it."""

    assignment: str
    round: int
    is_final: bool = False


@dataclass(frozen=True)
class ParticipationLedger:
    """earlier: how many there were before those in `taken`, which are the newest, oldest first."""

    earlier: int = 0
    taken: tuple[TakenPart, ...] = ()

    @property
    def unsettled(self) -> tuple[TakenPart, ...]:
        """Those that the service may have discarded."""
        return tuple(one for one in self.taken if not one.is_final)

    def add(self, assignment: str, round_id: int) -> "ParticipationLedger":
        """The ledger with one more; the same if it is there already."""
        if any(one.assignment == assignment for one in self.taken):
            return self
        taken = (*self.taken, TakenPart(assignment, round_id))
        surplus = max(0, len(taken) - TAKEN_MAX)
        return ParticipationLedger(self.earlier + surplus, taken[surplus:])

    def settle(self, assignment: str, is_discarded: bool) -> "ParticipationLedger":
        """The ledger once it is known what became of an update."""
        kept = (one for one in self.taken if not (is_discarded and one.assignment == assignment))
        taken = (
            replace(one, is_final=one.is_final or one.assignment == assignment) for one in kept
        )
        return replace(self, taken=tuple(taken))

    def objection(self, plan: Plan, round_id: int) -> Objection | None:
        """Why the device will not take part in a round of this plan; None if the plan lets it."""
        n = self.earlier + len(self.taken)
        if 0 < plan.participations_max <= n:
            detail = f"the plan says at most {plan.participations_max} times, and {n} were taken"
            return Objection("asked_too_often", detail)
        last = max((one.round for one in self.taken), default=None)
        if plan.min_separation and last is not None and round_id - last <= plan.min_separation:
            detail = (
                f"round {last} was taken, and the plan says {plan.min_separation} rounds between"
            )
            return Objection("asked_too_often", detail)
        return None
