"""Rows of points with their intervals (a forest plot): one row per model or group."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.offline.report.charts.canvas import (
    CHARACTER_PX,
    NARROW_PX,
    axis_below,
    canvas,
    line,
    shortened,
    text,
    tip,
)
from evaluation.offline.report.charts.scale import Scale, spanning
from evaluation.offline.report.markup import Markup, element, joined

ROW_PX = 28
POINT_STEP_PX = 11
VALUE_GAP_PX = 10


@dataclass(frozen=True)
class Point:
    """low and high may be the mean itself. style: the class of its marks; said: on pointing."""

    mean: float
    low: float
    high: float
    style: str
    said: str


@dataclass(frozen=True)
class Row:
    """label: on the left; value: in figures on the right, where the plot is wide enough."""

    label: str
    points: tuple[Point, ...]
    value: str = ""
    short: str = ""
    strong: bool = False


def interval_plot(
    width: int,
    rows: Sequence[Row],
    description: str,
    *,
    axis: str = "",
    rule: float | None = None,
    rule_style: str = "rule",
    log: bool = False,
    from_zero: bool = False,
    limits: tuple[float, float] | None = None,
) -> Markup:
    """rule: the value that everything is compared with; limits: what is shown, with
    an arrow for what lies beyond; without them everything is.
    """
    values = [v for row in rows for p in row.points for v in (p.mean, p.low, p.high)]
    keep = [*([] if rule is None else [rule]), *([0.0] if from_zero else [])]
    low, high = limits or spanning(values, keep, log)
    left, right = _margins(width, rows)
    scale = Scale(low, high, left, width - right, log)
    heights = [max(ROW_PX, 16 + POINT_STEP_PX * len(row.points)) for row in rows]
    bottom = 6.0 + sum(heights)
    marks = [axis_below(scale, 6, bottom, title=axis)]
    if rule is not None:
        marks.append(line(scale(rule), 2, scale(rule), bottom, rule_style))
    top = 6.0
    for row, height in zip(rows, heights, strict=True):
        if len(row.points) > 1 and row is not rows[0]:
            marks.append(line(0, top, width - right, top))
        marks.append(_row(row, scale, top + height / 2, width))
        top += height
    return canvas(width, bottom + (40 if axis else 24), description, *marks)


def _margins(width: int, rows: Sequence[Row]) -> tuple[float, float]:
    longest = max((len(row.label) for row in rows), default=0)
    left = min(longest * CHARACTER_PX + 12, width * (0.36 if width < NARROW_PX else 0.35))
    values = max((len(_value(row, width)) for row in rows), default=0)
    return left, max(values * CHARACTER_PX + VALUE_GAP_PX, 16)


def _value(row: Row, width: int) -> str:
    return row.short if width < NARROW_PX else row.value


def _row(row: Row, scale: Scale, y: float, width: int) -> Markup:
    style = "strong" if row.strong else "name"
    label = shortened(row.label, scale.start - 8)
    value = _value(row, width)
    first = y - POINT_STEP_PX * (len(row.points) - 1) / 2
    return joined(
        element("text", label, tip(row.label), x=0, y=y + 4, class_=style),
        [_point(p, scale, first + i * POINT_STEP_PX) for i, p in enumerate(row.points)],
        text(width, y + 4, value, "strong" if row.strong else "value", "end") if value else None,
    )


def _point(point: Point, scale: Scale, y: float) -> Markup:
    low, high = scale(point.low), scale(point.high)
    if not scale.low <= point.mean <= scale.high:
        return _beyond(point, scale(point.mean), y, 1 if point.mean > scale.high else -1)
    reach = element("rect", x=low - 4, y=y - 6, width=high - low + 8, height=12, class_="hover")
    whisker = line(low, y, high, y, "whisker") if point.high > point.low else None
    dot = element("circle", cx=scale(point.mean), cy=y, r=4.5, class_="dot")
    return element("g", tip(point.said), reach, whisker, dot, class_=f"mark {point.style}")


def _beyond(point: Point, x: float, y: float, side: int) -> Markup:
    """An arrow at the edge for a point that lies outside the plot."""
    arrow = f"M{x - 7 * side:.1f} {y - 5:.1f} L{x + 2 * side:.1f} {y:.1f} l{-9 * side} 5 Z"
    head = element("path", d=arrow, class_="dot")
    return element("g", tip(point.said), head, class_=f"mark {point.style}")
