"""Models by name: what is refused, what is missing, and which of them no seed changes."""

import sys

import numpy as np
import pytest

from evaluation.offline.models import NAMES, WITHOUT_SEED, named, read_names
from recsys.task import Task
from tests.evaluation.offline.made_up_task import make_task


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no model is named"),
        (" , ", "no model is named"),
        ("ease,magic", "no model 'magic': there are twofold, popular"),
        ("ease, ease", "'ease' is named twice"),
        ("EASE", "no model 'EASE'"),
    ],
)
def test_refuses_names_that_make_no_table(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_names(text)


def test_refuses_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="no model 'magic'"):
        named(["magic"])


def test_says_what_to_install_where_a_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "recsys.baselines.ials", raising=False)
    monkeypatch.setitem(sys.modules, "implicit", None)
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(ValueError, match=r"'ials' needs implicit: pip install 'twofold\[eval"):
        named(["ials"])


def test_a_missing_part_of_the_house_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "recsys.baselines.popular", None)
    with pytest.raises(ModuleNotFoundError):
        named(["popular"])


def test_reads_names_in_their_order() -> None:
    assert read_names("ease, popular,") == ("ease", "popular")
    assert read_names(",".join(NAMES)) == NAMES


def test_every_baseline_has_its_name() -> None:
    models = named([name for name in NAMES if name != "twofold"])
    assert [model.name for model in models] == [name for name in NAMES if name != "twofold"]
    assert {model.name for model in models if not model.seeded} == WITHOUT_SEED


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(60)


@pytest.mark.parametrize("name", sorted(WITHOUT_SEED))
def test_no_seed_changes_those_that_are_trained_once(name: str, task: Task) -> None:
    (model,) = named([name])
    fitted = [model.recommender.fit(task, seed, lambda *_: None) for seed in (1, 2)]
    asked = task.test.histories, task.test.users
    first, second = (np.asarray(one.scorer.scores(*asked)) for one in fitted)
    np.testing.assert_array_equal(first, second)
    assert fitted[0].chosen == fitted[1].chosen
