"""The ground that every plot is drawn on: size, axes, grid lines and text."""

from collections.abc import Callable, Iterable

from evaluation.offline.report.charts.scale import Scale, tick_label
from evaluation.offline.report.markup import Markup, element

# Mean advance of a character at 12 px in the fonts of the page, somewhat generous.
CHARACTER_PX = 6.7
AXIS_PX = 30
NARROW_PX = 420

Label = Callable[[float], str]


def canvas(width: float, height: float, description: str, *marks: str) -> Markup:
    """The plot as one picture; assistive technology reads the description and the table."""
    return element(
        "svg",
        marks,
        class_="chart",
        width=width,
        height=height,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=description,
    )


def text(x: float, y: float, words: str, style: str = "tick", anchor: str = "start") -> Markup:
    """A line of text, its foot at y."""
    return element("text", words, x=x, y=y, class_=style, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, style: str = "grid") -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def path(points: Iterable[tuple[float, float]], style: str) -> Markup:
    """A line through points."""
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", d=f"M{steps}", class_=style)


def tip(words: str) -> Markup:
    """What is shown when one points at the mark that this is put in."""
    return element("title", words)


def shortened(words: str, room_px: float) -> str:
    """The words, or their beginning where they would not fit."""
    most = max(int(room_px / CHARACTER_PX), 2)
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def axis_below(
    scale: Scale, top: float, bottom: float, label: Label = tick_label, title: str = ""
) -> Markup:
    """Upright grid lines with their values beneath, and what they count."""
    marks = []
    room = abs(scale.end - scale.start)
    for value in scale.ticks(min(max(int(room / 46), 2), 12)):
        x = scale(value)
        marks += [line(x, top, x, bottom), text(x, bottom + 16, label(value), anchor="middle")]
    if title:
        middle = (scale.start + scale.end) / 2
        marks.append(text(middle, bottom + 33, title, "tick", "middle"))
    return Markup("".join(marks))


def axis_left(scale: Scale, left: float, right: float, label: Label = tick_label) -> Markup:
    """Level grid lines with their values to the left."""
    marks = []
    for value in scale.ticks(max(int(abs(scale.end - scale.start) / 34), 2)):
        y = scale(value)
        marks += [line(left, y, right, y), text(left - 8, y + 4, label(value), anchor="end")]
    return Markup("".join(marks))
