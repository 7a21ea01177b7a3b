"""Columns over bins: a histogram, in which one side of a value may stand out."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.offline.report.charts.canvas import Label, axis_left, canvas, line, text, tip
from evaluation.offline.report.charts.scale import Scale, tick_label
from evaluation.offline.report.markup import Markup, element

LEFT_PX, RIGHT_PX, TOP_PX, BELOW_PX = 46, 12, 10, 42


@dataclass(frozen=True)
class Bin:
    """low..high, how many lie in it, and what is said on pointing."""

    low: float
    high: float
    count: float
    style: str
    said: str


def histogram(
    width: int,
    height: int,
    bins: Sequence[Bin],
    description: str,
    *,
    axis: str,
    label: Label = tick_label,
    up: Label = tick_label,
    rule: float | None = None,
) -> Markup:
    """Bins side by side, from the lowest to the highest edge."""
    bottom = height - BELOW_PX
    x = Scale(bins[0].low, bins[-1].high, LEFT_PX, width - RIGHT_PX)
    y = Scale(0.0, max(b.count for b in bins) * 1.06 or 1.0, bottom, TOP_PX)
    marks = [axis_left(y, LEFT_PX, width - RIGHT_PX, up)]
    marks += [_column(b, x, y, bottom) for b in bins]
    for value in x.ticks(max(int((x.end - x.start) / 52), 2)):
        marks.append(text(x(value), bottom + 16, label(value), anchor="middle"))
    marks.append(text((x.start + x.end) / 2, bottom + 33, axis, anchor="middle"))
    if rule is not None:
        marks.append(line(x(rule), TOP_PX, x(rule), bottom, "rule"))
    return canvas(width, height, description, *marks)


def _column(one: Bin, x: Scale, y: Scale, bottom: float) -> Markup:
    left, right = x(one.low), x(one.high)
    gap = min(1.0, (right - left) / 6)
    return element(
        "rect",
        tip(one.said),
        x=left + gap,
        y=y(one.count),
        width=max(right - left - 2 * gap, 0.5),
        height=bottom - y(one.count),
        class_=f"column mark {one.style}",
    )
