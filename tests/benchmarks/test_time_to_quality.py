"""Time to quality: curves are read rightly, and a small race ends with consistent figures."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import time_to_quality
from benchmarks.quality_curve import Look, chosen, first_at, lead
from benchmarks.quality_race import Race, run
from recsys.baselines.pfedrec import ROUNDS
from recsys.task import Task
from tests.evaluation import small_settings
from tests.recsys.baselines.conftest import checkerboard

SMALL = replace(small_settings.SMALL, content_width=0, n_rounds=40)
SLOW = [
    Look(1, 10.0, 1.0, 0.10, 0.30),
    Look(2, 20.0, 2.0, 0.20, 0.10),
    Look(3, 30.0, 3.0, 0.40, 0.20),
    Look(4, 40.0, 4.0, 0.40, 0.50),
]
FAST = [Look(5, 0.1, 0.1, 0.15, 0.10), Look(10, 0.2, 0.2, 0.50, 0.25)]


def test_the_end_is_the_first_best_on_validation_and_never_on_test() -> None:
    assert chosen(SLOW) is SLOW[2]


def test_both_sides_are_timed_to_the_first_look_that_is_good_enough() -> None:
    whole = lead(SLOW, FAST, "validation", 1.0)
    assert (whole.target, whole.slow, whole.fast) == (0.40, SLOW[2], FAST[1])
    assert whole.ratio == pytest.approx(30.0 / 0.2)
    assert whole.ratio_with_checks == pytest.approx(33.0 / 0.4)
    half = lead(SLOW, FAST, "validation", 0.5)
    assert (half.slow, half.fast) == (SLOW[1], FAST[1])
    # Test had been as good before the round that validation chose: the time is that of the first.
    assert lead(SLOW, FAST, "test", 1.0).slow is SLOW[0]


def test_what_is_not_reached_has_no_ratio() -> None:
    missed = lead(SLOW, FAST[:1], "validation", 1.0)
    assert (missed.fast, missed.ratio, missed.ratio_with_checks) == (None, None, None)
    assert first_at(FAST, "test", 0.3) is None
    assert "did not reach" in time_to_quality.lead_line(missed)


def test_a_run_that_was_cut_short_says_what_is_extrapolated() -> None:
    of_rounds = Race(SLOW, FAST).summary()["pfedrec"]
    assert of_rounds["extrapolated"]
    assert of_rounds["published_s"] == pytest.approx(10.0 * ROUNDS)
    assert any("extrapolated" in line for line in time_to_quality.lines_of(Race(SLOW, FAST)))
    whole = [replace(SLOW[0], rounds=ROUNDS)]
    assert not Race(whole).summary()["pfedrec"]["extrapolated"]
    assert Race(whole).leads() == []


@pytest.fixture(scope="module")
def race() -> Race:
    """Both trainings on a task that both learn."""
    seen = []
    for name, look, race in run(checkerboard(), 0, 6, SMALL, 2):
        assert look is (race.pfedrec if name == "PFedRec" else race.twofold)[-1]
        seen.append(name)
    assert seen == ["PFedRec"] * 6 + ["Twofold"] * len(race.twofold)
    return race


def test_curves_go_on_and_cost_time(race: Race) -> None:
    assert [look.rounds for look in race.pfedrec] == [1, 2, 3, 4, 5, 6]
    assert [look.rounds for look in race.twofold] == list(range(2, 2 + 2 * len(race.twofold), 2))
    for curve in (race.pfedrec, race.twofold):
        assert curve[0].train_s > 0
        assert curve[0].check_s > 0
        for before, after in pairwise(curve):
            assert after.train_s > before.train_s
            assert after.check_s > before.check_s
        assert all(0 <= quality <= 1 for look in curve for quality in (look.validation, look.test))


def test_it_ends_when_twofold_has_passed_what_pfedrec_ends_with(race: Race) -> None:
    end = chosen(race.pfedrec)
    assert race.is_over()
    assert any(look.validation >= end.validation for look in race.twofold)
    assert any(look.test >= end.test for look in race.twofold)
    assert not Race(race.pfedrec, race.twofold[:-1]).is_over()
    for found in race.leads():
        assert found.fast is not None
        assert getattr(found.fast, found.measure) >= found.target
        assert found.ratio == found.slow.train_s / found.fast.train_s


def test_a_seed_decides_the_curves(race: Race) -> None:
    *_, (_, _, again) = run(checkerboard(), 0, 6, SMALL, 2)
    for mine, theirs in ((race.pfedrec, again.pfedrec), (race.twofold, again.twofold)):
        qualities = [[(look.validation, look.test) for look in curve] for curve in (mine, theirs)]
        assert np.allclose(*qualities)


def test_the_command_prints_and_writes_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def board(*_: object) -> Task:
        return checkerboard()

    monkeypatch.setattr(time_to_quality.movielens, "load", lambda path: None)
    monkeypatch.setattr(time_to_quality, "build_task", board)
    monkeypatch.setattr(time_to_quality, "suited", lambda task: SMALL)
    path = tmp_path / "out.json"
    given = ["--data", "nowhere", "--rounds", "3", "--every", "4", "--json", str(path)]
    time_to_quality.main(given)
    printed, written = capsys.readouterr().out, json.loads(path.read_text())
    assert printed.count("\nPFedRec round") == len(written["pfedrec"]["curve"]) == 3
    assert printed.count("\nTwofold round") == len(written["twofold"]["curve"])
    assert printed.count("times sooner") == len(written["leads"]) == 6
    assert (written["settings"], written["items"]) == ("small", 20)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrong", [["--rounds", "0"], ["--every", "0"]])
def test_numbers_below_one_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        time_to_quality.arguments_of(["--data", "nowhere", *wrong])
