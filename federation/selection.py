"""How many devices to invite, so that enough of them deliver.

The number of deliveries of n invited devices is Binomial(n, 1 - dropout). The smallest n with
P(deliveries >= target) >= success is what a round invites; a fixed factor (1.3 is customary) is too
much for large cohorts and too little for small or flaky ones.
"""

from dataclasses import dataclass
from math import exp, fsum, lgamma, log, log1p


def invitations(target: int, dropout: float, success: float = 0.99) -> int:
    """The fewest invitations that yield `target` deliveries with probability `success`.

    dropout: the share of invited devices that never deliver, in [0, 1). ValueError outside.
    """
    if target < 1 or not 0 <= dropout < 1 or not 0 < success < 1:
        raise ValueError("target >= 1, 0 <= dropout < 1 and 0 < success < 1 are required")
    if dropout == 0:
        return target
    low, high = target - 1, target
    while delivery_probability(high, target, dropout) < success:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if delivery_probability(middle, target, dropout) < success:
            low = middle
        else:
            high = middle
    return high


def delivery_probability(invited: int, target: int, dropout: float) -> float:
    """P(Binomial(invited, 1 - dropout) >= target), for 0 < dropout < 1."""
    if target > invited:
        return 0.0
    log_kept, log_lost = log1p(-dropout), log(dropout)
    # The short side of the sum: fewer than `target` delivered.
    return 1.0 - fsum(
        exp(_log_choose(invited, k) + k * log_kept + (invited - k) * log_lost)
        for k in range(target)
    )


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


@dataclass(frozen=True)
class DropoutBelief:
    """A Beta distribution over the drop-out rate, counted in leases. The default expects 0.2."""

    lost: float = 2.0
    kept: float = 8.0

    def __post_init__(self) -> None:
        if not (self.lost > 0 and self.kept > 0):
            raise ValueError("lost and kept must be positive")

    @property
    def mean(self) -> float:
        """The expected drop-out rate, above 0 and below 1."""
        return self.lost / (self.lost + self.kept)


def learn_dropout(
    granted: int, accepted: int, prior: DropoutBelief, *, undecided: int, memory: float = 0.8
) -> DropoutBelief:
    """The belief after a round ended; earlier rounds fade by `memory` per round.

    granted: leases of the round. accepted: those that delivered, updates refused as late included.
    undecided: those of which nothing is known yet, because they were still running when the round
    closed. They are neither kept nor lost: a round that reaches its target always leaves some, and
    counting them as lost would make the next round invite more, leave more, and so on.
    """
    lost = granted - accepted - undecided
    if min(accepted, undecided, lost) < 0 or not 0 <= memory < 1:
        raise ValueError("counts must add up and memory must lie in [0, 1)")
    start = DropoutBelief()
    # The faded part returns to the default belief, so that neither count ever reaches zero.
    return DropoutBelief(
        lost=memory * prior.lost + (1 - memory) * start.lost + lost,
        kept=memory * prior.kept + (1 - memory) * start.kept + accepted,
    )
