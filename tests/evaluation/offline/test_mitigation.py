"""What calibration does to a gap: a planted bias is repaired, figures by definition, verdicts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluation.offline.basis import basis_of
from evaluation.offline.mitigation import mitigation, verdict
from evaluation.offline.printed import lines
from evaluation.offline.report.markdown import report_markdown
from evaluation.offline.report.page import report_page
from evaluation.offline.results import Evaluation
from evaluation.offline.summary import summary
from recsys.metrics.ndcg import ndcg_at
from recsys.task import Grouping
from tests.evaluation.offline.biased import calibrated_model
from tests.evaluation.offline.made_up_evaluation import make_model
from tests.evaluation.offline.made_up_task import make_task

TASK = make_task(600)
BASIS = basis_of(TASK, 300)
AGE = TASK.groups["age"]
MODEL = calibrated_model(TASK)


def found() -> dict[str, Any]:
    one = mitigation(MODEL, AGE, BASIS)
    assert one is not None
    return one


def said(reduction: float, share: float, cost: float, worst: float) -> dict[str, Any]:
    """A mitigation with these figures; the first and last are lower ends."""
    return {
        "reduction": {"low": reduction},
        "share": {"mean": share},
        "cost": {"mean": cost},
        "worst_gain": {"low": worst},
    }


def test_a_model_that_is_not_calibrated_has_none() -> None:
    assert mitigation(make_model(TASK, "popular", 0.5), AGE, BASIS) is None


def test_without_two_large_groups_there_is_none() -> None:
    few = Grouping(("few", "rest"), np.repeat([0, 1], [100, 500]))
    assert mitigation(MODEL, few, BASIS) is None


def test_a_planted_bias_is_repaired() -> None:
    one = found()
    assert one["worst"] == "young"
    assert one["before"]["low"] > 0
    assert one["reduction"]["low"] > 0
    assert one["worst_gain"]["low"] > 0
    assert one["cost"]["mean"] < 0
    assert verdict(one) == "narrowed by a third or more"


def test_figures_by_definition() -> None:
    one = found()
    (run,) = MODEL.runs
    before, after = run.test.ranks, run.beside["calibrated"].ranks
    halves = (slice(0, 300), slice(300, 600))
    levels = [[ndcg_at(ranks[at], 10) for at in halves] for ranks in (before, after)]
    gaps = [abs(young - old) for young, old in levels]
    assert one["before"]["mean"] == pytest.approx(gaps[0])
    assert one["after"]["mean"] == pytest.approx(gaps[1])
    assert one["reduction"]["mean"] == pytest.approx(gaps[0] - gaps[1])
    assert one["share"]["mean"] == pytest.approx((gaps[0] - gaps[1]) / gaps[0])
    assert one["cost"]["mean"] == pytest.approx(1 - ndcg_at(after, 10) / ndcg_at(before, 10))
    changes = [group["change"]["mean"] for group in one["groups"]]
    assert changes == pytest.approx([b - a for a, b in zip(*levels, strict=True)])
    assert [group["n"] for group in one["groups"]] == [300, 300]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((0.0, 0.5, 0.0, 0.1), "no narrowing is shown"),
        ((0.01, 0.34, 0.03, 0.1), "narrowed by a third or more"),
        ((0.01, 0.33, 0.0, 0.1), "narrowed, by less than was wanted"),
        ((0.01, 0.5, 0.031, 0.1), "narrowed, by less than was wanted"),
    ],
)
def test_the_verdict_says_what_the_figures_carry(
    figures: tuple[float, float, float, float], words: str
) -> None:
    assert verdict(said(*figures)) == words
    levelled = verdict(said(*figures[:3], 0.0))
    assert ("levelled down" in levelled) == (words != "no narrowing is shown")


def test_it_is_in_the_summary_the_report_and_the_terminal() -> None:
    evaluation = Evaluation(TASK, (MODEL,), "twofold evaluate", mitigated="age")
    whole = summary(evaluation, 100)
    assert whole["fairness"]["age"]["mitigation"].keys() == {"twofold"}
    for document in (report_page(whole), report_markdown(whole)):
        assert "Strengths by age that validation chose: young" in document
        assert "By age: before and after" in document or "NDCG@10 by age" in document
    assert any(line.startswith("Mitigation by age, Twofold: gap") for line in lines(whole))


def test_nothing_is_said_where_nothing_was_mitigated() -> None:
    evaluation = replace(Evaluation(TASK, (MODEL,), "twofold evaluate"), mitigated=None)
    whole = summary(evaluation, 20)
    assert "mitigation" not in whole["fairness"]["age"]
    assert "Mitigation" not in report_markdown(whole)
