"""A headless Chromium, and pages in it that are watched for whatever goes wrong."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.page_checks import assert_fits

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no `chromium` on the path: the page was not opened")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """An empty page in a context of its own; afterwards nothing may have gone wrong in any.

    may_ask: whether the page may ask for a URL; the rest is what `Browser.new_context` takes.
    """
    contexts = []
    wrong: list[str] = []

    def opened(may_ask: Callable[[str], bool], **options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if may_ask(r.url) else wrong.append(r.url))
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            assert_fits(page)
        context.close()
    assert wrong == []
