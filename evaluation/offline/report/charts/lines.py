"""Lines over an axis: a curve per seed, or the share of users up to a rank per model."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.offline.report.charts.canvas import (
    Label,
    axis_below,
    axis_left,
    canvas,
    line,
    path,
    text,
    tip,
)
from evaluation.offline.report.charts.scale import Scale, tick_label
from evaluation.offline.report.markup import Markup, element

LEFT_PX, RIGHT_PX, TOP_PX, BELOW_PX = 46, 12, 10, 42
HOVER_POINTS_MAX = 60


@dataclass(frozen=True)
class Line:
    """points: (x, y) in rising x; chosen: a point that is marked; said: per point, on pointing."""

    points: tuple[tuple[float, float], ...]
    style: str
    label: str
    chosen: tuple[float, float] | None = None


@dataclass(frozen=True)
class Axis:
    """What an axis spans and how its values are written."""

    low: float
    high: float
    title: str = ""
    log: bool = False
    label: Label = tick_label


def line_plot(
    width: int,
    height: int,
    lines: Sequence[Line],
    description: str,
    across: Axis,
    up: Axis,
    rule: float | None = None,
) -> Markup:
    """across, up: the axes; rule: an x that is marked."""
    bottom = height - BELOW_PX
    x = Scale(across.low, across.high, LEFT_PX, width - RIGHT_PX, across.log)
    y = Scale(up.low, up.high, bottom, TOP_PX, up.log)
    marks = [
        axis_left(y, LEFT_PX, width - RIGHT_PX, up.label),
        axis_below(x, bottom, bottom + 4, across.label, across.title),
    ]
    if rule is not None and across.low <= rule <= across.high:
        marks.append(line(x(rule), TOP_PX, x(rule), bottom, "rule faint"))
    marks += [_line(one, x, y, across, up) for one in lines]
    return canvas(width, height, description, *marks)


def _line(one: Line, x: Scale, y: Scale, across: Axis, up: Axis) -> Markup:
    drawn = path([(x(a), y(b)) for a, b in one.points], "path")
    step = -(-len(one.points) // HOVER_POINTS_MAX)
    hovers = []
    for a, b in one.points[::step]:
        said = f"{one.label}: {up.label(b)} at {across.label(a)}"
        hovers.append(element("circle", tip(said), cx=x(a), cy=y(b), r=6, class_="hover mark"))
    return element("g", drawn, _chosen(one, x, y), hovers, class_=one.style)


def _chosen(one: Line, x: Scale, y: Scale) -> Markup | None:
    if one.chosen is None:
        return None
    a, b = one.chosen
    return element("circle", cx=x(a), cy=y(b), r=4.5, class_="dot chosen")


def no_curve(width: int, height: int, words: str) -> Markup:
    """A plot that there is nothing to draw in."""
    return canvas(width, height, words, text(width / 2, height / 2, words, "tick", "middle"))
