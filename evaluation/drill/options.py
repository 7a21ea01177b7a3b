"""What `twofold drill` is asked, and the checked options that it becomes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.drill.arrivals import Rhythm
from evaluation.drill.behaviour import Mix
from evaluation.drill.plans import PlanWords, full_name, read_pair
from evaluation.drill.population import Population
from evaluation.drill.service import Model


@dataclass(frozen=True)
class DrillOptions:
    """A drill. population is drawn from `seed` unless a `trace` is replayed.

    record: the trace is written there, with what the plan made of it. constant: devices upload one
    word instead of training.
    """

    population: Population = field(default_factory=Population)
    model: Model = field(default_factory=Model)
    plans: PlanWords = field(default_factory=PlanWords)
    seed: int = 7
    trace: Path | None = None
    record: Path | None = None
    json: Path | None = None
    constant: bool = False


@dataclass(frozen=True)
class DrillWords:
    """The command line, word for word."""

    devices: int
    days: float
    visits: float
    stay_s: float
    drop_out: float
    replays: float
    liars: float
    cohort: int | None
    deadline_s: float | None
    settings: Sequence[str]
    axes: Sequence[str]
    trace: Path | None
    record: Path | None
    dim: int
    items: int
    constant: bool
    json: Path | None
    seed: int


def read_options(words: DrillWords) -> DrillOptions:
    """The options.

    Raises: ValueError naming what is wrong.
    """
    rhythm = Rhythm(visits_per_day=words.visits, stay_s=words.stay_s)
    mix = Mix(words.drop_out, words.replays, words.liars)
    return DrillOptions(
        population=Population(words.devices, words.days, rhythm, mix),
        model=Model(dim=words.dim, items=words.items),
        plans=PlanWords(_changes(words), words.axes),
        seed=words.seed,
        trace=words.trace,
        record=words.record,
        json=words.json,
        constant=words.constant,
    )


def _changes(words: DrillWords) -> dict[str, str]:
    """Settings that hold for all plans: the short options, then those of --set."""
    short = {"cohort_target": words.cohort, "deadline_s": words.deadline_s}
    changes = {name: f"{value:g}" for name, value in short.items() if value is not None}
    for text in words.settings:
        name, value = read_pair(text)
        changes[full_name(name)] = value
    return changes
