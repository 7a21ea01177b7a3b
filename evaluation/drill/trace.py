"""The trace: what devices wished to do, and what came of it. NDJSON, one object per line.

    {"trace": "twofold-drill", "layout": 1, "seed": 7, "days": 2.0}           the first line
    {"device": 12, "skew_s": .., "down_bps": .., "up_bps": .., "train_s": ..} one per device
    {"at": 31.25, "device": 12, "what": "arrives", "stays_s": 600.0, "conduct": "honest"}
    {"at": 31.25, "device": 12, "what": "granted", "round": 3, "up": 2, "down": 1450, ...}

`at` is in seconds since the start, to the millisecond. Devices and arrivals are the whole of what
is replayed; every other line is what one plan made of them, and a reader passes over it. So a trace
may be written by hand, or from the log of a service, with arrivals alone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.drill.arrivals import DAY_S
from evaluation.drill.behaviour import CONDUCTS, Conduct, Profile
from federation.strict_fields import read_object, require_fields, require_int, require_number

NAME = "twofold-drill"
LAYOUT = 1
DAYS_MAX = 366.0
DEVICES_MAX = 1_000_000
PROFILE_FIELDS = ("skew_s", "down_bps", "up_bps", "train_s")
ARRIVAL_FIELDS = ("at", "device", "what", "stays_s", "conduct")


@dataclass(frozen=True)
class Arrival:
    """A visit: device `device` is there from `at` for `stays_s`, and does as `conduct` says."""

    at: float
    device: int
    stays_s: float
    conduct: Conduct


@dataclass(frozen=True)
class Happening:
    """One line beside devices and arrivals. device: None for what the service did."""

    at: float
    device: int | None
    what: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """What is replayed. seed: decides training and moments within a window, in every plan alike.

    arrivals: in the order of their time.
    """

    seed: int
    days: float
    devices: tuple[Profile, ...]
    arrivals: tuple[Arrival, ...]

    @property
    def end_s(self) -> float:
        """The end of the last day, in seconds since the start."""
        return self.days * DAY_S


def write_trace(path: Path, trace: Trace, happenings: Iterable[Happening]) -> None:
    """Write the trace with what one plan made of it."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in trace_lines(trace, happenings))


def trace_lines(trace: Trace, happenings: Iterable[Happening]) -> Iterator[str]:
    """The lines of a trace, its events in the order of their time."""
    yield _line({"trace": NAME, "layout": LAYOUT, "seed": trace.seed, "days": trace.days})
    for number, profile in enumerate(trace.devices):
        yield _line({"device": number} | {name: getattr(profile, name) for name in PROFILE_FIELDS})
    arrivals = (_arrival_as_happening(arrival) for arrival in trace.arrivals)
    for happening in sorted([*arrivals, *happenings], key=lambda one: one.at):
        whose = {} if happening.device is None else {"device": happening.device}
        yield _line({"at": happening.at, **whose, "what": happening.what, **happening.fields})


def _arrival_as_happening(arrival: Arrival) -> Happening:
    fields = {"stays_s": arrival.stays_s, "conduct": arrival.conduct}
    return Happening(arrival.at, arrival.device, "arrives", fields)


def _line(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def read_trace(path: Path) -> Trace:
    """The devices and arrivals of a trace.

    Raises: ValueError naming file, line and field; OSError.
    """
    reader = _Reader()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                reader.take(read_object(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
    try:
        return reader.trace()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


class _Reader:
    """Reads one line after the other."""

    def __init__(self) -> None:
        self._head: tuple[int, float] | None = None
        self._devices: list[Profile] = []
        self._arrivals: list[Arrival] = []

    def take(self, value: dict[str, Any]) -> None:
        """One line's value; ValueError naming what is wrong."""
        if self._head is None:
            self._head = _read_head(value)
        elif "what" not in value:
            self._devices.append(_read_profile(value, len(self._devices)))
        elif value["what"] == "arrives":
            self._arrivals.append(_read_arrival(value, len(self._devices), self._head[1]))

    def trace(self) -> Trace:
        """All that was read; ValueError when it is no whole trace."""
        if self._head is None or not self._devices:
            raise ValueError("holds no trace: the first line names it, the next ones its devices")
        arrivals = sorted(self._arrivals, key=lambda arrival: arrival.at)
        return Trace(*self._head, tuple(self._devices), tuple(arrivals))


def _read_head(value: dict[str, Any]) -> tuple[int, float]:
    if value.get("trace") != NAME:
        raise ValueError(f"trace: the first line must name {NAME!r}")
    if value.get("layout") != LAYOUT:
        raise ValueError(f"layout: {value.get('layout')!r} is not {LAYOUT}, which is read here")
    fields = require_fields(value, ["trace", "layout", "seed", "days"])
    seed = require_int(fields["seed"], "seed", 0, 2**63 - 1)
    return seed, float(require_number(fields["days"], "days", 1e-3, DAYS_MAX))


def _read_profile(value: dict[str, Any], due: int) -> Profile:
    fields = require_fields(value, ["device", *PROFILE_FIELDS])
    if fields["device"] != due or due >= DEVICES_MAX:
        raise ValueError(f"device: must be {due}, they are numbered in order")
    return Profile(
        skew_s=float(require_number(fields["skew_s"], "skew_s", -1e9, 1e9)),
        down_bps=float(require_number(fields["down_bps"], "down_bps", 1.0)),
        up_bps=float(require_number(fields["up_bps"], "up_bps", 1.0)),
        train_s=float(require_number(fields["train_s"], "train_s", 0.0)),
    )


def _read_arrival(value: dict[str, Any], n_devices: int, days: float) -> Arrival:
    fields = require_fields(value, ARRIVAL_FIELDS)
    if fields["conduct"] not in CONDUCTS:
        raise ValueError(f"conduct: must be one of {', '.join(CONDUCTS)}")
    return Arrival(
        at=float(require_number(fields["at"], "at", 0.0, days * DAY_S)),
        device=require_int(fields["device"], "device", 0, n_devices - 1),
        stays_s=float(require_number(fields["stays_s"], "stays_s", 0.0)),
        conduct=fields["conduct"],
    )
