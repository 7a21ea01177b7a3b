"""What calibration does to the gap between groups, and where the narrowing comes from.

A gap narrows because the worst group gains or because a better one loses. Both are said: where the
worst group gains nothing the gap is levelled down, which helps nobody who was worst off
(Mittelstadt, Wachter and Russell 2023, https://arxiv.org/abs/2302.02404).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.offline.bands import within
from evaluation.offline.basis import Basis
from evaluation.offline.calibrated import CALIBRATED
from evaluation.offline.fairness import large_groups, masks_of, sizes_of
from evaluation.offline.intervals import interval, quotient
from evaluation.offline.quality import NDCG, per_question
from evaluation.offline.results import ModelRuns
from recsys.arrays import Floats
from recsys.task import Grouping

SHARE_WANTED = 1 / 3
COST_ALLOWED = 0.03


def mitigation(model: ModelRuns, grouping: Grouping, basis: Basis) -> dict[str, Any] | None:
    """Before and after calibration; None where a run has none, or no two groups are large enough.

    before, after: the gap; reduction: of it, in NDCG@10; share: of it, to the gap before;
    cost: share of the overall NDCG@10 that is lost (negative: gained);
    worst_gain: in NDCG@10, of the group that was worst before; worst: its name
    groups: before, after and change of each; strengths: what each seed's validation chose
    narrows: the reduction's interval is above 0; enough: a third of the gap for at most 3 percent
    Every figure has its interval, paired over people.
    """
    large = large_groups(grouping, basis)
    if len(large) < 2 or not all(CALIBRATED in run.beside for run in model.runs):
        return None
    before, after = _drawn(model, grouping, basis)
    return {
        **_gaps(before, after, large, grouping.names),
        "cost": interval(1 - quotient(after[-1], before[-1])).json(),
        "groups": _groups(before, after, grouping, basis),
        "strengths": [str(run.chosen.get(CALIBRATED, "")) for run in model.runs],
    }


def verdict(found: Mapping[str, Any]) -> str:
    """In words: what the figures carry, and no more."""
    reduction, worst = found["reduction"], found["worst_gain"]
    if reduction["low"] is None or reduction["low"] <= 0:
        return "no narrowing is shown"
    enough = found["share"]["mean"] >= SHARE_WANTED and found["cost"]["mean"] <= COST_ALLOWED
    said = "narrowed by a third or more" if enough else "narrowed, by less than was wanted"
    helped = worst["low"] is not None and worst["low"] > 0
    return said if helped else f"{said}; levelled down: no gain of the worst group is shown"


def _drawn(model: ModelRuns, grouping: Grouping, basis: Basis) -> tuple[Floats, Floats]:
    """Drawn NDCG@10 before and after, (n_groups + 1, 1 + n_boot): the last row is everybody."""
    seeds: list[Sequence[Any]] = [
        [run.test for run in model.runs],
        [run.beside[CALIBRATED] for run in model.runs],
    ]
    values = np.stack([per_question(one, NDCG) for one in seeds])
    masks = masks_of(grouping, basis)
    everybody = np.ones((1, masks.shape[1]), bool)
    drawn = basis.drawn.means(within(values, np.concatenate([masks, everybody])))
    return drawn[0], drawn[1]


def _gaps(
    before: Floats, after: Floats, large: Sequence[int], names: Sequence[str]
) -> dict[str, Any]:
    gaps = [_gap(rows, large) for rows in (before, after)]
    reduction = gaps[0] - gaps[1]
    worst = min(large, key=lambda i: before[i, 0])
    return {
        "before": interval(gaps[0]).json(),
        "after": interval(gaps[1]).json(),
        "reduction": interval(reduction).json(),
        # Only of the gap as it is: in draws where it is near 0 the quotient says nothing.
        "share": {"mean": float(reduction[0] / gaps[0][0]) if gaps[0][0] else 0.0},
        "worst": names[worst],
        "worst_gain": interval(after[worst] - before[worst]).json(),
    }


def _gap(rows: Floats, large: Sequence[int]) -> Floats:
    """Best and worst are those of the data as it is, as in the audit."""
    best, worst = (pick(large, key=lambda i: rows[i, 0]) for pick in (max, min))
    return np.asarray(rows[best] - rows[worst])


def _groups(
    before: Floats, after: Floats, grouping: Grouping, basis: Basis
) -> list[dict[str, Any]]:
    sizes, large = sizes_of(grouping, basis), large_groups(grouping, basis)
    return [
        {
            "name": name,
            "n": sizes[i],
            "small": i not in large,
            "before": interval(before[i]).json(),
            "after": interval(after[i]).json(),
            "change": interval(after[i] - before[i]).json(),
        }
        for i, name in enumerate(grouping.names)
        if sizes[i]
    ]
