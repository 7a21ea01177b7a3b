"""report.html: the report as one file that asks nobody for anything."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from evaluation.offline.report.formats import known, whole
from evaluation.offline.report.headline import Headline, headline
from evaluation.offline.report.labels import split_label
from evaluation.offline.report.markup import Markup, element
from evaluation.offline.report.outline import outline
from evaluation.offline.report.reading import Summary, models
from evaluation.offline.report.section import Figure, Key, Section
from evaluation.offline.report.table import Table

# Room for a plot by cards in a row, and on a phone, in pixels: what report.css leaves.
CARD_PX = {1: 1054, 2: 491, 3: 310}
PHONE_PX = 324
SMALL = {"learning"}
MARK = Markup(
    '<svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">'
    '<path d="M4 9.5 15 4v18.5L4 28z" fill="#c2521f"/>'
    '<path d="M17 4l11 5.5V28l-11-5.5z" fill="#3a5fd0"/></svg>'
)
SWATCHES = {
    "dot": Markup(
        '<svg class="swatch" width="22" height="10" aria-hidden="true"><line class="whisker" '
        'x1="2" x2="20" y1="5" y2="5"/><circle class="dot" cx="11" cy="5" r="4"/></svg>'
    ),
    "line": Markup(
        '<svg class="swatch" width="30" height="10" aria-hidden="true">'
        '<line class="path" x1="1" x2="29" y1="5" y2="5"/></svg>'
    ),
    "block": Markup(
        '<svg class="swatch" width="12" height="12" aria-hidden="true">'
        '<rect class="column" width="12" height="12" rx="2"/></svg>'
    ),
}


def report_page(summary: Summary) -> str:
    """The whole page."""
    said, sections = headline(summary), outline(summary)
    body = element(
        "body",
        element("a", "Skip to the result", class_="skip", href="#main"),
        _masthead(summary, said, sections),
        element("main", [_section(s) for s in sections], id="main"),
        _footer(),
        element("div", id="tip", class_="tip", role="presentation", hidden=True),
    )
    return f"<!doctype html>\n{element('html', _head(said), body, lang='en')}\n"


def _head(said: Headline) -> Markup:
    style = _asset("report.css") + _asset("plots.css")
    script = _asset("report.js")
    # Even if an id of the data got through as markup, the browser would run and fetch nothing.
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{said.title}: Twofold evaluation"),
        element("style", Markup(style)),
        element("script", Markup(script), type="module"),
    )


def _asset(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    found = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(found).decode()}'"


def _masthead(summary: Summary, said: Headline, sections: Sequence[Section]) -> Markup:
    data = summary.get("data") or {}
    name = element("span", str(data["name"]), class_="data-name") if data.get("name") else None
    links = [element("a", s.title, href=f"#{s.name}") for s in sections]
    return element(
        "header",
        element("p", MARK, "Twofold evaluation", name, class_="brand"),
        element(
            "div",
            element("h1", said.title, class_=None if said.sound else "unsound"),
            [element("p", sentence, class_="lede") for sentence in said.sentences],
            class_="result",
        ),
        _facts(summary),
        element("nav", links, aria_label="Sections") if links else None,
        class_="masthead",
    )


def _facts(summary: Summary) -> Markup | None:
    data: Mapping[str, Any] = summary.get("data") or {}
    counts = (("n_users", "users"), ("n_items", "items"), ("n_events", "events"))
    found = [(label, whole(data[key])) for key, label in counts if known(data.get(key))]
    if models(summary):
        found.append(("models", whole(len(models(summary)))))
        found.append(("seeds", whole(max(len(m.get("seeds") or []) for m in models(summary)))))
    pairs = [element("div", element("dt", k), element("dd", v)) for k, v in found]
    held = summary.get("split")
    line = element("p", f"Held out: {split_label(str(held))}", class_="note") if held else None
    return element("div", element("dl", pairs), line, class_="facts") if pairs else None


def _section(section: Section) -> Markup:
    columns = _columns(section)
    figures = [_figure(figure, columns) for figure in section.figures]
    cards = [*figures, *(_open_table(table) for table in section.beside)]
    return element(
        "section",
        element("h2", section.title, id=f"{section.name}-title"),
        element("p", section.lead, class_="lead"),
        element("div", cards, class_=f"plots in-{columns}") if cards else None,
        [_open_table(table) for table in section.tables],
        [element("p", note, class_="note") for note in section.notes],
        element("pre", element("code", section.code), tabindex="0") if section.code else None,
        id=section.name,
        aria_labelledby=f"{section.name}-title",
    )


def _columns(section: Section) -> int:
    """Cards in a row: as many as leave no hole, three only where the plots are small."""
    narrow = [figure for figure in section.figures if not figure.broad]
    cards = len(narrow) + len(section.beside)
    if section.name in SMALL and cards not in {1, 2, 4}:
        return 3
    return min(cards, 2) or 1


def _open_table(table: Table) -> Markup:
    return element("div", element("h3", table.title), table.to_html(), class_="card table")


def _figure(figure: Figure, columns: int) -> Markup:
    table = figure.table
    return element(
        "figure",
        element("figcaption", element("h3", figure.title)),
        element("ul", [_key(key) for key in figure.keys], class_="keys") if figure.keys else None,
        element("div", figure.draw(CARD_PX[1 if figure.broad else columns]), class_="canvas wide"),
        element("div", figure.draw(PHONE_PX), class_="canvas phone"),
        element("p", figure.note, class_="note") if figure.note else None,
        element("details", element("summary", "In figures"), table.to_html()) if table else None,
        class_="card broad" if figure.broad else "card",
    )


def _key(key: Key) -> Markup:
    return element("li", SWATCHES[key.mark], key.label, class_=key.style)


def _footer() -> Markup:
    words = (
        "Made by twofold evaluate. This page is one file: it loads nothing, sends nothing, and "
        "reads without scripts; report.md and evaluation.json beside it hold the same figures."
    )
    return element("footer", element("p", words))
