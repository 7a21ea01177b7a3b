"""Who gains: the shares and means by a loop over questions and seeds."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.adaptation import who_gains
from evaluation.offline.basis import basis_of
from evaluation.offline.results import ModelRuns
from tests.evaluation.offline.made_up_evaluation import make_evaluation

EVALUATION = make_evaluation(120)
BASIS = basis_of(EVALUATION.task, 200)
PLAIN, ADAPTING = EVALUATION.models


def gains_of(model: ModelRuns) -> np.ndarray:
    pairs = [(run.test, run.beside["shared"]) for run in model.runs]
    return np.array([after.log_probability - before.log_probability for after, before in pairs])


def noisy(model: ModelRuns) -> ModelRuns:
    """Its gains made of both signs."""
    rng = np.random.default_rng(0)
    runs = []
    for run in model.runs:
        noise = rng.normal(size=len(run.test.ranks))
        test = replace(run.test, log_probability=run.test.log_probability + noise)
        runs.append(replace(run, test=test))
    return ModelRuns(model.name, tuple(runs))


def test_without_adaptation_there_is_nothing_to_report() -> None:
    assert who_gains(PLAIN, BASIS) is None


def test_losers_and_winners_by_definition() -> None:
    model = noisy(ADAPTING)
    gains, found = gains_of(model), who_gains(model, BASIS)
    assert found is not None
    assert found["losers"] == pytest.approx((gains < 0).mean())
    assert found["mean_loss"] == pytest.approx(gains[gains < 0].mean())
    assert found["mean_gain"] == pytest.approx(gains[gains > 0].mean())
    assert found["gain_in_nats"]["mean"] == pytest.approx(gains.mean())
    assert found["quantiles"]["0.5"] == pytest.approx(np.median(gains))
    assert sum(found["histogram"]["counts"]) == gains.size
    losers = found["intervals"]["losers"]
    assert losers["low"] < losers["mean"] < losers["high"]


def test_lift_is_relative() -> None:
    found = who_gains(ADAPTING, BASIS)
    assert found is not None
    metric = [(r.test.ranks, r.beside["shared"].ranks) for r in ADAPTING.runs]
    gain = [
        sum((1 / np.log2(1 + r[r <= 10])).sum() for r in side) for side in zip(*metric, strict=True)
    ]
    assert found["lift"]["mean"] == pytest.approx(gain[0] / gain[1] - 1)
    assert found["lift"]["low"] > 0


def test_by_history_length_nobody_is_lost() -> None:
    found = who_gains(noisy(ADAPTING), BASIS)
    assert found is not None
    bands = found["by_history_length"]
    assert sum(band["n"] for band in bands) == 120
    weighed = sum(band["n"] * band["losers"]["mean"] for band in bands) / 120
    assert weighed == pytest.approx(found["losers"])


def test_impossible_probabilities_are_left_out() -> None:
    runs = []
    for run in ADAPTING.runs:
        broken = run.test.log_probability.copy()
        broken[0] = -np.inf
        runs.append(replace(run, test=replace(run.test, log_probability=broken)))
    found = who_gains(ModelRuns("twofold", tuple(runs)), BASIS)
    assert found is not None
    assert found["gain_in_nats"]["mean"] == pytest.approx(gains_of(ADAPTING)[:, 1:].mean())
    everything = [
        replace(r, test=replace(r.test, log_probability=np.full(120, np.nan))) for r in runs
    ]
    assert who_gains(ModelRuns("twofold", tuple(everything)), BASIS) is None
