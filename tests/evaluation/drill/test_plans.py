"""Plans from words: refusals that name the setting, combinations, and the base below them."""

import pytest

from app.settings import RoundSettings
from evaluation.drill.plans import PlanWords, full_name, read_pair, read_plans

BASE = RoundSettings(_env_file=None, cohort_target=100, cohort_min=20, pause_s=7.0)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (PlanWords(axes=["nonsense=1"]), "nonsense: no such setting"),
        (PlanWords(axes=["cohort"]), "NAME=VALUE"),
        (PlanWords(axes=["cohort="]), "NAME=VALUE"),
        (PlanWords(axes=["cohort=10,ten"]), "cohort_target"),
        (PlanWords(axes=["cohort=10,"]), "cohort_target"),
        (PlanWords({"deadline_s": "-3"}), "deadline_s"),
        (PlanWords({"deadline_s": "nan"}), "deadline_s"),
        (PlanWords({"cohort_min": "101"}), "cohort_min"),
    ],
)
def test_a_wrong_setting_is_named(words: PlanWords, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read_plans(words, BASE)


@pytest.mark.parametrize("text", ["", "=", "=3", "name", "name="])
def test_a_pair_has_both_its_halves(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=VALUE"):
        read_pair(text)


@pytest.mark.parametrize("name", RoundSettings.model_fields)
def test_every_setting_of_rounds_has_its_name(name: str) -> None:
    assert full_name(name) == full_name(name.removesuffix("_s")) == name


def test_without_words_the_base_is_the_plan() -> None:
    (plan,) = read_plans(PlanWords(), BASE)
    assert (plan.name, plan.rounds) == ("as configured", BASE)


def test_compared_values_are_combined() -> None:
    words = PlanWords({"lease_s": "60"}, ["cohort=50,100", "deadline=300,600"])
    plans = read_plans(words, BASE)
    found = [(p.rounds.cohort_target, p.rounds.deadline_s) for p in plans]
    assert found == [(50, 300.0), (50, 600.0), (100, 300.0), (100, 600.0)]
    assert {(p.rounds.lease_s, p.rounds.pause_s) for p in plans} == {(60.0, 7.0)}
    assert plans[0].name == "lease=60 cohort=50 deadline=300"
    assert len({plan.name for plan in plans}) == 4


def test_a_cohort_keeps_the_share_of_its_quorum_unless_one_is_named() -> None:
    assert [p.rounds.cohort_min for p in read_plans(PlanWords(axes=["cohort=1,50"]), BASE)] == [
        1,
        10,
    ]
    (plan,) = read_plans(PlanWords({"cohort_target": "50", "cohort_min": "3"}), BASE)
    assert plan.rounds.cohort_min == 3
