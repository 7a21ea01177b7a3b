from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.grid import Grid, to_words
from federation.refusals import Refusal
from federation.update_checks import CHUNK_WORDS, UpdateCheck, check_words, square_words
from federation.update_codec import decode, encode

LEVELS = 2**20
INT32_MIN = -(2**31)


def words_with(plan: Any, position: int, value: int) -> np.ndarray:
    words = np.zeros(plan.n_words, np.int32)
    words[position] = value
    return words


def reason(words: np.ndarray, plan: Any) -> str | None:
    refusal = check_words(words, plan)
    return None if refusal is None else refusal.reason


@pytest.mark.parametrize("value", [LEVELS + 1, -LEVELS - 1, INT32_MIN, 2**31 - 1])
def test_word_off_the_grid(make_plan: Any, value: int) -> None:
    plan = make_plan()
    assert reason(words_with(plan, 0, value), plan) == "off_grid"
    assert reason(words_with(plan, plan.n_values - 1, value), plan) == "off_grid"


@pytest.mark.parametrize("value", [-1, LEVELS + 1, INT32_MIN])
def test_metric_out_of_range(make_plan: Any, value: int) -> None:
    plan = make_plan()
    for position in range(plan.n_values, plan.n_words):
        assert reason(words_with(plan, position, value), plan) == "metric_out_of_range"


def test_norm_just_over_the_limit(make_plan: Any) -> None:
    plan = make_plan(n_values=4)
    half = LEVELS // 2  # four of these have norm `levels`; the slack is 0.5 * sqrt(4) + 1
    words = np.array([half, half, half, half, 0, 0, 0, 0], np.int32)
    assert check_words(words, plan) is None
    words[:4] += 1
    assert check_words(words, plan) is None
    words[:4] += 1
    assert reason(words, plan) == "over_clip"


def test_whole_cohort_of_extreme_words_is_refused_one_by_one(make_plan: Any) -> None:
    plan = make_plan()
    words = np.full(plan.n_words, LEVELS, np.int32)
    assert reason(words, plan) == "over_clip"


@pytest.mark.parametrize("words", [np.zeros(52, np.int32), np.zeros(53, np.int64)])
def test_other_arrays_are_a_bug(make_plan: Any, words: np.ndarray) -> None:
    with pytest.raises(ValueError, match="words"):
        check_words(words, make_plan())


def test_extremes_on_the_grid_pass(make_plan: Any) -> None:
    plan = make_plan()
    words = words_with(plan, 3, -LEVELS)
    words[plan.n_values :] = [LEVELS, 0, LEVELS, 0]
    assert check_words(words, plan) is None


@given(seed=st.integers(0, 10**6), levels=st.sampled_from([1, 2, 7, 1000, 2**20]))
def test_honest_updates_always_pass(make_plan: Any, seed: int, levels: int) -> None:
    plan = make_plan(n_values=200, grid=Grid(clip_l2=0.3, levels=levels))
    rng = np.random.default_rng(seed)
    vector = (rng.standard_cauchy(200) * 10.0 ** rng.uniform(-4, 4)).astype(np.float32)
    words = to_words(vector, rng.normal(size=4) * 20, plan.grid)
    assert check_words(words, plan) is None


def test_norm_over_many_chunks() -> None:
    words = np.random.default_rng(1).integers(-1000, 1000, 2 * CHUNK_WORDS + 17, dtype=np.int32)
    exact = sum(int(word) ** 2 for word in words.tolist())
    assert square_words(words) == pytest.approx(exact, rel=1e-12)


def bodies(plan: Any) -> dict[str, bytes]:
    """An honest update of the plan, and one for each thing that may be wrong with it."""
    honest = words_with(plan, 1, 7)
    whole = encode(plan.digest, honest)
    return {
        "honest": whole,
        "off_grid": encode(plan.digest, words_with(plan, 2, LEVELS + 1)),
        "over_clip": encode(plan.digest, np.full(plan.n_words, LEVELS, np.int32)),
        "metric": encode(plan.digest, words_with(plan, plan.n_words - 1, -1)),
        "empty": b"",
        "cut_header": whole[:20],
        "cut": whole[:-1],
        "long": whole + b"\0",
        "magic": b"X" + whole[1:],
        "layout": whole[:4] + b"\2\0" + whole[6:],
        "plan": encode("sha256:" + "0" * 64, honest),
        "counted": encode(plan.digest, honest[:-1]) + whole[-4:],
    }


NAMES = "honest off_grid over_clip metric empty cut_header cut long magic layout plan counted"


@pytest.mark.parametrize("name", NAMES.split())
@given(data=st.data())
def test_pieces_are_judged_as_the_whole_is(make_plan: Any, name: str, data: st.DataObject) -> None:
    plan = make_plan()
    body = bodies(plan)[name]
    decoded = decode(body, plan.digest, plan.n_words)
    whole = decoded if isinstance(decoded, Refusal) else check_words(decoded, plan)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=8).map(sorted))
    check, start = UpdateCheck(plan), 0
    for end in [*cuts, len(body)]:
        check.feed(body[start:end])
        start = end
    found = check.finish()
    assert (found and found.reason) == (whole and whole.reason)
