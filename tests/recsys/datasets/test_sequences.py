"""Sequences: every complaint names its place; attributes become tags."""

from pathlib import Path

import pytest

from recsys.datasets import sequences
from recsys.datasets.interactions import Dataset


def load(tmp_path: Path, text: str | bytes, attributes: str | None = None) -> Dataset:
    (tmp_path / "Shop.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    if attributes is not None:
        (tmp_path / "Shop_item2attributes.json").write_text(attributes)
    return sequences.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no events"),
        ("1\n2\n", "no events"),
        ("1 5 6\n\n1 7\n", "line 3: user '1' has a second line"),
        (b"1 5\n2 \xff\n", "line 2: not UTF-8"),
        (f"1 5\n2 {'é' * 65}\n", "line 2: an id is longer"),
    ],
)
def test_refuses(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"Shop\.txt:? ?{problem}"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ('{"5": 3}', "item '5' has no list"),
        ('{"5": [true]}', "item '5' has no list"),
        ('{"5": [[1]]}', "item '5' has no list"),
    ],
)
def test_refuses_attributes(tmp_path: Path, attributes: str, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"item2attributes\.json: {problem}"):
        load(tmp_path, "1 5\n", attributes)


def test_a_folder_must_leave_no_choice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0 \.txt files"):
        sequences.load(tmp_path)
    (tmp_path / "other.txt").write_text("1 2\n")
    with pytest.raises(ValueError, match=r"2 \.txt files"):
        load(tmp_path, "1 2\n")
    assert sequences.load(tmp_path / "other.txt").name == "other"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        sequences.load(tmp_path / "none.txt")


def test_reads_lines_and_attributes(tmp_path: Path) -> None:
    data = load(tmp_path, "\ufeff9 6 5\t6\r\n\n7\n", '{"5": [3, "x"], "8": []}')
    assert (data.name, data.ordered, data.timed) == ("Shop", True, False)
    assert [(e.item_id, e.type, e.at) for e in data.histories["9"]] == [
        ("6", "event", 0),
        ("5", "event", 1),
        ("6", "event", 2),
    ]
    assert data.histories["7"] == ()
    assert data.item_ids == ("5", "8", "6")
    assert [item.content.tags for item in data.items] == [("3", "x"), (), ()]


def test_other_names_for_the_attributes(tmp_path: Path) -> None:
    (tmp_path / "attributes.json").write_text('{"5": [3]}')
    assert load(tmp_path, "1 5\n").items[0].content.tags == ("3",)


def test_the_beauty_dataset(data_root: Path) -> None:
    data = sequences.load(data_root / "amazon-beauty")
    assert (len(data.items), len(data.histories), data.n_events) == (12_101, 22_363, 198_502)
    assert min(len(history) for history in data.histories.values()) == 5
    tags = [item.content.tags for item in data.items]
    assert all(tags)
    assert len({tag for own in tags for tag in own}) == 637
