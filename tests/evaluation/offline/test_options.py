"""Options: what is refused, and the command that makes the evaluation again."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from evaluation.offline.options import EvaluateOptions


def options(data: Path, **more: Any) -> EvaluateOptions:
    return EvaluateOptions(**{"data": data, "format": "events-csv", "models": "popular", **more})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"format": "guess"}, "--format must be one of movielens"),
        ({"split": "yesterday"}, "--split must be one of last, time"),
        ({"models": "magic"}, "no model 'magic'"),
        ({"models": ""}, "no model is named"),
        ({"seeds": 0}, "--seeds must be at least 1, not 0"),
        ({"seed": -1}, "--seed must not be negative"),
        ({"positions": 0}, "--positions must be at least 1"),
        ({"positions": 2, "split": "time"}, "--positions goes with the splits last"),
        ({"rounds": 0}, "--rounds must be at least 1"),
        ({"mitigate": "taste", "split": "unseen-users"}, "--mitigate does not go with"),
    ],
)
def test_refuses(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        options(tmp_path, **more)


def test_refuses_data_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere: no such file or folder"):
        options(tmp_path / "nowhere")


def test_seeds_count_up_from_the_first(tmp_path: Path) -> None:
    assert options(tmp_path, seeds=3, seed=5).all_seeds == (5, 6, 7)


def test_positions_and_target_become_the_splits(tmp_path: Path) -> None:
    found = options(tmp_path, positions=5, target="view").settings
    assert (found.n_test, found.target_type) == (5, "view")


def test_the_command_makes_the_same_options_again(tmp_path: Path) -> None:
    data = tmp_path / "my shop's data"
    data.mkdir()
    given = options(
        data,
        split="unseen-users",
        models="ease, popular",
        seeds=2,
        seed=4,
        positions=3,
        target="view",
        rounds=50,
        report=tmp_path / "out dir",
    )
    program, verb, *arguments = shlex.split(given.command)
    assert (program, verb) == ("twofold", "evaluate")
    found = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert found.pop("--models") == "ease,popular"
    assert "--json" not in found
    again = options(
        Path(found.pop("--data")),
        models="ease, popular",
        **{name[2:]: _read(value) for name, value in found.items()},
    )
    assert again == given


def _read(value: str) -> Any:
    if value.isdigit():
        return int(value)
    return Path(value) if "/" in value else value
