"""`twofold evaluate`: from a dataset to a table, a JSON file and a report."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Console

from evaluation.offline.cold import cold_recall
from evaluation.offline.experiment import AMONG_ALL, SEEN, TEST, Experiment, experiment_of
from evaluation.offline.models import Model, named
from evaluation.offline.options import EvaluateOptions
from evaluation.offline.outputs import Outputs
from evaluation.offline.printed import print_summary
from evaluation.offline.progress import Display
from evaluation.offline.results import Evaluation, ModelRuns
from evaluation.offline.run import n_trainings, run_models
from evaluation.offline.summary import summary
from evaluation.offline.threads import threads
from evaluation.offline.unseen import unseen_against_seen
from recsys.datasets import formats

Sets = dict[str, tuple[ModelRuns, ...]]


@dataclass(frozen=True)
class Prepared:
    """An evaluation that can begin: data and models are there, the results can be written."""

    options: EvaluateOptions
    models: tuple[Model, ...]
    experiment: Experiment
    outputs: Outputs


def prepare(options: EvaluateOptions, console: Console) -> Prepared:
    """Everything that can be refused is refused here, before any training.

    ValueError on a model that is not installed, data that cannot be read, a split that the data
    does not allow; CannotWrite on places for the results that cannot be written to.
    """
    models = named(options.names, options.rounds)
    outputs = Outputs(options.json, options.report)
    outputs.check()
    with console.status("reading the data"):
        dataset = formats.load(options.data, options.format)
    with console.status("splitting it"):
        experiment = experiment_of(dataset, options.split, options.seed, options.settings)
        experiment = experiment.mitigated(options.mitigate)
    return Prepared(options, models, experiment, outputs)


def run(prepared: Prepared, console: Console) -> dict[str, Any]:
    """Train, ask, print, write; returns the summary. CannotWrite if a disk has filled up since."""
    options, experiment = prepared.options, prepared.experiment
    n = n_trainings(experiment, prepared.models, options.seeds)
    with Display(console, n) as display:
        sets = run_models(experiment, prepared.models, options.all_seeds, display)
    with console.status("drawing people again for the intervals"):
        found = _summary(prepared, sets)
    print_summary(found, console)
    prepared.outputs.write(found)
    prepared.outputs.print(console)
    return found


def _summary(prepared: Prepared, sets: Sets) -> dict[str, Any]:
    task = prepared.experiment.task
    options = prepared.options
    evaluation = Evaluation(
        task, sets[TEST], options.command, _facts(prepared), mitigated=options.mitigate
    )
    found, people = summary(evaluation), task.test.people
    if SEEN in sets:
        found["unseen"] = unseen_against_seen(sets[SEEN], sets[TEST], people)
    if AMONG_ALL in sets:
        found["cold"] = cold_recall(sets[TEST], sets[AMONG_ALL], people)
    return found


def _facts(prepared: Prepared) -> dict[str, Any]:
    options = prepared.options
    return {
        "seeds": list(options.all_seeds),
        "seed_of_the_split": options.seed,
        "trained_once": [model.name for model in prepared.models if not model.seeded],
        "threads": threads(),
        "version": _version(),
    }


def _version() -> str:
    try:
        return version("twofold")
    except PackageNotFoundError:
        return "not installed"
