"""The event log: what it refuses, what it survives, and its order."""

import os
import threading
from pathlib import Path

import pytest

from clients.python.durable_files import CorruptedStateError
from clients.python.event_log import EventLog
from recsys.datasets.interactions import Event


def view(item_id: str, at: float = 0.0) -> Event:
    return Event(item_id, "view", at)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (Event("", "view", 0.0), "item_id"),
        (Event("x" * 129, "view", 0.0), "item_id"),
        (Event("é" * 65, "view", 0.0), "item_id"),
        (Event("a\0b", "view", 0.0), "item_id"),
        (Event("\ud800", "view", 0.0), "item_id"),
        (Event("a", "", 0.0), "type"),
        (Event("a", "x" * 65, 0.0), "type"),
        (Event("a", "view", float("nan")), "at"),
        (Event("a", "view", float("inf")), "at"),
        (Event("a", "view", True), "at"),
        (Event(7, "view", 0.0), "item_id"),  # type: ignore[arg-type]
    ],
)
def test_a_bad_event_is_refused_and_none_of_its_batch_is_kept(
    tmp_path: Path, event: Event, field: str
) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with pytest.raises(ValueError, match=field):
        log.append([view("good"), event])
    assert log.read() == ()


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"item": "a"}', b"null", b"\xff"])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append([view("a")])
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(CorruptedStateError, match="line 2 is not an event"):
        log.read()


def test_any_id_comes_back(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    ids = ["a/b", "%2F", "😀" * 32, "x" * 128, "line\nbreak", ' "quoted" ', "."]
    log.append([view(item_id, at) for at, item_id in enumerate(ids)])
    assert [event.item_id for event in EventLog(tmp_path / "events.jsonl").read()] == ids


def test_events_come_back_oldest_first_and_ties_as_appended(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append([view("late", 5.0), view("tie 1", 3.0)])
    log.append([view("tie 2", 3.0), view("early", 1.0)])
    assert [event.item_id for event in log.read()] == ["early", "tie 1", "tie 2", "late"]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_an_append_that_was_cut_off_counts_as_never_made(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append([view("kept")])
    whole = path.read_bytes()
    log.append([view("lost")])
    torn = path.read_bytes()[: len(whole) + cut]
    path.write_bytes(torn)
    assert [e.item_id for e in EventLog(path).read()] == ["kept"]
    EventLog(path).append([view("next", 1.0)])
    assert [e.item_id for e in EventLog(path).read()] == ["kept", "next"]


def test_a_torn_first_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"item": "a"')
    EventLog(path).append([view("b")])
    assert [e.item_id for e in EventLog(path).read()] == ["b"]


def test_a_long_torn_line_is_cut_off_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).append([view("a")])
    path.write_bytes(path.read_bytes() + b"x" * 10_000)
    EventLog(path).append([view("b", 1.0)])
    assert [e.item_id for e in EventLog(path).read()] == ["a", "b"]


def test_a_reader_sees_what_another_process_appended(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append([view("a")])
    assert len(log.read()) == 1
    EventLog(tmp_path / "events.jsonl").append([view("b")])
    assert len(log.read()) == 2


def test_appends_of_many_writers_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    def write(name: int) -> None:
        for n in range(20):
            EventLog(path).append([view(f"{name}-{n}")])

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({event.item_id for event in EventLog(path).read()}) == 80


def test_the_log_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    EventLog(tmp_path / "events.jsonl").append([view("a")])
    assert os.stat(tmp_path / "events.jsonl").st_mode & 0o077 == 0


def test_appending_nothing_makes_no_file(tmp_path: Path) -> None:
    EventLog(tmp_path / "events.jsonl").append([])
    assert not (tmp_path / "events.jsonl").exists()
