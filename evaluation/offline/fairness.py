"""The audit of groups of people: quality, what adaptation gives them, the gap between groups.

Groups of fewer than SMALL people are shown, flagged, and take no part in gap and worst group: their
figures are mostly noise, and the worst of many noisy groups is always bad. Best and worst group are
those of the data as it is, so that the interval of the gap may reach below 0; picking them from the
same data still makes the gap a little too large.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.offline.bands import within
from evaluation.offline.basis import Basis
from evaluation.offline.intervals import interval
from evaluation.offline.quality import HR, NDCG, per_question
from evaluation.offline.results import ModelRuns
from recsys.arrays import Bools, Floats
from recsys.task import Grouping

SMALL = 150
SHARED = "shared"


def fairness(models: Sequence[ModelRuns], main: str, basis: Basis) -> dict[str, Any]:
    """Per grouping of the task the audit of every model: the main one whole, of others the gap."""
    found = {}
    for name, grouping in basis.task.groups.items():
        audits = {model.name: audit(model, grouping, basis) for model in models}
        kept = ("gap", "shortfall", "worst")
        others = {m: {key: one[key] for key in kept} for m, one in audits.items() if m != main}
        found[name] = {**audits[main], "models": others}
    return found


def audit(model: ModelRuns, grouping: Grouping, basis: Basis) -> dict[str, Any]:
    """One model, one grouping: {"groups", "gap", "shortfall", "worst"}.

    groups: per group with anybody in it its name, n people, whether it is small, NDCG@10, HR@10,
        the gain from adaptation in NDCG@10 where the model has one; each with its interval
    gap: NDCG@10 of the best group less that of the worst; shortfall: of everybody less the worst;
    worst: its name. None where fewer than two groups are large enough to compare.
    """
    masks, sizes = masks_of(grouping, basis), sizes_of(grouping, basis)
    there = [i for i, n in enumerate(sizes) if n]
    drawn = _drawn(model, masks, basis)
    groups = [
        {"name": grouping.names[i], "n": sizes[i], "small": sizes[i] < SMALL}
        | {key: interval(rows[i]).json() for key, rows in drawn.items()}
        for i in there
    ]
    return {"groups": groups, **_gap(grouping.names, large_groups(grouping, basis), drawn[NDCG])}


def masks_of(grouping: Grouping, basis: Basis) -> Bools:
    """(n_groups, n_questions), True where a question is a person's of the group."""
    masks: Bools = grouping.of[basis.queries.people] == np.arange(len(grouping.names))[:, None]
    return masks


def sizes_of(grouping: Grouping, basis: Basis) -> list[int]:
    """People asked, by group."""
    return [len(np.unique(basis.queries.people[mask])) for mask in masks_of(grouping, basis)]


def large_groups(grouping: Grouping, basis: Basis) -> list[int]:
    """The groups that take part in gap and worst group."""
    return [i for i, n in enumerate(sizes_of(grouping, basis)) if n >= SMALL]


def _drawn(model: ModelRuns, masks: Bools, basis: Basis) -> Mapping[str, Floats]:
    """Drawn means by metric, a row a group and a last one for everybody."""
    values = _values(model)
    everybody = np.ones((1, masks.shape[1]), bool)
    rows = within(np.stack(list(values.values())), np.concatenate([masks, everybody]))
    return dict(zip(values, basis.drawn.means(rows), strict=True))


def _values(model: ModelRuns) -> Mapping[str, Floats]:
    seeds = [run.test for run in model.runs]
    values = {NDCG: per_question(seeds, NDCG), HR: per_question(seeds, HR)}
    if all(SHARED in run.beside for run in model.runs):
        before = per_question([run.beside[SHARED] for run in model.runs], NDCG)
        values["gain"] = values[NDCG] - before
    return values


def _gap(names: tuple[str, ...], large: list[int], drawn: Floats) -> dict[str, Any]:
    if len(large) < 2:
        return {"gap": None, "shortfall": None, "worst": None}
    worst = min(large, key=lambda i: drawn[i, 0])
    best = max(large, key=lambda i: drawn[i, 0])
    return {
        "gap": interval(drawn[best] - drawn[worst]).json(),
        "shortfall": interval(drawn[-1] - drawn[worst]).json(),
        "worst": {"name": names[worst], **interval(drawn[worst]).json()},
    }
