"""The drill as a person runs it: refusals in one line, a table, files, and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation.drill import command
from evaluation.drill.command import Report
from evaluation.drill.trace import read_trace
from twofold.cli import app

ROOT = Path(__file__).parents[3]
SMALL = ("--devices", "12", "--days", "0.06", "--visits", "15")


def drill(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "twofold", "drill", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "180", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--set", "nonsense=3"), "nonsense"),
        (("--set", "cohort_target"), "NAME=VALUE"),
        (("--set", "cohort_target=many"), "cohort_target"),
        (("--compare", "cohort=5,0"), "cohort_target"),
        (("--compare", "cohort=5,6", "depth=1"), "depth"),
        (("--compare", "cohort=5,6", "--record", "trace.ndjson"), "record"),
        (("--trace", "/no/such/file"), "/no/such/file"),
        (("--devices", "0"), "devices"),
        (("--drop-out", "1.5"), "drop_out"),
        (("--items", "3"), "items"),
    ],
)
def test_what_cannot_be_rehearsed_is_one_clear_line(arguments: tuple[str, ...], named: str) -> None:
    ended = CliRunner().invoke(app, ["drill", *arguments])
    assert ended.exit_code == 2
    assert named in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a recorded drill has left its files."""
    folder = tmp_path_factory.mktemp("drill")
    files = ("--record", str(folder / "trace.ndjson"), "--json", str(folder / "first.json"))
    ended = drill(*SMALL, "--cohort", "4", *files)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (folder / "printed.txt").write_text(ended.stdout)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_it_writes_what_it_prints(folder: Path) -> None:
    report, printed = read(folder / "first.json"), (folder / "printed.txt").read_text()
    (figures,) = report["plans"].values()
    assert figures["published"] > 0
    assert figures["updates"] + figures["wasted"] == figures["leases"]
    assert f"{figures['rounds_per_day']:.1f}" in printed
    assert f"{figures['requests_per_update']:.1f}" in printed
    assert report["broken"] == {"cohort=4": []}
    assert len(read_trace(folder / "trace.ndjson").devices) == report["devices"] == 12


def test_a_recorded_trace_meets_other_plans(folder: Path) -> None:
    trace, out = folder / "trace.ndjson", folder / "second.json"
    compared = ("--compare", "cohort=4,2", "deadline=600,300", "--json", str(out))
    # The environment's services are never touched, and its settings of rounds are the base.
    environment = {"TWOFOLD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    ended = drill("--trace", str(trace), *compared, **environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = read(out)
    assert len(report["plans"]) == 4
    as_before = "cohort=4 deadline=600"
    (first,) = read(folder / "first.json")["heads"].values()
    assert report["heads"][as_before] == first
    assert len({tuple(head) for head in report["heads"].values()}) > 1
    for name in report["plans"]:
        assert name in ended.stdout


def test_a_broken_invariant_is_told_by_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Report({}, {}, {"plan": ("round 1: lost",)}, 1, 1.0)
    monkeypatch.setattr(command, "run", lambda drill, console: broken)
    assert CliRunner().invoke(app, ["drill"]).exit_code == 1


def test_constant_updates_have_the_length_of_trained_ones(folder: Path) -> None:
    out = folder / "constant.json"
    replayed = ("--trace", str(folder / "trace.ndjson"), "--cohort", "4")
    ended = drill(*replayed, "--constant", "--json", str(out))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    constant, trained = read(out), read(folder / "first.json")
    assert constant["plans"]["cohort=4"]["up_bytes"] == trained["plans"]["cohort=4"]["up_bytes"]
    assert constant["heads"] != trained["heads"]
