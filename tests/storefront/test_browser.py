"""The page in a real browser: Debian's chromium, driven by Selenium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser import resized
from tests.storefront.conftest import NAMES, SCRIPT, World
from tfmm.storefront import Storefront

pytestmark = pytest.mark.slow

_SECONDS = 20
_DROP = """
const [name, bytes] = arguments;
const transfer = new DataTransfer();
transfer.items.add(new File([Uint8Array.from(bytes)], name, { type: "image/png" }));
const given = { dataTransfer: transfer, bubbles: true, cancelable: true };
document.body.dispatchEvent(new DragEvent("drop", given));
"""


class Page:
    """A tab, and what the tests look for in it."""

    def __init__(self, driver: Any):
        self.driver = driver

    def open(self, storefront: Storefront, query: str = "") -> None:
        self.driver.get(storefront.url + query)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def until(self, found: Callable[[], Any]) -> Any:
        """What `found` gives once it is something; what was just redrawn counts as nothing."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, _SECONDS, 0.1, [StaleElementReferenceException])
        return wait.until(lambda _: found())

    def one(self, selector: str) -> Any:
        return self.until(lambda: self.all(selector))[0]

    def shelf(self, title: str) -> list[str]:
        """The ids of the items below a heading, once they are there."""

        def found() -> list[str]:
            for shelf in self.all(".shelf"):
                if title in shelf.find_element("css selector", "h2").text:
                    cards = shelf.find_elements("css selector", ".card[data-item]")
                    return [card.get_attribute("data-item") for card in cards]
            return []

        return self.until(found)

    def run(self, script: str, *given: Any) -> Any:
        return self.driver.execute_script(script, *given)

    def complaints(self) -> list[str]:
        """What the console holds, refusals of the policy among it, but for pictures not shown."""
        told = [entry["message"] for entry in self.driver.get_log("browser")]
        return [line for line in told if "/api/shop/picture?" not in line]


@pytest.fixture
def page(driver: Any, world: World) -> Page:
    """A fresh visitor at a desk."""
    driver.get(world.storefront.url)
    driver.execute_script("sessionStorage.clear(); localStorage.clear();")
    resized(driver, 1280, 900)
    driver.get_log("browser")
    return Page(driver)


def test_markup_in_names_is_shown_and_never_run(page: Page, world: World):
    page.open(world.storefront, "?q=shirt+onerror&m=shop")
    page.shelf("Results for")
    names = page.until(lambda: [name.text for name in page.all(".card .name")])
    assert SCRIPT in names
    page.run(
        "document.querySelector('.card[data-item=\"' + CSS.escape(arguments[0]) + '\"]').click()",
        NAMES[1][0],
    )
    assert page.one("h1").text == SCRIPT
    assert page.shelf("Similar items")
    assert page.run("return window.broken") is None
    assert page.complaints() == []


@pytest.mark.parametrize(
    "attempt",
    [
        "document.createElement('script').textContent = 'window.broken = 1'",
        "document.body.innerHTML = '<b>x</b>'",
    ],
)
def test_the_policy_refuses_scripts_and_markup_from_text(page: Page, attempt):
    refused = page.run(f"try {{ {attempt} }} catch (error) {{ return error.name }}")
    assert refused == "TypeError"
    assert page.run("return window.broken") is None


def test_nothing_comes_from_elsewhere(page: Page, world: World):
    page.open(world.storefront, "?item=00030")
    page.shelf("Similar items")
    loaded = page.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(loaded) > 10
    assert all(address.startswith((world.storefront.url, "blob:")) for address in loaded)


def test_the_session_changes_with_each_click(page: Page, world: World):
    page.open(world.storefront)
    first = page.shelf("For a new visitor")
    page.one(".card[data-item]").click()
    assert page.shelf("Similar items")
    page.one(".brand").click()
    once = page.shelf("For you")
    assert page.shelf("You looked at") == first[:1]
    assert first[0] not in once
    page.all(".shelf:nth-of-type(2) .card[data-item]")[0].click()
    assert page.shelf("For you") != once
    page.one(".brand").click()
    twice = page.shelf("For you")
    assert page.shelf("You looked at") == [once[0], first[0]]
    assert twice != once
    assert page.until(
        lambda: [r.text for r in page.all(".reason") if "Because you looked at" in r.text]
    )
    page.one(".looked .quiet").click()
    assert page.shelf("For a new visitor") == first


def test_words_filters_and_the_way_back(page: Page, world: World):
    page.open(world.storefront)
    page.one("input[name=q]").send_keys("red hat\n")
    found = page.shelf("Results for “red hat”")
    page.until(lambda: [b for b in page.all("#facets label") if b.text.lower().startswith("coat")])[
        0
    ].click()
    page.one(".chip")
    page.until(lambda: page.shelf("Results") != found)
    coats = page.shelf("Results for “red hat”")
    assert "f=kind%3Dcoat" in page.driver.current_url
    assert not set(coats) & set(found[:1])
    page.driver.back()
    page.until(lambda: page.shelf("Results") == found)
    assert page.complaints() == []


def test_a_dropped_picture_and_then_words_with_it(page: Page, world: World, tmp_path: Path):
    page.open(world.storefront)
    page.shelf("For a new visitor")
    Image.new("RGB", (24, 24), (30, 50, 200)).save(tmp_path / "blue.png")
    page.run(_DROP, "blue.png", list((tmp_path / "blue.png").read_bytes()))
    assert page.shelf("Results for a picture")
    page.one("input[name=q]").send_keys("hat\n")
    assert page.shelf("Results for a picture and “hat”")
    page.one(".asked").click()
    assert page.shelf("Results for “hat”")
    page.one("form input[type=file]").send_keys(str(tmp_path / "blue.png"))
    assert page.shelf("Results for a picture and “hat”")
    assert page.complaints() == []


def test_a_recording_is_asked(page: Page, world: World):
    page.open(world.storefront, "?m=sounds")
    page.one(".tool[aria-label='Search by a recording']").click()
    page.one(".tool.listening")
    page.run("return new Promise((resolve) => setTimeout(resolve, 500))")
    page.one(".tool.listening").click()
    assert len(page.shelf("Results for a recording")) == 4
    assert page.complaints() == []


def test_a_shopper_is_chosen(page: Page, world: World):
    page.open(world.storefront)
    page.one(".shoppers summary").click()
    page.one(".shoppers input").send_keys("003")
    page.until(lambda: [b for b in page.all(".list button") if b.text == "u003"])[0].click()
    assert page.shelf("For u003")
    assert len(page.shelf("Has looked at")) == 9
    assert "shopper=u003" in page.driver.current_url


def test_models_stand_side_by_side(page: Page, world: World):
    page.open(world.storefront, "?q=red+hat")
    page.one(".models summary").click()
    page.all(".models input")[1].click()
    page.until(lambda: len(page.all(".column .card[data-item]")) == 14)
    assert [head.text for head in page.all(".column h3")] == ["shop", "sounds"]
    page.open(world.storefront, "?item=00030&m=shop&m=sounds")
    told = page.until(lambda: [note.text for note in page.all(".column .empty")])
    assert told == ["This model has no similar items."]


def test_the_page_speaks_chinese_and_keeps_to_it(page: Page, world: World):
    page.open(world.storefront)
    page.until(lambda: [b for b in page.all("nav > .quiet") if b.text == "中文"])[0].click()
    assert page.shelf("为新访客推荐")
    page.open(world.storefront, "?item=" + "%E5%B8%BD%2F%E5%AD%90%20%E7%BA%A2")
    assert page.one("h1").text == NAMES[0][1]
    assert page.shelf("相似商品")
    assert page.run("return document.documentElement.lang") == "zh-Hans"


@pytest.mark.parametrize("query", ["", "?item=00030", "?q=hat&m=shop&m=sounds", "?shopper=u003"])
def test_a_phone_needs_no_sideways_scroll(page: Page, world: World, query):
    resized(page.driver, 390, 844)
    page.open(world.storefront, query)
    page.until(lambda: page.all(".card[data-item]"))
    page.until(lambda: not page.all("[aria-busy]"))
    assert page.run("return document.documentElement.scrollWidth") == 390
    if not query:
        # The filters wait behind their heading.
        assert not page.all(".facet-box[open]")
        page.one(".facet-box summary").click()
        assert page.one("#facets label").is_displayed()


def test_a_server_that_is_away_is_told_in_words(page: Page, away: Storefront):
    page.open(away)
    told = page.one(".trouble")
    assert "The model's server does not answer." in told.text
    assert told.find_element("css selector", "button").text == "Try again"
    page.run("arguments[0].querySelector('details').open = true", told)
    assert "UNAVAILABLE" in told.text
    # The catalogue is there all the same.
    assert page.shelf("Everything")


def said(page: Page, words: str) -> str:
    """The assistant's answer to a turn that is typed into its panel."""
    before = len(page.all(".chat-line:not(.you)"))
    page.one("input[name=turn]").send_keys(words + "\n")
    page.until(lambda: not page.all(".chat-line.waiting"))
    return page.until(lambda: page.all(".chat-line:not(.you)")[before:])[-1].text


def test_the_assistant_talks_over_several_turns_and_pages(page: Page, world: World):
    page.open(world.storefront)
    page.one(".chat-open").click()
    assert page.run("return document.activeElement.name") == "turn"
    assert "red" in said(page, "red hats")
    cards = page.all(".chat-items .card .name")
    assert cards[0].text.startswith("1. ")
    first = page.all(".chat-items .card")[0].get_attribute("data-item")
    assert said(page, "compare the first two").count("\n") >= 1
    page.all(".chat-items .card")[0].click()
    assert page.one("h1").text
    assert f"item={first}" in page.driver.current_url
    # What was said outlives the page, and so does what "the first" means.
    page.driver.refresh()
    page.one(".chat-open").click()
    assert len(page.until(lambda: page.all(".chat-line.you"))) == 2
    assert "Price of" in said(page, "how much is the first?")
    page.one(".chat-head .quiet").click()
    assert not page.all(".chat-line.you")
    page.one("input[name=turn]").send_keys("\ue00c")
    assert page.until(lambda: page.all(".chat-open"))
    assert page.run("return document.activeElement.className") == "chat-open"
    assert page.complaints() == []


def test_the_assistant_shows_markup_and_never_runs_it(page: Page, world: World):
    page.open(world.storefront)
    page.one(".chat-open").click()
    told = said(page, "show me onerror")
    assert "window.broken = 1" in told
    said(page, "<img src=x onerror='window.broken = 1'>")
    assert page.run("return window.broken") is None
    assert page.complaints() == []


def test_the_assistant_takes_a_picture_on_a_phone(page: Page, world: World, tmp_path: Path):
    resized(page.driver, 390, 844)
    Image.new("RGB", (24, 24), (30, 50, 200)).save(tmp_path / "blue.png")
    page.open(world.storefront)
    page.one(".chat-open").click()
    page.one(".chat-panel input[type=file]").send_keys(str(tmp_path / "blue.png"))
    assert page.one(".chat-chosen .asked").is_displayed()
    assert said(page, "hat like this")
    panel = page.one(".chat-panel").rect
    assert (panel["width"], page.run("return document.documentElement.scrollWidth")) == (390, 390)
    page.all(".chat-items .card")[0].click()
    assert page.one("h1").is_displayed()
    assert not page.all(".chat-panel")
