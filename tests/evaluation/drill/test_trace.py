"""The trace format: what is refused, and that what is written is what is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.drill.population import Population, draw_trace
from evaluation.drill.trace import Happening, read_trace, trace_lines, write_trace
from tests.evaluation.drill.crowd import BUSY, BUSY_MIX

HEAD: dict[str, Any] = {"trace": "twofold-drill", "layout": 1, "seed": 3, "days": 1.0}
DEVICE: dict[str, Any] = {"device": 0, "skew_s": 0.0, "down_bps": 1e6, "up_bps": 1e6, "train_s": 1}
ARRIVES: dict[str, Any] = {
    "at": 5.0,
    "device": 0,
    "what": "arrives",
    "stays_s": 60.0,
    "conduct": "honest",
}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return path


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["nonsense"], "line 1"),
        (["[" * 100_000], "line 1"),
        (["[]"], "line 1"),
        ([DEVICE], "line 1: trace"),
        ([HEAD | {"layout": 2}], "line 1: layout"),
        ([HEAD | {"seed": -1}], "line 1: seed"),
        ([HEAD | {"days": "two"}], "line 1: days"),
        ([HEAD | {"extra": 1}], "line 1: extra"),
        ([HEAD], "its devices"),
        ([HEAD, DEVICE | {"device": 1}], "line 2: device"),
        ([HEAD, DEVICE | {"down_bps": 0}], "line 2: down_bps"),
        ([HEAD, DEVICE | {"skew_s": float("nan")}], "line 2: skew_s"),
        ([HEAD, without(DEVICE, "train_s")], "line 2: train_s"),
        ([HEAD, DEVICE, ARRIVES | {"device": 1}], "line 3: device"),
        ([HEAD, DEVICE, ARRIVES | {"at": 86_401.0}], "line 3: at"),
        ([HEAD, DEVICE, ARRIVES | {"stays_s": -1}], "line 3: stays_s"),
        ([HEAD, DEVICE, ARRIVES | {"conduct": "kind"}], "line 3: conduct"),
        ([HEAD, DEVICE, without(ARRIVES, "conduct")], "line 3: conduct"),
        ([HEAD, DEVICE, '{"what": "arrives", "what": "arrives"}'], "line 3: what"),
    ],
)
def test_a_wrong_line_is_named(lines: list[Any], named: str, tmp_path: Path) -> None:
    path = write(tmp_path / "trace.ndjson", *lines)
    with pytest.raises(ValueError, match=named) as caught:
        read_trace(path)
    assert str(path) in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.ndjson"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match="line 1"):
        read_trace(path)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    trace = draw_trace(Population(20, 0.5, BUSY, BUSY_MIX), seed=5)
    happenings = [Happening(31.5, 3, "granted", {"round": 1}), Happening(2.0, None, "looked")]
    write_trace(tmp_path / "trace.ndjson", trace, happenings)
    assert len(trace.arrivals) > 20
    assert read_trace(tmp_path / "trace.ndjson") == trace


def test_a_trace_by_hand_needs_arrivals_only(tmp_path: Path) -> None:
    later, sooner = ARRIVES | {"at": 9.0}, ARRIVES | {"at": 1.0, "conduct": "late"}
    trace = read_trace(write(tmp_path / "trace.ndjson", HEAD, DEVICE, later, sooner))
    assert [one.at for one in trace.arrivals] == [1.0, 9.0]
    assert (trace.seed, trace.end_s, len(trace.devices)) == (3, 86_400.0, 1)


def test_events_are_in_the_order_of_their_time() -> None:
    trace = draw_trace(Population(5, 0.2, BUSY), seed=5)
    happenings = [Happening(at, 0, "refused", {"reason": "off_grid"}) for at in (9_000.0, 1.0)]
    events = [json.loads(line) for line in trace_lines(trace, happenings)][1 + 5 :]
    times = [event["at"] for event in events]
    assert times == sorted(times)
    assert len(events) == len(trace.arrivals) + 2
