"""What an operator chooses by: the figures of one plan, from what happened and from the books."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from evaluation.drill.books import Books
from evaluation.drill.enrolment import START
from evaluation.drill.trace import Happening, Trace


@dataclass(frozen=True)
class Figures:
    """Of the trace's days; rounds that ended after them are left out, their updates are not.

    staleness: model steps behind -> updates that were counted. polls_per_visit: check-ins that
    brought no work; None without visits. quorum_s_*: from the opening of a round to the update that
    made its quorum, over the rounds that reached it; None when none did. wasted: leases granted
    whose update was not counted. down_bytes, up_bytes: bodies of answers and requests, per device.
    requests_per_update: every request of a device, polls and renewals included, over the updates
    counted; None without any.
    """

    rounds_per_day: float
    published: int
    abandoned: int
    quorum_s_median: float | None
    quorum_s_p90: float | None
    leases: int
    updates: int
    staleness: Mapping[int, int]
    polls_per_visit: float | None
    wasted: int
    wasted_share: float
    down_bytes: float
    up_bytes: float
    requests: int
    requests_per_update: float | None
    refusals: Mapping[str, int]

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def measure(trace: Trace, happenings: Sequence[Happening], books: Books) -> Figures:
    """The figures of one plan."""
    in_time = [one for one in books.rounds if _ended_s(one) <= trace.end_s]
    phases = Counter(one["phase"] for one in in_time)
    leases = {one.fields["lease"] for one in happenings if one.what == "granted"}
    updates = sum(outcome == "counted" for outcome in books.outcomes.values())
    counted = [
        one.fields["staleness"]
        for one in happenings
        if one.what == "accepted" and books.outcomes.get(one.fields["lease"]) == "counted"
    ]
    quorum_s = _quorum_times(happenings, in_time)
    polls = sum(one.what == "told_to_wait" for one in happenings)
    moved = [one.fields for one in happenings if "up" in one.fields]
    refused = Counter(one.fields["reason"] for one in happenings if one.what == "refused")
    n_devices = len(trace.devices)
    return Figures(
        rounds_per_day=phases["published"] / trace.days,
        published=phases["published"],
        abandoned=phases["abandoned"],
        quorum_s_median=_quantile(quorum_s, 0.5),
        quorum_s_p90=_quantile(quorum_s, 0.9),
        leases=len(leases),
        updates=updates,
        staleness=dict(sorted(Counter(counted).items())),
        polls_per_visit=polls / len(trace.arrivals) if trace.arrivals else None,
        wasted=len(leases) - updates,
        wasted_share=(len(leases) - updates) / max(1, len(leases)),
        down_bytes=sum(fields["down"] for fields in moved) / n_devices,
        up_bytes=sum(fields["up"] for fields in moved) / n_devices,
        requests=len(moved),
        requests_per_update=len(moved) / updates if updates else None,
        refusals=dict(sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() - START


def _ended_s(one: Mapping[str, Any]) -> float:
    return float("inf") if one["ended_at"] is None else _seconds(one["ended_at"])


def _quorum_times(
    happenings: Sequence[Happening], rounds: Sequence[Mapping[str, Any]]
) -> list[float]:
    accepted_at = defaultdict(list)
    for one in happenings:
        if one.what == "accepted":
            accepted_at[one.fields["round"]].append(one.at)
    return [
        sorted(accepted_at[one["id"]])[one["cohort_min"] - 1] - _seconds(one["opened_at"])
        for one in rounds
        if len(accepted_at[one["id"]]) >= one["cohort_min"]
    ]


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None
