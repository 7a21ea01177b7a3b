"""Two trainings on one task, each looked at as it goes: what reaches which quality after what time.

Training and looking are timed apart, in CPU time of this process.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from benchmarks.pfedrec_loop import LoopScorer, federation
from benchmarks.quality_curve import Curve, Lead, Look, chosen, lead
from evaluation.twofold_model import SharedScorer, versions
from evaluation.twofold_settings import TwofoldSettings
from recsys.baselines.pfedrec import ROUNDS
from recsys.recommender import Scorer, validation_ndcg
from recsys.task import Task

# Part of the way, too: the last thousandths of a noisy curve may be luck.
SHARES = (0.8, 0.9, 1.0)
MEASURES = ("validation", "test")


class CpuTime:
    """CPU seconds of this process, all its threads, in what it was asked to count."""

    def __init__(self) -> None:
        self.total_s = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        began = time.process_time()
        yield
        self.total_s += time.process_time() - began


def looks(models: Iterator[Scorer], task: Task, every: int = 1) -> Iterator[Look]:
    """A look after every `every` rounds. models: one a round, trained as they are asked for."""
    training, checking = CpuTime(), CpuTime()
    for rounds in count(1):
        with training.counted():
            model = next(models, None)
        if model is None:
            return
        if rounds % every:
            continue
        with checking.counted():
            validation = validation_ndcg(model, task.validation)
        test = validation_ndcg(model, task.test)  # chooses nothing: not counted
        yield Look(rounds, training.total_s, checking.total_s, validation, test)


def pfedrec_models(task: Task, seed: int, rounds: int) -> Iterator[Scorer]:
    """PFedRec after each round of its own loop."""
    devices = federation(task, seed)
    for _ in range(rounds):
        devices.round()
        yield LoopScorer(devices.devices)


def twofold_models(task: Task, seed: int, settings: TwofoldSettings) -> Iterator[Scorer]:
    """Twofold's shared tower after each round of the simulator, averaged as it is published."""
    models = versions(task, settings, seed)
    next(models)  # untrained
    for model in models:
        yield SharedScorer(model.table, model.scalars, task.ordered)


@dataclass(frozen=True)
class Race:
    """Both curves, as far as they have come."""

    pfedrec: list[Look] = field(default_factory=list)
    twofold: list[Look] = field(default_factory=list)

    def leads(self) -> list[Lead]:
        """By measure and share; none before both have begun."""
        if not (self.pfedrec and self.twofold):
            return []
        return [lead(self.pfedrec, self.twofold, m, share) for m in MEASURES for share in SHARES]

    def is_over(self) -> bool:
        """Twofold has passed all that PFedRec ends with."""
        leads = self.leads()
        return bool(leads) and all(found.fast is not None for found in leads)

    def summary(self) -> dict[str, Any]:
        """Curves and leads, for JSON."""
        out: dict[str, Any] = {
            "pfedrec": {"curve": [asdict(look) for look in self.pfedrec]},
            "twofold": {"curve": [asdict(look) for look in self.twofold]},
            "leads": [_summary(found) for found in self.leads()],
        }
        if self.pfedrec:
            out["pfedrec"] |= {"chosen": asdict(chosen(self.pfedrec)), **published(self.pfedrec)}
        return out


def _summary(found: Lead) -> dict[str, Any]:
    ratios = {"ratio": found.ratio, "ratio_with_checks": found.ratio_with_checks}
    return {**asdict(found), **ratios}


def published(curve: Curve) -> dict[str, float | bool]:
    """CPU seconds of PFedRec's published rounds; extrapolated where the curve has fewer."""
    last = curve[-1]
    whole_s = last.train_s * ROUNDS / last.rounds
    return {
        "published_rounds": ROUNDS,
        "published_s": whole_s,
        "extrapolated": last.rounds < ROUNDS,
    }


def run(
    task: Task, seed: int, rounds: int, settings: TwofoldSettings, every: int
) -> Iterator[tuple[str, Look, Race]]:
    """Each look as it comes: whose, the look, the race with it.

    rounds: of PFedRec, before Twofold begins; every: rounds of Twofold between two looks
    """
    race = Race()
    for look in looks(pfedrec_models(task, seed, rounds), task):
        race.pfedrec.append(look)
        yield "PFedRec", look, race
    for look in looks(twofold_models(task, seed, settings), task, every):
        race.twofold.append(look)
        yield "Twofold", look, race
        if race.is_over():
            return
