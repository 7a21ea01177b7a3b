"""The summary: all that the JSON file, the table and the page say, from what was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.offline.adaptation import who_gains
from evaluation.offline.bands import history_bands, item_bands
from evaluation.offline.basis import Basis, basis_of
from evaluation.offline.canary import canary
from evaluation.offline.comparison import by_bands, main_of, ratios
from evaluation.offline.fairness import fairness
from evaluation.offline.histograms import rank_histogram
from evaluation.offline.intervals import N_BOOT
from evaluation.offline.item_exposure import item_exposure
from evaluation.offline.mitigation import mitigation
from evaluation.offline.quality import HR, NDCG, RECALL, quality
from evaluation.offline.results import Evaluation, ModelRuns, Run
from recsys.metrics.ndcg import gains_at


def summary(evaluation: Evaluation, n_boot: int = N_BOOT, seed: int = 0) -> dict[str, Any]:
    """Everything as plain JSON: no user's row, no NaN. Equal arguments give an equal summary.

    n_boot, seed: of the bootstrap. ValueError on no models, and on models without a run.
    """
    if not evaluation.models or not all(model.runs for model in evaluation.models):
        raise ValueError("an evaluation needs a model, and a run of each")
    basis, models = basis_of(evaluation.task, n_boot, seed), evaluation.models
    main = main_of(models)
    by_name = {model.name: model for model in models}
    item_parts = item_bands(basis.popularity).take(basis.queries.targets)
    return {
        "data": _data(basis),
        "split": evaluation.task.split,
        "command": evaluation.command,
        "facts": _plain(evaluation.facts),
        "bootstrap": {"n": n_boot, "seed": seed, "level": 0.95, "over": "people"},
        "main": main,
        "models": [_model(model, basis) for model in models],
        "ratios": ratios(models, main, basis),
        "chance": _chance(models[0]),
        "canary": _canaries(models, basis),
        "fairness": _fairness(evaluation, main, basis),
        "exposure": {"groups": item_exposure(models, basis)},
        "adaptation": who_gains(by_name[main], basis) or {},
        "by_history_length": by_bands(models, history_bands(basis.queries), basis),
        "by_item_popularity": by_bands(models, item_parts, basis),
    }


def _fairness(evaluation: Evaluation, main: str, basis: Basis) -> dict[str, Any]:
    """The audit; under "mitigation" of the grouping that was mitigated, every model's."""
    found, by = fairness(evaluation.models, main, basis), evaluation.mitigated
    if by is not None:
        groups = basis.task.groups[by]
        each = {m.name: mitigation(m, groups, basis) for m in evaluation.models}
        found[by]["mitigation"] = {name: one for name, one in each.items() if one is not None}
    return found


def _data(basis: Basis) -> dict[str, Any]:
    task = basis.task
    return {
        "name": task.name,
        "n_users": len(task.train),
        "n_items": task.n_items,
        "n_events": sum(len(history) for history in task.train),
        "n_questions": len(task.test),
        "n_people_asked": len(np.unique(task.test.people)),
        "n_candidates": len(basis.catalogue),
        "n_nulls": int(task.test.nulls.shape[1]),
    }


def _model(model: ModelRuns, basis: Basis) -> dict[str, Any]:
    shared = set.intersection(*(set(run.beside) for run in model.runs))
    beside = {name: [run.beside[name] for run in model.runs] for name in sorted(shared)}
    return {
        "name": model.name,
        "metrics": quality([run.test for run in model.runs], basis),
        "beside": {name: {"metrics": quality(seeds, basis)} for name, seeds in beside.items()},
        "seeds": [_seed(run) for run in model.runs],
        "rank_histogram": rank_histogram(model.ranks(), basis.task.n_items),
    }


def _seed(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "chosen": _plain(run.chosen),
        "curve": [[int(at), float(value)] for at, value in run.curve],
        "cpu_s": float(run.cpu_s),
        NDCG: float(gains_at(run.test.ranks, 10).mean()),
        HR: float((run.test.ranks <= 10).mean()),
    }


def _canaries(models: tuple[ModelRuns, ...], basis: Basis) -> dict[str, Any]:
    found = {model.name: canary(model, basis.queries) for model in models}
    return {name: one.json() for name, one in found.items() if one is not None}


def _chance(model: ModelRuns) -> dict[str, float]:
    """What random scores would reach: the first 10 places out of each question's candidates."""
    n = model.runs[0].test.n_candidates
    places = np.minimum(n, 10)
    gains = np.concatenate([[0.0], np.cumsum(gains_at(np.arange(1.0, 11.0), 10))])
    hits = float((places / n).mean())
    return {NDCG: float((gains[places] / n).mean()), HR: hits, RECALL: hits}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numpy's scalars as Python's, which json knows."""
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
