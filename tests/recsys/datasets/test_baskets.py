"""Carts and purchases: what is refused, and that the held-out purchase is nowhere else."""

from pathlib import Path

import pytest

from recsys.datasets import baskets
from recsys.datasets.interactions import Dataset


def load(tmp_path: Path, bought: str, held_out: str, carts: str, seed: int = 0) -> Dataset:
    for name, text in (("buy_train", bought), ("buy_test", held_out), ("cart", carts)):
        (tmp_path / f"{name}.txt").write_text(text)
    return baskets.load(tmp_path, seed)


@pytest.mark.parametrize(
    ("bought", "held_out", "carts", "problem"),
    [
        ("0 1 2\n", "0 3 4\n", "", "line 1: 2 held-out purchases"),
        ("0 1 2\n1 2\n", "0 3\n1\n", "", "line 2: 0 held-out purchases"),
        ("0 1 2\n1 2\n", "0 3\n", "", "user '1' has no held-out"),
        ("0 1 2\n", "0 3\n", "1 2\n", "user '1' has no held-out"),
        ("", "", "", "no users"),
    ],
)
def test_refuses(tmp_path: Path, bought: str, held_out: str, carts: str, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"buy_test\.txt:? {problem}"):
        load(tmp_path, bought, held_out, carts)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"buy_train\.txt"):
        baskets.load(tmp_path)


def test_the_held_out_item_is_in_no_other_row(tmp_path: Path) -> None:
    data = load(tmp_path, "0 1 2 3\n1 3\n", "0 3\n1 5\n", "0 1 2 3 4\n1 3 5\n")
    *known, last = data.histories["0"]
    assert (last.item_id, last.type) == ("3", "purchase")
    assert sorted((event.item_id, event.type) for event in known) == [
        ("1", "cart"),
        ("1", "purchase"),
        ("2", "cart"),
        ("2", "purchase"),
        ("4", "cart"),
    ]
    assert [event.item_id for event in data.histories["1"]].count("5") == 1
    assert (data.ordered, data.timed, data.event_types) == (False, False, ("cart", "purchase"))


def test_the_order_of_the_file_is_gone(tmp_path: Path) -> None:
    row = "0 " + " ".join(map(str, range(50))) + "\n"
    first, second, again = (load(tmp_path, row, "0 99\n", row, seed) for seed in (0, 1, 0))
    numbers = [int(event.item_id) for event in first.histories["0"][:-1]]
    assert numbers[:50] != sorted(numbers[:50])
    assert first.histories != second.histories
    assert first.histories == again.histories
    assert first.item_ids == again.item_ids != tuple(sorted(first.item_ids, key=int))


def test_the_beibei_dataset(data_root: Path) -> None:
    folder = data_root / "beibei" / "ghcf"
    data = baskets.load(folder)
    assert (len(data.items), len(data.histories)) == (7_977, 21_716)
    # 642,622 carts and 282,860 purchases; 13,525 held-out purchases were among the carts.
    assert data.n_events == 642_622 - 13_525 + 282_860 + 21_716
    held_out = dict(line.split() for line in (folder / "buy_test.txt").read_text().splitlines())
    for user, (*known, last) in data.histories.items():
        assert last.item_id == held_out[user]
        assert all(event.item_id != last.item_id for event in known)
