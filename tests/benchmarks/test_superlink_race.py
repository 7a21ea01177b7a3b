"""The race with Flower's SuperLink: it counts what happens, and Twofold's side runs. No Flower."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import process_tree, superlink_race, twofold_leg
from benchmarks.light_device import CountingTransport, constant_update
from benchmarks.process_tree import PeakMemory, Stat, cpu_s, read_pss_mib, read_stat, tree
from benchmarks.race_result import Leg, added, table, verdicts
from benchmarks.server_kill import Aftermath, kill_twofold
from benchmarks.superlink_process import rounds_done
from benchmarks.waiting import wait_until
from clients.python.answers import Failure
from evaluation.demo.service_process import free_port
from federation.canonical import digest
from federation.plan import Grid, Plan
from federation.update_checks import check_words
from federation.update_codec import decode, update_bytes

CLIENTS, ITEMS = 3, 20
OURS = Leg("Twofold", 20, 10, 200, 600, 100, 4.0, 10.0, 300.0, 300 * 2**20)
THEIRS = Leg("Flower, stock", 20, 3, 60, 840, 300, 18.0, 60.0, 400.0, 120 * 2**20)


def test_a_line_of_proc_is_read_whatever_the_process_is_called() -> None:
    times = "100 50 30 20"  # utime stime cutime cstime
    line = f"42 (a) name (of) S 7 42 42 0 -1 4194560 1 2 3 4 {times} 20 0 1 0 9 8 7\n"
    assert read_stat(line) == Stat(42, 7, 200 / process_tree.TICKS_PER_S)


def test_memory_is_the_proportional_share() -> None:
    assert read_pss_mib("00-ff ---p [rollup]\nRss:  9999 kB\nPss:  2048 kB\nPss_Dirty: 1 kB\n") == 2
    assert read_pss_mib("") == 0


# Two generations: a grandchild that burns CPU and ends, then a child that says so and waits.
BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
print("burnt", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", PARENT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "burnt\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_a_tree_has_its_children_and_the_time_of_those_that_ended(
    family: "subprocess.Popen[str]",
) -> None:
    assert cpu_s(family.pid) >= 0.3
    beside = subprocess.Popen(["sleep", "60"])
    try:
        mine = {stat.pid for stat in tree(os.getpid())}
        assert {family.pid, beside.pid} <= mine
        assert [stat.pid for stat in tree(beside.pid)] == [beside.pid]
    finally:
        beside.kill()
        beside.wait()
    assert tree(beside.pid) == []
    assert cpu_s(beside.pid) == 0


def test_peak_memory_is_that_of_the_tree(family: "subprocess.Popen[str]") -> None:
    with PeakMemory(family.pid) as memory:
        pass
    assert memory.mib > 1


def test_legs_add_up_by_side_and_number_of_clients() -> None:
    again = Leg("Twofold", 20, 5, 100, 300, 80, 1.0, 5.0, 310.0, 150 * 2**20)
    many = Leg("Twofold", 100, 1, 100, 300, 80, 1.0, 5.0, 310.0, 150 * 2**20)
    whole = Leg("Twofold", 20, 15, 300, 900, 180, 5.0, 15.0, 310.0, 450 * 2**20)
    assert added([many, OURS, THEIRS, again]) == [whole, THEIRS, many]


def test_the_table_has_a_line_for_each_leg() -> None:
    lines = list(table([OURS, THEIRS]))
    assert lines[2] == "| 20 | Twofold | 200 | 3.0 | 0.5 | 20 | 20.0 | 300 | 1.50 |"
    assert lines[3] == "| 20 | Flower, stock | 60 | 14.0 | 5.0 | 300 | 1.0 | 400 | 2.00 |"
    assert {line.count("|") for line in lines} == {10}


def test_a_bar_is_held_or_missed() -> None:
    (line,) = verdicts([OURS, THEIRS])
    assert "3.0 requests against 14.0 (held)" in line
    assert "15.0 times less server CPU (held)" in line
    assert "20.0 times the updates a second (held)" in line
    dearer = Leg("Twofold", 20, 10, 200, 601, 0, 4.1, 10.1, 1.0, 1)
    (line,) = verdicts([dearer, THEIRS])
    assert line.count("(missed)") == 3
    assert not list(verdicts([OURS]))


def test_rounds_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    assert rounds_done(path) == []
    path.write_text('{"round": 0, "updates": 0}\n{"round": 1, "updates": 20}\n')
    assert rounds_done(path) == [0, 20]


def test_a_request_that_nobody_answers_counts() -> None:
    with CountingTransport(1) as transport:
        url = f"http://127.0.0.1:{free_port()}/v1/rounds/check-in"
        assert isinstance(transport.send("POST", url, value={}), Failure)
        assert transport.requests == {"check-in": 1}


def plan_of(n_values: int) -> Plan:
    return Plan(
        model_version=1,
        bundle=digest(b"bundle"),
        block=digest(b"block"),
        n_block=1,
        n_values=n_values,
        grid=Grid(1.0),
        training={},
        cohort_target=2,
        cohort_min=1,
        deadline_s=60.0,
        lease_s=20.0,
    )


def test_the_constant_update_is_an_honest_one() -> None:
    plan = plan_of(262_165)
    words = decode(constant_update(plan), plan.digest, plan.n_words)
    assert not hasattr(words, "reason")
    assert check_words(words, plan) is None  # type: ignore[arg-type]
    # One mebibyte and a header, as the table says.
    assert update_bytes(plan.n_words) == 2**20 + 144


@pytest.mark.parametrize("wrong", [["--clients", "0"], ["--rounds", "0"], ["--turns", "0"]])
def test_numbers_below_one_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        superlink_race.arguments_of(wrong)


def test_waiting_has_an_end() -> None:
    with pytest.raises(TimeoutError):
        wait_until(lambda: False, deadline_s=0.0)


def test_a_small_leg_takes_three_requests_an_update(tmp_path: Path) -> None:
    leg = twofold_leg.run_leg(tmp_path, CLIENTS, rounds=2, items=ITEMS)
    assert leg.updates >= 2 * CLIENTS
    assert leg.requests == 3 * leg.updates
    assert leg.polls > 0
    assert leg.cpu_s > 0
    assert leg.peak_mib > 50  # two Pythons and a cache server
    assert leg.body_bytes > leg.updates * 4 * ITEMS * 193


@pytest.mark.faults
def test_a_kill_loses_no_acknowledged_update(tmp_path: Path) -> None:
    end = kill_twofold(tmp_path, CLIENTS, ITEMS)
    assert end.acknowledged >= CLIENTS + 2
    assert end.lost == 0
    assert f"0 of {end.acknowledged} acknowledged updates lost" in end.line()


def test_a_lost_run_says_so() -> None:
    end = Aftermath("Flower", 20, 36, 36, 4.0, "the run is 'finished:failed'")
    assert "36 of 36 acknowledged updates lost; the run is 'finished:failed'" in end.line()
