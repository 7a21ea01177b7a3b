"""The summary: strict JSON, complete, the same every time, and without anybody's row."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evaluation.offline.results import ModelRuns
from evaluation.offline.summary import summary
from recsys.metrics.ndcg import ndcg_at
from tests.evaluation.offline.made_up_evaluation import make_evaluation
from tests.evaluation.offline.made_up_task import N_ITEMS

EVALUATION = make_evaluation()
FOUND = summary(EVALUATION, n_boot=200)


def test_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="needs a model"):
        summary(replace(EVALUATION, models=()))
    with pytest.raises(ValueError, match="a run of each"):
        summary(replace(EVALUATION, models=(ModelRuns("none", ()),)))


def test_is_strict_json_and_the_same_every_time() -> None:
    written = json.dumps(FOUND, allow_nan=False)
    assert json.loads(written) == FOUND
    assert json.dumps(summary(EVALUATION, n_boot=200), allow_nan=False) == written


def test_says_what_was_asked() -> None:
    assert FOUND["data"]["n_items"] == FOUND["data"]["n_candidates"] == N_ITEMS
    assert FOUND["data"]["n_questions"] == FOUND["data"]["n_people_asked"] == 320
    assert (FOUND["split"], FOUND["command"]) == ("leave-last-out", "twofold evaluate")
    assert FOUND["facts"] == {"n_threads": 1}


def test_every_model_is_there_with_its_seeds() -> None:
    assert [model["name"] for model in FOUND["models"]] == ["popular", "twofold"]
    twofold = FOUND["models"][1]
    assert twofold["beside"].keys() == {"shared"}
    assert [seed["chosen"] for seed in twofold["seeds"]] == [{"l2": 3.0}] * 2
    by_seed = [seed["ndcg@10"] for seed in twofold["seeds"]]
    assert by_seed == [ndcg_at(run.test.ranks, 10) for run in EVALUATION.models[1].runs]
    assert sum(twofold["rank_histogram"]["counts"]) == 640


def test_twofold_is_held_against_the_others_wherever_it_stands() -> None:
    assert FOUND["main"] == "twofold"
    found = {(r["of"], r["to"], r["metric"]): r for r in FOUND["ratios"]}
    assert found.keys() == {("twofold", "popular", m) for m in ("ndcg@10", "hr@10")}
    one = found["twofold", "popular", "ndcg@10"]
    means = {m["name"]: m["metrics"]["ndcg@10"]["mean"] for m in FOUND["models"]}
    assert one["mean"] == pytest.approx(means["twofold"] / means["popular"])
    assert 1 < one["low"] < one["mean"] < one["high"]


def test_without_twofold_the_best_is_held_against_the_others() -> None:
    renamed = [replace(model, name=f"m{i}") for i, model in enumerate(EVALUATION.models)]
    found = summary(replace(EVALUATION, models=tuple(renamed)), n_boot=20)
    assert found["main"] == "m1"
    alone = summary(replace(EVALUATION, models=tuple(renamed[:1])), n_boot=20)
    assert (alone["main"], alone["ratios"], alone["adaptation"]) == ("m0", [], {})


def test_chance_is_what_random_scores_reach() -> None:
    n = EVALUATION.models[0].runs[0].test.n_candidates
    rng = np.random.default_rng(0)
    ranks = np.concatenate([rng.integers(1, n + 1) for _ in range(300)]).astype(float)
    assert FOUND["chance"]["ndcg@10"] == pytest.approx(ndcg_at(ranks, 10), rel=0.03)
    assert FOUND["chance"]["hr@10"] == pytest.approx((ranks <= 10).mean(), rel=0.03)


def test_bands_hold_all_questions() -> None:
    for key in ("by_history_length", "by_item_popularity"):
        assert sum(band["n"] for band in FOUND[key]) == 320
        for band in FOUND[key]:
            assert band["models"].keys() == {"popular", "twofold"}


def test_canary_fairness_and_adaptation_are_printed() -> None:
    assert FOUND["canary"].keys() == {"popular", "twofold"}
    assert all(one["within_two"] for one in FOUND["canary"].values())
    assert FOUND["fairness"].keys() == {"age"}
    assert FOUND["adaptation"]["model"] == "twofold"
    assert FOUND["exposure"]["groups"][0]["slots"].keys() == {"popular", "twofold"}


def test_nobodys_row_is_in_it() -> None:
    """Nothing is as long as the questions are many."""

    def longest(value: object) -> int:
        if isinstance(value, dict):
            return max([len(value), *(longest(v) for v in value.values())])
        if isinstance(value, list):
            return max([len(value), *(longest(v) for v in value)], default=0)
        return 0

    assert longest(FOUND) < 60
