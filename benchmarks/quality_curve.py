"""Quality by CPU time: the curve of one training, and how much sooner one curve is somewhere."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """A model after some rounds.

    train_s: CPU seconds of its training so far, setting up included; check_s: CPU seconds of the
    ranking of the validation questions so far; validation, test: NDCG@10, full ranking
    """

    rounds: int
    train_s: float
    check_s: float
    validation: float
    test: float


Curve = Sequence[Look]


def chosen(curve: Curve) -> Look:
    """The first look with the best validation: the model that the procedure ends with."""
    return max(curve, key=lambda look: look.validation)


def first_at(curve: Curve, measure: str, target: float) -> Look | None:
    """The first look at which a measure ("validation" or "test") is at least the target."""
    return next((look for look in curve if getattr(look, measure) >= target), None)


@dataclass(frozen=True)
class Lead:
    """Two trainings at the first look at which each reaches a target.

    target: `share` of the slow one's final `measure`; fast: None where it was not reached
    """

    measure: str
    share: float
    target: float
    slow: Look
    fast: Look | None

    @property
    def ratio(self) -> float | None:
        """How many times sooner the fast one is there, in CPU time of training."""
        return None if self.fast is None else self.slow.train_s / self.fast.train_s

    @property
    def ratio_with_checks(self) -> float | None:
        """The same where looking at validation counts, on both sides."""
        if self.fast is None:
            return None
        slow_s, fast_s = (look.train_s + look.check_s for look in (self.slow, self.fast))
        return slow_s / fast_s


def lead(slow: Curve, fast: Curve, measure: str, share: float) -> Lead:
    """The lead at a share, at most 1, of what the slow training ends with."""
    end = chosen(slow)
    target = share * float(getattr(end, measure))
    there = first_at(slow, measure, target) or end
    return Lead(measure, share, target, there, first_at(fast, measure, target))
