"""Calibration: what is refused, and that a strength moves popular items alone, for its group."""

import numpy as np
import pytest

from recsys.calibration import Calibration, calibrated, exposure_term, place_among, taste
from recsys.history import History

COUNTS = np.array([0, 9, 99])


@pytest.mark.parametrize(
    ("names", "strengths", "said"),
    [
        ((), (), "groups with names"),
        (("niche", "niche"), (0.1, 0.2), "names of their own"),
        (("niche", "popular"), (0.1,), "2 groups with"),
        (("niche",), (-0.1,), r"in \[0, 1\]"),
        (("niche",), (1.1,), r"in \[0, 1\]"),
        (("niche",), (float("nan"),), r"in \[0, 1\]"),
    ],
)
def test_refuses_what_is_no_calibration(
    names: tuple[str, ...], strengths: tuple[float, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Calibration(names, np.array(strengths))


@pytest.mark.parametrize("group", [-2, 2])
def test_refuses_a_group_that_there_is_not(group: int) -> None:
    with pytest.raises(ValueError, match=r"in \[-1, 2\)"):
        Calibration(("a", "b"), np.zeros(2)).of(np.array([0, group]))


@pytest.mark.parametrize("counts", [[1, -1], [1.0, np.nan], [1.0, np.inf]])
def test_refuses_counts_that_are_none(counts: list[float]) -> None:
    with pytest.raises(ValueError, match="counts of users"):
        exposure_term(np.array(counts))


@pytest.mark.parametrize(("n", "n_items"), [(1, 3), (3, 3), (2, 1), (2, 4)])
def test_refuses_shapes_that_would_broadcast(n: int, n_items: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        calibrated(np.zeros((2, 3)), np.zeros(n), np.zeros(n_items))


def test_the_term_is_the_centred_logarithm_of_the_users() -> None:
    assert exposure_term(COUNTS).tolist() == pytest.approx([-np.log(10), 0.0, np.log(10)])


def test_a_strength_moves_its_own_group_and_who_is_in_none_stays() -> None:
    strengths = Calibration(("niche", "popular"), np.array([0.0, 0.5])).of(np.array([1, 0, -1]))
    scores = np.array([[0.0, 0.1, 1.0]] * 3)
    found = calibrated(scores, strengths, exposure_term(COUNTS))
    assert found[0].tolist() == pytest.approx([0.5 * np.log(10), 0.1, 1 - 0.5 * np.log(10)])
    assert (found[1:] == scores[1:]).all()
    assert found[0].argmax() == 0


def test_a_device_finds_its_group_from_its_own_history() -> None:
    # A repeat does not count again: (9 + 99) / 2.
    own = taste(History.of([1, 2, 2]), COUNTS)
    assert own == 54.0
    assert np.isnan(taste(History.of([]), COUNTS))
    # A value at an edge is below it.
    assert place_among(np.array([10.0, own, 55.0]), np.array([10.0, 54.0])).tolist() == [0, 1, 2]
