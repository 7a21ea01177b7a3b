"""An evaluation's report in a headless Chromium, opened as the file that it is.

Console errors, any request but for the file itself and horizontal overflow fail every test.
"""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from evaluation.offline.report.files import write_report
from tests.browser.page_checks import LOW_CONTRAST
from tests.browser.screens import NARROW, NARROWEST, WIDE, viewport
from tests.evaluation.offline.report.example_summary import example_summary

pytestmark = pytest.mark.browser

MIDDLING = 1000
HOSTILE = "<img src=x onerror=alert(1)>" + "averyverylongnamewithoutanyspace" * 4
Open = Callable[..., Page]


@pytest.fixture
def open_report(new_page: Open, tmp_path: Path) -> Open:
    """Writes a report and opens it."""
    address = (tmp_path / "report.html").as_uri()

    def open_at(
        width: int = WIDE,
        scheme: str = "light",
        summary: dict[str, Any] | None = None,
        scripts: bool = True,
    ) -> Page:
        write_report(example_summary() if summary is None else summary, tmp_path)
        page = new_page(
            lambda url: url == address,
            viewport=viewport(width),
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        return page

    return open_at


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, MIDDLING, NARROW, NARROWEST])
def test_reads_well_at_every_width(open_report: Open, width: int, scheme: str) -> None:
    page = open_report(width, scheme)
    assert page.evaluate(LOW_CONTRAST) == []
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((h) => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    for landmark in ("banner", "main", "contentinfo", "navigation"):
        expect(page.get_by_role(landmark)).to_have_count(1)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_plots_are_shown_once_at_the_size_they_were_drawn_at(open_report: Open, width: int) -> None:
    page = open_report(width)
    plots = page.locator("figure .chart:visible")
    assert plots.count() == page.locator("figure").count() > 15
    scales = plots.evaluate_all(
        "all => all.map((p) => p.getBoundingClientRect().width / p.getAttribute('width'))"
    )
    assert min(scales) == pytest.approx(1, abs=0.01)
    outside = plots.locator("text").evaluate_all(
        """all => all.filter((t) => {
          const [a, b] = [t, t.closest('svg')].map((e) => e.getBoundingClientRect());
          return a.width && (a.left < b.left - 1 || a.right > b.right + 1);
        }).map((t) => t.textContent)"""
    )
    assert outside == []


def test_figures_stand_beneath_their_plots(open_report: Open) -> None:
    page = open_report()
    details = page.locator("#quality details").first
    expect(details.get_by_role("table")).to_be_hidden()
    details.locator("summary").click()
    expect(details.get_by_role("row").nth(1)).to_contain_text("Twofold0.1432")


def test_pointing_says_the_value(open_report: Open) -> None:
    page = open_report()
    page.locator("#quality .wide .mark.main").first.hover()
    expect(page.locator("#tip")).to_have_text("Twofold: 0.1432 [0.1303, 0.1561]")
    page.locator("h1").hover()
    expect(page.locator("#tip")).to_be_hidden()


def test_links_lead_to_the_sections(open_report: Open) -> None:
    page = open_report(NARROW)
    page.get_by_role("navigation").get_by_role("link", name="Fairness").click()
    expect(page.get_by_role("heading", name="Fairness")).to_be_in_viewport()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_hostile_and_endless_names_are_text_that_fits(open_report: Open, width: int) -> None:
    text = json.dumps(example_summary())
    for name in ("made-up-100k", "sasrec", "under 25", "top 1 %", "leave-last-out by time"):
        text = text.replace(f'"{name}"', json.dumps(HOSTILE))
    page = open_report(width, summary=json.loads(text))
    assert page.locator("img").count() == 0
    expect(page.locator(".data-name")).to_have_text(HOSTILE)


def test_reads_without_scripts(open_report: Open) -> None:
    page = open_report(scripts=False)
    assert page.locator("figure .chart").first.is_visible()
    assert page.locator("#tip").is_hidden()
