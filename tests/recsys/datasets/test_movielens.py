"""MovieLens 100K: what is refused, what is read, and the published counts."""

from collections import Counter
from pathlib import Path

import pytest

from recsys.datasets import movielens
from recsys.splits import hold_out_last

FLAGS = "|0" * 18
TOY = "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1" + "|0" * 13
CITE = "2|Cité des enfants perdus, La (1995)|01-Jan-1995||http://x|0" + FLAGS
UNKNOWN = "267|unknown||||1" + FLAGS


def folder(tmp_path: Path, data: str, items: str = f"{TOY}\n{CITE}\n{UNKNOWN}\n") -> Path:
    (tmp_path / "u.data").write_text(data, encoding="latin-1")
    (tmp_path / "u.item").write_text(items, encoding="latin-1")
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "1\t1\t5",
        "1\t1\t5\t100\t9",
        "1,1,5,100",
        "1\t3\t5\t100",
        "\t1\t5\t100",
        "1\t1\t6\t100",
        "1\t1\tgood\t100",
        "1\t1\t5\tnan",
        "1\t1\t5\t-3",
    ],
)
def test_a_bad_rating_names_file_and_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"u\.data line 2: "):
        movielens.load(folder(tmp_path, f"1\t1\t5\t100\n{line}\n"))


@pytest.mark.parametrize("line", ["2|Heat", CITE.replace("|0", "|2"), TOY, "|x||||1" + FLAGS])
def test_a_bad_film_names_file_and_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"u\.item line 2: "):
        movielens.load(folder(tmp_path, "1\t1\t5\t100\n", f"{TOY}\n{line}\n"))


@pytest.mark.parametrize(
    "line",
    ["2|24|M|writer", "2|x|M|writer|1", "2|24|X|writer|1", "1|24|M|writer|1", "|24|M|writer|1"],
)
def test_a_bad_person_names_file_and_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "u.user").write_text(f"1|24|M|technician|85711\n{line}\n")
    with pytest.raises(ValueError, match=r"u\.user line 2: "):
        movielens.load(folder(tmp_path, "1\t1\t5\t100\n"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"u\.item"):
        movielens.load(tmp_path)


def test_reads_films_and_ratings(tmp_path: Path) -> None:
    data = movielens.load(folder(tmp_path, "9\t2\t1\t300\n9\t1\t5\t300\n9\t267\t3\t100\n"))
    toy, cite, unknown = (item.content for item in data.items)
    assert toy.title == "Toy Story (1995)"
    assert toy.categories == ("Animation", "Children's", "Comedy")
    assert toy.tags == ("1995",)
    assert cite.title.startswith("Cité")
    assert (unknown.categories, unknown.tags) == ((), ())
    assert [event.item_id for event in data.histories["9"]] == ["267", "2", "1"]
    assert {event.type for event in data.histories["9"]} == set(data.event_types) == {"rating"}
    assert data.groups == {}


def test_stars_may_be_types(tmp_path: Path) -> None:
    where = folder(tmp_path, "9\t2\t1\t300\n9\t1\t5\t300\n")
    data = movielens.load(where, ratings_as_types=True)
    assert [event.type for event in data.histories["9"]] == ["rating 1", "rating 5"]
    assert data.event_types == tuple(f"rating {stars}" for stars in range(1, 6))


def test_reads_people(tmp_path: Path) -> None:
    people = "3|45|F|other|1\n1|24|M|writer|2\n2|25|F|none|3\n4|7|M|student|4\n"
    (tmp_path / "u.user").write_text(people)
    groups = movielens.load(folder(tmp_path, "1\t1\t5\t100\n")).groups
    assert groups["age"] == {"1": "under 25", "4": "under 25", "2": "25-34", "3": "45 and over"}
    assert list(dict.fromkeys(groups["age"].values())) == ["under 25", "25-34", "45 and over"]
    assert groups["gender"] == {"1": "men", "2": "women", "3": "women", "4": "men"}


def test_the_published_dataset(data_root: Path) -> None:
    data = movielens.load(data_root / "ml-100k")
    assert (len(data.items), len(data.histories), data.n_events) == (1682, 943, 100_000)
    assert min(len(history) for history in data.histories.values()) == 20
    ties = sum(history[-1].at == history[-2].at for history in data.histories.values())
    assert ties == 415
    split = hold_out_last(data)
    assert len(split.held_out) == 943
    assert all(
        split.held_out[user] not in {event.item_id for event in train}
        for user, train in split.train.items()
    )
    # Nobody rates a film twice here, so that exactly one event of each user is held out.
    assert sum(map(len, split.train.values())) == 100_000 - 943
    ages = Counter(data.groups["age"].values())
    assert ages == {"under 25": 234, "25-34": 310, "35-44": 194, "45 and over": 205}
    assert Counter(data.groups["gender"].values()) == {"men": 670, "women": 273}
