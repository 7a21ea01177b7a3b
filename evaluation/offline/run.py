"""Train every model with every seed and ask it everything: the long part of an evaluation."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from evaluation.offline.calibrated import with_calibration
from evaluation.offline.experiment import Asked, Experiment, Training
from evaluation.offline.measure import measure
from evaluation.offline.models import Model
from evaluation.offline.progress import Display
from evaluation.offline.results import Measured, ModelRuns, Run
from recsys.arrays import Ints
from recsys.recommender import Fitted, OnProgress

Setting = float | int | str


@dataclass(frozen=True)
class Answers:
    """What one training said to a set of questions, or to a part of it. places: of the part."""

    places: Ints
    chosen: Mapping[str, Setting]
    curve: tuple[tuple[int, float], ...]
    cpu_s: float
    test: Measured
    beside: Mapping[str, Measured]


def n_trainings(experiment: Experiment, models: Sequence[Model], n_seeds: int) -> int:
    """How often anything is trained."""
    fits = sum(n_seeds if model.seeded else 1 for model in models)
    return fits * len(experiment.trainings)


def run_models(
    experiment: Experiment, models: Sequence[Model], seeds: Sequence[int], display: Display
) -> dict[str, tuple[ModelRuns, ...]]:
    """By set of questions (`experiment.TEST` and what the split has beside it) every model's runs.

    A model that no seed changes is trained once; its run stands for every seed.
    """
    found: dict[str, list[ModelRuns]] = {}
    for model in models:
        for name, runs in _runs(experiment, model, seeds, display).items():
            found.setdefault(name, []).append(ModelRuns(model.name, tuple(runs)))
    return {name: tuple(runs) for name, runs in found.items()}


def _runs(
    experiment: Experiment, model: Model, seeds: Sequence[int], display: Display
) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for seed in seeds if model.seeded else seeds[:1]:
        words = f"{model.name}, seed {seed}" if model.seeded else model.name
        trained = _train_and_ask(experiment, model, seed, words, display)
        for name, run in trained.items():
            found.setdefault(name, []).append(run)
        display.finished(words, trained)
    if model.seeded:
        return found
    return {name: [replace(run, seed=s) for s in seeds] for name, (run,) in found.items()}


def _train_and_ask(
    experiment: Experiment, model: Model, seed: int, words: str, display: Display
) -> dict[str, Run]:
    """One run by set of questions."""
    parts: dict[str, list[Answers]] = {}
    for training in experiment.trainings:
        on_progress = display.training(words)
        started = time.process_time()
        fitted = _fitted(experiment, training, model, seed, on_progress)
        cpu_s = time.process_time() - started
        for asked in training.asked:
            parts.setdefault(asked.name, []).append(_answers(fitted, cpu_s, asked, on_progress))
    return {name: _joined(of_set, seed) for name, of_set in parts.items()}


def _fitted(
    experiment: Experiment, training: Training, model: Model, seed: int, on_progress: OnProgress
) -> Fitted:
    fitted = model.recommender.fit(training.task, seed, on_progress)
    if experiment.mitigate is None:
        return fitted
    on_progress(1.0, "choosing the calibration")
    return with_calibration(fitted, training.task, experiment.mitigate)


def _answers(fitted: Fitted, cpu_s: float, asked: Asked, on_progress: OnProgress) -> Answers:
    queries, sampled = asked.queries, asked.sampled
    beside = {
        name: measure(scorer, queries, sampled, on_progress)
        for name, scorer in fitted.beside.items()
    }
    test = measure(fitted.scorer, queries, sampled, on_progress)
    return Answers(asked.places, fitted.chosen, fitted.curve, cpu_s, test, beside)


def _joined(parts: Sequence[Answers], seed: int) -> Run:
    """The run of a whole set. Of several trainings: no curve, CPU seconds of one on average."""
    places = [part.places for part in parts]
    names = set.intersection(*(set(part.beside) for part in parts))
    return Run(
        seed=seed,
        test=_in_place(places, [part.test for part in parts]),
        chosen=_chosen([part.chosen for part in parts]),
        curve=parts[0].curve if len(parts) == 1 else (),
        cpu_s=sum(part.cpu_s for part in parts) / len(parts),
        beside={n: _in_place(places, [part.beside[n] for part in parts]) for n in sorted(names)},
    )


def _in_place(places: Sequence[Ints], parts: Sequence[Measured]) -> Measured:
    order = np.argsort(np.concatenate(places))
    return Measured(
        **{
            one.name: np.concatenate([getattr(part, one.name) for part in parts])[order]
            for one in fields(Measured)
        }
    )


def _chosen(parts: Sequence[Mapping[str, Setting]]) -> dict[str, Setting]:
    """Setting by setting; where the trainings chose differently, what each chose."""
    found: dict[str, Setting] = {}
    for key in dict.fromkeys(key for part in parts for key in part):
        values = [part.get(key, "-") for part in parts]
        same = all(value == values[0] for value in values)
        found[key] = values[0] if same else ", ".join(map(str, values))
    return found
