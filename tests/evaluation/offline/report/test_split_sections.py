"""The sections that only some splits have: users unseen, items cold."""

import copy
from typing import Any

import pytest

from evaluation.offline.report.markdown import report_markdown
from evaluation.offline.report.page import report_page
from evaluation.offline.report.sections.cold import cold_section
from evaluation.offline.report.sections.unseen import unseen_section
from tests.evaluation.offline.report.example_summary import example_summary, spread

NOTHING = {"mean": None, "low": None, "high": None}


def unseen_summary() -> dict[str, Any]:
    levels = {"twofold": (0.12, 0.118), "popular": (0.04, 0.04)}
    found = {
        name: {
            "seen": spread(seen),
            "unseen": spread(unseen),
            "ratio": spread(unseen / seen, 0.05),
        }
        for name, (seen, unseen) in levels.items()
    }
    return {**example_summary(), "split": "unseen-users", "unseen": found}


def cold_summary() -> dict[str, Any]:
    def of_set(chance: float, times: float) -> dict[str, Any]:
        one = {"recall@10": spread(chance * times), "to_chance": spread(times)}
        models = {"twofold": one, "popular": {"recall@10": NOTHING, "to_chance": NOTHING}}
        return {"n_candidates": 160.5, "chance": chance, "models": models}

    cold = {"among_cold": of_set(0.0625, 3.2), "among_all": of_set(0.006, 1.5)}
    return {**example_summary(), "split": "cold-items", "cold": cold}


@pytest.mark.parametrize("part", [{}, None])
def test_without_anything_to_say_there_is_no_section(part: Any) -> None:
    assert unseen_section({**example_summary(), "unseen": part}) is None
    assert cold_section({**example_summary(), "cold": part}) is None
    assert cold_section({**example_summary(), "cold": {"among_cold": {"models": {}}}}) is None


def test_what_cannot_be_said_is_a_dash_and_no_dot() -> None:
    summary = copy.deepcopy(unseen_summary())
    for one in summary["unseen"].values():
        one.update(seen=NOTHING, ratio=NOTHING)
    found = unseen_section(summary)
    assert found is not None
    assert found.figures == ()
    assert "None" not in report_markdown(summary)
    assert "None" not in report_page(summary)


def test_unseen_users_are_set_against_themselves() -> None:
    written = report_markdown(unseen_summary())
    assert "| Twofold | 0.1180 [0.1074, 0.1286] | 0.1200 [0.1092, 0.1308] | 0.98 [" in written
    assert '<section id="unseen"' in report_page(unseen_summary())


def test_cold_items_stand_beside_chance() -> None:
    written = report_markdown(cold_summary()).replace("\u00a0", " ")
    assert "recall@10 of 6.2 % among the cold items and 0.6 % among all items" in written
    assert "| Twofold | 20.0 % [18.2, 21.8] | 3.20 [2.91, 3.49] | 0.9 % [" in written
    assert "Ties count half" in written
    assert '<section id="cold"' in report_page(cold_summary())
