"""`twofold evaluate` as a person runs it, on a small shop in a CSV file and on real data."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.evaluation.offline.written_shop import N_SHOPPERS, write_shop
from twofold.cli import app

ROOT = Path(__file__).parents[3]
# The command sets threads where nothing is set; set here, they are taken back after each run.
ENVIRONMENT = {
    "COLUMNS": "160",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
}


def evaluate(*arguments: object) -> Result:
    """The command in this process."""
    words = [str(one) for one in arguments]
    return CliRunner(env=ENVIRONMENT).invoke(app, ["evaluate", *words])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


def of_shop(shop: Path, *arguments: object) -> Result:
    given = ("--data", shop, "--format", "events-csv", "--models", "popular,ease", *arguments)
    return evaluate(*given)


def refusal(found: Result) -> str:
    """The one line of a refused command."""
    assert found.exit_code == 2, found.output
    (line,) = found.stderr.splitlines()
    assert line.startswith("twofold: ")
    assert found.stdout == ""
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "/no/such/place"), "/no/such/place: no such file"),
        (("--format", "guess"), "--format must be one of"),
        (("--format", "movielens"), "u.item"),
        (("--split", "yesterday"), "--split must be one of"),
        (("--models", "popular,magic"), "no model 'magic'"),
        (("--seeds", "0"), "--seeds must be at least 1"),
        (("--positions", "2", "--split", "time"), "--positions"),
        (("--target", "rating"), "event type 'rating'"),
        (("--report", "/dev/null/report"), "cannot write /dev/null/report"),
        (("--json", "/dev/null/out.json"), "cannot write /dev/null/out.json"),
    ],
)
def test_bad_input_is_one_clear_line(shop: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refusal(of_shop(shop, *arguments))


def test_data_without_times_is_not_split_by_time(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("".join(f"{u} 1 2 3 4 5\n" for u in range(9)))
    given = ("--format", "sequences", "--models", "popular", "--split", "time")
    assert "keeps no times of events" in refusal(evaluate("--data", tmp_path, *given))


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user,item,type,time\nada,mug,view,yesterday\n")
    assert "events.csv line 2, column 'time'" in refusal(of_shop(tmp_path))


def test_refused_before_anything_is_trained(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = of_shop(shop, "--report", tmp_path / "file")
    assert "cannot write" in refusal(found)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_prints_and_writes_the_same(shop: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.json", tmp_path / "report"
    found = of_shop(shop, "--seeds", 2, "--seed", 5, "--json", out, "--report", report)
    assert found.exit_code == 0, found.output
    summary = read(out)
    assert summary == read(report / "evaluation.json")
    for model in summary["models"]:
        assert f"{model['metrics']['ndcg@10']['mean']:.3f}" in found.stdout
        assert [run["seed"] for run in model["seeds"]] == [5, 6]
    assert "Canary: " in found.stdout
    for path in (out, report / "report.html", report / "report.md"):
        assert path.is_file()
        assert str(path) in found.stdout


def test_says_what_it_is_about(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    of_shop(shop, "--seeds", 1, "--json", out)
    summary = read(out)
    assert summary["data"]["n_questions"] == summary["data"]["n_people_asked"] == N_SHOPPERS
    assert summary["data"]["n_nulls"] == 1
    assert set(summary["canary"]) == {"popular", "ease"}
    assert set(summary["facts"]) >= {"seeds", "threads", "version"}
    assert summary["facts"]["trained_once"] == ["popular", "ease"]
    assert summary["command"].startswith(f"twofold evaluate --data {shop} --format events-csv")


def test_the_same_command_gives_the_same_figures(shop: Path, tmp_path: Path) -> None:
    summaries = []
    for name in ("one", "two"):
        of_shop(shop, "--seeds", 1, "--json", tmp_path / name)
        summary = read(tmp_path / name)
        for model in summary["models"]:
            for run in model["seeds"]:
                del run["cpu_s"]
        del summary["command"]
        summaries.append(summary)
    assert summaries[0] == summaries[1]


def test_positions_ask_more_questions(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    found = of_shop(shop, "--seeds", 1, "--positions", 2, "--json", out)
    assert found.exit_code == 0, found.output
    data = read(out)["data"]
    assert data["n_questions"] == 2 * data["n_people_asked"]


def test_unseen_users_are_compared_with_themselves_seen(shop: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.json", tmp_path / "report"
    given = ("--split", "unseen-users", "--seeds", 1, "--json", out, "--report", report)
    found = of_shop(shop, *given)
    assert found.exit_code == 0, found.output
    summary = read(out)
    assert set(summary["unseen"]) == {"popular", "ease"}
    for model in summary["models"]:
        one = summary["unseen"][model["name"]]
        assert one["unseen"]["mean"] == pytest.approx(model["metrics"]["ndcg@10"]["mean"])
        assert set(one) == {"seen", "unseen", "ratio"}
    assert "Unseen users, EASE: " in found.stdout
    assert '<section id="unseen"' in (report / "report.html").read_text()


def test_cold_items_are_asked_among_both(shop: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.json", tmp_path / "report"
    given = ("--split", "cold-items", "--seeds", 1, "--json", out, "--report", report)
    found = of_shop(shop, *given)
    assert found.exit_code == 0, found.output
    cold = read(out)["cold"]
    assert cold["among_all"]["n_candidates"] > cold["among_cold"]["n_candidates"]
    assert set(cold["among_cold"]["models"]) == {"popular", "ease"}
    assert "Cold items, recall@10 among all items" in found.stdout
    assert '<section id="cold"' in (report / "report.html").read_text()


@pytest.mark.parametrize("split", ["last", "time"])
def test_other_splits_have_no_such_part(shop: Path, tmp_path: Path, split: str) -> None:
    out = tmp_path / "out.json"
    found = of_shop(shop, "--split", split, "--seeds", 1, "--json", out)
    assert found.exit_code == 0, found.output
    assert not {"unseen", "cold"} & read(out).keys()


def test_refuses_to_mitigate_what_the_data_does_not_have(shop: Path) -> None:
    found = of_shop(shop, "--mitigate", "shoe size")
    assert found.exit_code == 2
    assert "--mitigate must be one of history, taste" in found.output


def test_what_is_mitigated_is_chosen_and_measured(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    found = of_shop(shop, "--seeds", 1, "--mitigate", "taste", "--json", out)
    assert found.exit_code == 0, found.output
    for model in read(out)["models"]:
        assert "niche" in model["seeds"][0]["chosen"]["calibrated"]
        assert "ndcg@10" in model["beside"]["calibrated"]["metrics"]


def test_runs_as_a_process_with_no_terminal(shop: Path) -> None:
    arguments = [
        "--data",
        str(shop),
        "--format",
        "events-csv",
        "--models",
        "popular",
        "--seeds",
        "1",
    ]
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "twofold", "evaluate", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\x1b" not in ended.stdout
    assert "\r" not in ended.stdout
    assert ended.stdout.startswith("✓ popular: NDCG@10 ")


def test_movielens(tmp_path: Path) -> None:
    root = os.environ.get("TWOFOLD_DATA")
    if not root:
        pytest.skip("TWOFOLD_DATA is not set: the public datasets are not on this machine")
    out = tmp_path / "out.json"
    data = ("--data", Path(root) / "ml-100k", "--format", "movielens")
    found = evaluate(*data, "--models", "popular,ease", "--seeds", 1, "--json", out)
    assert found.exit_code == 0, found.output
    summary = read(out)
    levels = {m["name"]: m["metrics"]["ndcg@10"]["mean"] for m in summary["models"]}
    assert 0.03 < levels["popular"] < 0.055 < levels["ease"] < 0.085
    (ratio,) = [r for r in summary["ratios"] if r["metric"] == "ndcg@10"]
    assert (ratio["of"], ratio["to"], ratio["low"] > 1) == ("ease", "popular", True)
    assert set(summary["fairness"]) == {"history", "taste", "age", "gender"}
