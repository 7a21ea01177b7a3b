"""The demo as a person runs it, on a small shop in a CSV file: all of it real, nothing leaks."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.python.fleet import folder_name
from clients.python.state import DeviceFolder
from evaluation.demo.shop import Shop, load_shop
from recsys.datasets import sample_shop
from recsys.datasets.interactions import Dataset

ROOT = Path(__file__).parents[2]
ROUNDS, COHORT = 2, 8


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "twofold", "demo", "--exit", *arguments]
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def write_csv(dataset: Dataset, folder: Path) -> None:
    events = [(e.at, u, e) for u, history in dataset.histories.items() for e in history]
    lines = [f"{user},{e.item_id},{e.type},{at}" for at, user, e in sorted(events, key=str)]
    (folder / "events.csv").write_text("\n".join(["user,item,type,time", *lines]) + "\n")


@dataclass(frozen=True)
class Finished:
    """A demo that has ended, with all that it left."""

    folder: Path
    printed: str
    results: dict[str, Any]
    shop: Shop


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("demo")
    write_csv(sample_shop.generate(seed=3, n_items=260, n_shoppers=30), data)
    out = folder / "out.json"
    ended = demo(
        *("--data", str(data), "--format", "events-csv", "--folder", str(folder)),
        *("--rounds", str(ROUNDS), "--cohort", str(COHORT), "--json", str(out)),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Finished(
        folder, ended.stdout, json.loads(out.read_text()), load_shop(data, "events-csv")
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--data", "/no/such/place"), "/no/such/place"),
        (("--data", "/tmp", "--format", "guess"), "format"),
    ],
)
def test_bad_data_is_one_clear_line(arguments: tuple[str, ...], named: str) -> None:
    ended = demo(*arguments)
    assert ended.returncode == 2
    assert named in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_writes_what_it_printed(finished: Finished) -> None:
    results = finished.results
    for model in ("popular", "before", "after", "adapted"):
        assert set(results[model]) == {"hr@10", "ndcg@10"}
        assert f"{results[model]['ndcg@10']:.4f}" in finished.printed
    assert results["rounds"] >= ROUNDS
    assert results["updates"] >= ROUNDS * COHORT
    assert results["requests_per_update"] == 3.0
    assert results["evaluated"] == len(finished.shop.split.held_out) > 0
    for beside in ("polls", "drop_outs", "token_calls", "replays", "service_restarts"):
        assert beside.replace("_", " ") in finished.printed
        assert results[beside] >= 0


def test_no_device_ever_held_its_held_out_item(finished: Finished) -> None:
    split = finished.shop.split
    assert split.held_out
    for user, item_id in split.held_out.items():
        events = DeviceFolder(finished.folder / "devices" / folder_name(user)).events.read()
        assert [e.item_id for e in events] == [e.item_id for e in split.train[user]]
        assert item_id not in {e.item_id for e in events}


def test_the_service_holds_no_event(finished: Finished) -> None:
    database = sqlite3.connect(finished.folder / "service" / "twofold.db")
    for query in ("SELECT count(*) FROM events", "SELECT count(*) FROM user_towers"):
        assert database.execute(query).fetchone() == (0,)
    database.close()
