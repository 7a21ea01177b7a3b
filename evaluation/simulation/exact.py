"""The exact path: every device's vector is built, clipped and rounded to the grid, then summed.

These are the service's own functions, so that the sum is that of a round over HTTP with the same
plan, histories and seeds, bit for bit. It costs a vector of n_values per device;
`evaluation.simulation.fused` is the fast path.
"""

from collections.abc import Iterable

from app.coordinator.update_words import update_words
from app.models.bundle import Bundle
from federation.plan import Plan
from federation.staleness import StaleSums
from recsys.draws import Seeds
from recsys.history import History


def exact_sum(plan: Plan, bundle: Bundle, histories: Iterable[History], seeds: Seeds) -> StaleSums:
    """The sum of b devices' updates, metrics included.

    bundle: the plan's, as received; histories: b, each in positions of the bundle's rows, at most
    history_length events; seeds: (b, local_steps). ValueError unless as many as histories.
    """
    running = StaleSums(plan.n_words, plan.cohort_limit)
    for history, own in zip(histories, seeds, strict=True):
        running.add(update_words(plan, bundle, history, own))
    return running
