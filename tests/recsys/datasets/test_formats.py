"""Formats by name: an unknown one and a missing file are one clear line."""

from pathlib import Path

import pytest

from recsys.datasets import formats


def test_refuses_an_unknown_format_and_lists_the_known() -> None:
    known = "movielens, events-csv, sequences, beibei"
    with pytest.raises(ValueError, match=f"format must be one of {known}"):
        formats.load(Path("x"), "parquet")


def test_refuses_a_format_that_the_caller_does_not_take() -> None:
    with pytest.raises(ValueError, match=r"one of movielens$"):
        formats.load(Path("x"), "beibei", ("movielens",))


@pytest.mark.parametrize("format", formats.FORMATS)
def test_a_missing_file_is_a_plain_line(tmp_path: Path, format: str) -> None:
    with pytest.raises(ValueError, match=r"none.*: No such file"):
        formats.load(tmp_path / "none", format)


def test_loads(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1 2 3\n")
    assert formats.load(tmp_path, "sequences").item_ids == ("2", "3")
