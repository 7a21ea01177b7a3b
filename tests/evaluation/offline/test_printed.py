"""What the terminal shows: every model, the lines beneath, and names from data as mere text."""

import io
from typing import Any

import pytest
from rich.console import Console

from evaluation.offline.printed import lines, print_summary
from tests.evaluation.offline.report.example_summary import example_summary, spread


def printed(summary: dict[str, Any], width: int = 200) -> str:
    out = io.StringIO()
    print_summary(summary, Console(file=out, width=width))
    return out.getvalue()


def with_everything() -> dict[str, Any]:
    """With what two splits have beside the rest."""
    one = {"recall@10": spread(0.2), "to_chance": spread(3.1)}
    of_set = {"n_candidates": 160.0, "chance": 0.06, "models": {"twofold": one, "ease": one}}
    unseen = {"seen": spread(0.12), "unseen": spread(0.118), "ratio": spread(0.983, 0.05)}
    return {
        **example_summary(),
        "unseen": {"twofold": unseen},
        "cold": {"among_cold": of_set, "among_all": of_set},
    }


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_model_is_in_the_table(width: int) -> None:
    found = printed(example_summary(), width)
    for label in ("Twofold", "Popularity", "EASE", "SASRec", "PFedRec"):
        assert label in found
    assert "0.143" in found


def test_a_wide_terminal_has_a_row_a_model() -> None:
    found = [line.strip() for line in printed(example_summary()).splitlines()]
    (row,) = [line for line in found if line.startswith("EASE")]
    assert "0.087 [0.079, 0.095]" in row
    assert "1.65 [1.48, 1.85]" in row


def test_there_is_a_line_on_everything() -> None:
    found = list(lines(with_everything()))
    for head in (
        "Canary: TRIPS for PFedRec (leaky)",
        "Adaptation, Twofold: NDCG@10 15.0",
        "Unseen users, Twofold: 0.98 [0.96, 1.01] of seen",
        "Cold items, recall@10 among the cold items: Twofold 20.0",
        "Cold items, recall@10 among all items",
        "Fairness by age: worst off",
    ):
        assert any(line.startswith(head) for line in found), head


def test_a_quiet_canary_is_told_too() -> None:
    summary = example_summary()
    del summary["canary"]["pfedrec-leaky"]
    assert next(lines(summary)) == (
        "Canary: null items within two standard errors of 0.5 for 8 of 8 models."
    )
    assert next(lines({**summary, "canary": {}})).startswith("Canary: not run")


def test_parts_that_cannot_be_said_are_left_out() -> None:
    summary = {**example_summary(), "adaptation": {}, "fairness": {}}
    assert len(list(lines(summary))) == 1
    for audit in example_summary()["fairness"].values():
        summary["fairness"] = {"age": {**audit, "gap": None, "worst": None}}
    assert len(list(lines(summary))) == 1
    assert "Twofold" in printed(summary)


def test_markup_in_names_is_text() -> None:
    summary = example_summary()
    summary["data"]["name"] = "[bold red]shop[/nothing]"
    summary["fairness"] = {"[link=x]": next(iter(summary["fairness"].values()))}
    found = printed(summary)
    assert "[bold red]shop[/nothing]" in found
    assert "[link=x]" in found
