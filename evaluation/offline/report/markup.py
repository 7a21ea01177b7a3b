"""HTML and SVG from Python: whatever is not markup already is escaped."""

from collections.abc import Iterable
from html import escape as escape_html

VOID = {"meta", "link", "br", "hr", "img"}


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


Child = str | Iterable[str] | None


def escape(text: str) -> Markup:
    """Text as it reads; markup stays as it is."""
    return text if isinstance(text, Markup) else Markup(escape_html(str(text), quote=True))


def joined(*children: Child) -> Markup:
    """Children one after the other; None is nothing."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, str):
            parts.append(escape(child))
        elif child is not None:
            parts.extend(escape(one) for one in child)
    return Markup("".join(parts))


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element. `class_` is `class`, `text_anchor` is `text-anchor`; None and False are left out,
    True stands without a value."""
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(*children)}</{tag}>")


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return f' {name}="{escape(value if isinstance(value, str) else number(value))}"'


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
