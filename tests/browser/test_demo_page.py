"""The demo's page in a headless Chromium: two widths, two colour schemes, keyboard and pointer.

Console errors, requests to other hosts and horizontal overflow fail every test.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import uvicorn
from playwright.sync_api import Locator, Page, expect

from evaluation.demo.page_server import create_page
from tests.browser.page_checks import LOW_CONTRAST
from tests.browser.screens import NARROW, NARROWEST, WIDE, viewport
from tests.evaluation.made_up_shop import HOSTILE_ID, HOSTILE_TITLE, MadeUpShop

pytestmark = pytest.mark.browser

RANKS = "Ranks: 1,291.5 before the rounds, 44 after the rounds, 6 adapted on the device."


@pytest.fixture
def shop() -> MadeUpShop:
    return MadeUpShop(n_shoppers=40)


@pytest.fixture
def address(shop: MadeUpShop) -> Iterator[str]:
    """The page over the made-up shop, on a free port of localhost."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_page(shop), log_level="warning", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(new_page: Open, address: str) -> Open:
    """Opens the page at a shopper."""

    def open_at(width: int = WIDE, scheme: str = "light", shopper: str = "shopper-0007") -> Page:
        page = new_page(
            lambda url: url.startswith(address),
            viewport=viewport(width),
            color_scheme=scheme,
            locale="en-GB",
        )
        page.goto(f"{address}#{quote(shopper, safe='')}")
        expect(page.locator("#panel-for-you .rec").first).to_be_visible()
        return page

    return open_at


def titles(page: Page) -> list[str]:
    return page.locator("#panel-for-you .rec-head .item-title").all_inner_texts()


def button(page: Page, row: int, name: str) -> Locator:
    return page.locator("#panel-for-you .rec").nth(row).get_by_role("button", name=f"{name}:")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW, NARROWEST])
def test_shows_everything_at_every_width(open_page: Open, width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    expect(page.locator("#panel-for-you .rec")).to_have_count(12)
    expect(page.locator(".history .folder")).to_have_text("/tmp/twofold-demo/devices/0007")
    expect(page.locator(".history .badge")).to_have_text("stays here")
    expect(page.locator("#service .answer")).to_contain_text('"mode": "device"')
    expect(page.locator("#service .answer")).to_contain_text('"events": 0')
    expect(page.locator("#held-out .rank-track")).to_have_attribute("aria-label", RANKS)
    expect(page.locator("#results tbody tr")).to_have_count(4)
    expect(page.locator("#results .column")).to_have_count(8)
    expect(page.locator("#rounds .line .path")).to_have_count(2)
    expect(page.locator("#rounds tbody tr").first).to_contain_text("published")
    assert page.evaluate(LOW_CONTRAST) == []


def test_bars_are_as_long_as_their_values(open_page: Open, shop: MadeUpShop) -> None:
    page = open_page()
    heights = page.locator("#results .column").evaluate_all(
        "columns => columns.map((c) => Number(c.getAttribute('height')))"
    )
    results = shop.summary()["results"]
    values = [r["ndcg@10"] for r in results] + [r["hr@10"] for r in results]
    scale = heights[-1] / values[-1]
    assert heights == pytest.approx([value * scale for value in values], rel=1e-3)


def test_an_event_moves_the_list_at_once_and_stays_on_the_device(
    open_page: Open, shop: MadeUpShop
) -> None:
    page = open_page()
    posts: list[str] = []
    page.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    before = titles(page)
    button(page, 3, "Buy").click()
    status = page.get_by_role("status")
    expect(status).to_contain_text(f"{before[3]}: bought.")
    expect(status).to_contain_text("Nothing was sent to the service.")
    expect(page.locator(".event.fresh .item-title")).to_have_text(before[3])
    expect(page.locator("#panel-for-you .move").first).to_be_visible()
    after = titles(page)
    assert before[3] not in after
    assert after != before
    assert [url.rsplit("/api/", 1)[1] for url in posts] == ["shoppers/shopper-0007/events"]
    expect(page.locator("#service .answer")).to_contain_text('"events": 0')
    document = shop.shopper("shopper-0007")
    assert document is not None
    assert [r["item"]["title"] for r in document["recommendations"]] == after


def test_keyboard_only(open_page: Open) -> None:
    page = open_page(shopper="shopper-0001")
    search = page.get_by_role("combobox")
    search.focus()
    page.keyboard.type("0013")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".device-owner")).to_have_text("Shopper 0013")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".device-owner")).to_have_text("Shopper 0014")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Next shopper")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".device-owner")).to_have_text("Shopper 0015")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-popular .rec")).to_have_count(12)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(button(page, 0, "View")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("viewed.")
    expect(button(page, 0, "View")).to_be_focused()


def test_escape_leaves_the_shopper_as_it_was(open_page: Open) -> None:
    page = open_page()
    search = page.get_by_role("combobox")
    search.fill("nobody at all")
    expect(page.get_by_role("listbox")).to_have_text("Nobody of that name")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(search).to_have_value("Shopper 0007")


def test_previous_and_back(open_page: Open) -> None:
    page = open_page(shopper="shopper-0002")
    page.get_by_role("button", name="Previous shopper").click()
    expect(page.locator(".device-owner")).to_have_text("Shopper 0001")
    page.go_back()
    expect(page.locator(".device-owner")).to_have_text("Shopper 0002")


def test_hostile_ids_and_titles_are_text(open_page: Open, shop: MadeUpShop) -> None:
    row = shop.row_of["mug/100%2F☕"]
    shop.histories[HOSTILE_ID].insert(0, (row, "view", "2026-03-14T18:00:00Z"))
    page = open_page(NARROW, shopper=HOSTILE_ID)
    first = page.locator(".event .item-title").first
    expect(first).to_have_text(HOSTILE_TITLE)
    button(page, 0, "Cart").click()
    expect(page.get_by_role("status")).to_contain_text("in the cart.")
    assert page.locator("main img").count() == 0


def test_a_new_round_appears_and_its_model_reranks(open_page: Open, shop: MadeUpShop) -> None:
    page = open_page(NARROW)
    added = shop.publish_round()
    row = page.locator("#rounds tbody tr").first
    expect(row.locator("th")).to_have_text(str(added["id"]), timeout=6000)
    expect(page.locator(".device-version")).to_have_text(f"model version {shop.model_version}")
    expect(page.get_by_role("status")).to_contain_text(f"Model version {shop.model_version}")


def test_a_hidden_page_does_not_poll(open_page: Open, shop: MadeUpShop) -> None:
    page = open_page()
    page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
    time.sleep(2.5)  # a timer that was set before may fire once, and must do nothing
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_says_so_when_the_service_is_away(open_page: Open, shop: MadeUpShop) -> None:
    shop.service_view = None
    page = open_page()
    expect(page.locator("#service")).to_contain_text("The service does not answer just now.")
    expect(page.locator("#panel-for-you .rec")).to_have_count(12)


def test_never_reassures_about_a_hosted_shopper(open_page: Open, shop: MadeUpShop) -> None:
    shop.service_view = {"mode": "hosted", "events": 68}
    page = open_page()
    expect(page.locator("#service .exposed")).to_contain_text(
        "in mode hosted; the service holds 68 events"
    )


def test_the_rounds_chart_can_be_read_with_arrow_keys(open_page: Open) -> None:
    page = open_page()
    slider = page.get_by_role("slider", name="Round")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".readout")).to_contain_text("Round 1 loss")
    for _ in range(16):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute(
        "aria-valuetext", "Round 17: abandoned: quorum missed; 21 updates"
    )


def test_teaches_when_there_is_nothing_yet(open_page: Open, shop: MadeUpShop) -> None:
    empty = MadeUpShop(n_shoppers=2, n_rounds=0)
    shop.listed_rounds = empty.listed_rounds
    shop.histories["shopper-0007"].clear()
    page = open_page(NARROW)
    expect(page.locator("#rounds")).to_contain_text("No round yet.")
    expect(page.locator(".history .rows")).to_contain_text("Nothing yet.")
