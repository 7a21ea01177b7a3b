"""The first sentence follows from the numbers, and claims nothing that they do not carry."""

from typing import Any

import pytest

from evaluation.offline.report.headline import headline, verdict
from tests.evaluation.offline.report.example_summary import example_summary


def with_ratio(mean: float, low: float | None, high: float | None) -> dict[str, Any]:
    """The example with another ratio to SASRec, the best of the others."""
    summary = example_summary()
    for one in summary["ratios"]:
        if one["to"] == "sasrec" and one["metric"] == "ndcg@10":
            one.update(mean=mean, low=low, high=high)
    return summary


def test_the_best_other_model_that_can_be_believed_is_named() -> None:
    said = headline(with_ratio(1.206, 1.09, 1.35))
    assert said.title == "Twofold ranks the held-out item 1.21 times as well as SASRec"
    assert said.sound
    assert "1.21 [1.09, 1.35]" in said.sentences[0]
    assert "whole interval lies above 1" in said.sentences[0]
    assert said.sentences[-1] == (
        "The canary trips for PFedRec (leaky): those figures are not to be believed."
    )


def test_no_verdict_where_the_interval_holds_1() -> None:
    said = headline(with_ratio(1.206, 0.999, 1.45))
    assert said.title == "Twofold and SASRec cannot be told apart"
    assert "no verdict" in said.sentences[0]


def test_a_model_that_finds_nothing_is_no_rival() -> None:
    summary = with_ratio(1.206, 1.09, 1.35)
    for one in summary["ratios"]:
        one.update(mean=None, low=None, high=None)
    title = headline(summary).title
    assert title.startswith("Twofold has the held-out item among its first ten in ")


def test_no_verdict_without_an_interval() -> None:
    said = headline(with_ratio(1.206, None, None))
    assert said.title == "Twofold and SASRec cannot be told apart"
    assert "without an interval" in said.sentences[0]


def test_a_loss_is_said() -> None:
    said = headline(with_ratio(0.8, 0.71, 0.9))
    assert said.title == "Twofold ranks the held-out item only 0.80 times as well as SASRec"


def test_no_verdict_where_the_canary_trips_for_the_model_itself() -> None:
    summary = example_summary()
    summary["canary"]["twofold"]["within_two"] = False
    said = headline(summary)
    assert said.title == "No verdict: the canary trips for Twofold"
    assert not said.sound


def test_says_that_no_canary_was_run() -> None:
    summary = example_summary()
    del summary["canary"]["pfedrec-leaky"]
    assert headline(summary).sentences[-1] == "The canary stays quiet for 8 of 8 models."
    del summary["canary"]
    assert "not run" in headline(summary).sentences[-1]


def test_a_single_model_is_described() -> None:
    summary = example_summary()
    summary["models"], summary["ratios"] = summary["models"][:1], []
    assert headline(summary).title == (
        "Twofold has the held-out item among its first ten in 25.2\u00a0% of the cases"
    )


def test_nothing_was_evaluated() -> None:
    assert headline({}).title == "No model was evaluated"


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(1.01, 2, 1), (1.0, 2, 0), (0.5, 0.99, -1), (0.5, 1.0, 0)]
)
def test_a_verdict_needs_the_whole_interval(low: float, high: float, expected: int) -> None:
    assert verdict({"mean": 1.0, "low": low, "high": high}) == expected
