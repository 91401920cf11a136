"""The demo's page in a real browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from test_demo import QUICK, OnTerminal

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

LIBRARIES = ["eventwire", "fastapi"]
SCREENSHOT = Path(__file__).parents[2] / "examples" / "demo" / "screenshot.png"
RECONNECTION_SECONDS = 1.0  # the `retry` of the chat's first event

COLUMNS = """
const columns = {};
for (const card of document.querySelectorAll("article")) {
  columns[card.dataset.library] = {
    answer: card.querySelector(".answer").textContent,
    count: Number(card.querySelector(".count").textContent),
    state: card.dataset.state,
    why: card.querySelector(".state").textContent,
  };
}
return columns;
"""
BARS = """
return [...document.querySelectorAll(`#${arguments[0]} li`)].map((row) => ({
  library: row.dataset.library,
  value: Number(row.querySelector("b").textContent.replaceAll(",", "")),
  width: row.querySelector(".fill").getBoundingClientRect().width,
  whole: row.querySelector(".track").getBoundingClientRect().width,
}));
"""


class Page:
    """The page, as the tests see it."""

    def __init__(self, browser: Chrome):
        self.browser = browser

    def columns(self) -> dict[str, Any]:
        return self.browser.execute_script(COLUMNS)

    def bars(self, chart: str) -> dict[str, Any]:
        return {bar.pop("library"): bar for bar in self.browser.execute_script(BARS, chart)}

    def click(self, button: str) -> None:
        self.browser.find_element(By.ID, button).click()

    def wait(self, condition: Any, seconds: float = 30) -> None:
        WebDriverWait(self.browser, seconds, poll_frequency=0.03).until(lambda _: condition())

    def chats_closed(self) -> bool:
        return all(column["state"] == "closed" for column in self.columns().values())

    def run_burst(self) -> None:
        self.wait(self.chats_closed)
        self.click("run")
        self.wait(lambda: self.browser.find_element(By.ID, "run").is_enabled(), 60)


@pytest.fixture
def page(browser, url) -> Page:
    browser.get_log("browser")
    browser.get(url)
    return Page(browser)


@pytest.fixture
def requests(url):
    """Return a function that says how often each chat was requested so far."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        yield lambda: client.get("/chats").json()


def test_both_columns_get_the_same_tokens(page):
    page.wait(page.chats_closed)
    eventwire, theirs = (page.columns()[library] for library in LIBRARIES)
    assert eventwire["answer"] == theirs["answer"]
    assert eventwire["answer"].startswith("A server-sent event is")
    assert eventwire["answer"].endswith("now.")
    tokens = len(eventwire["answer"].split())
    assert 20 <= tokens <= 60
    assert eventwire["count"] == theirs["count"] == tokens + 1  # the last says [DONE]
    assert page.browser.get_log("browser") == []


def test_tokens_appear_live(page):
    seen: dict[str, set[int]] = {library: set() for library in LIBRARIES}

    def look() -> bool:
        columns = page.columns()
        for library, column in columns.items():
            if column["state"] == "open":
                seen[library].add(column["count"])
        return all(column["state"] == "closed" for column in columns.values())

    page.wait(look)
    for counts in seen.values():
        assert len(counts) >= 5


def test_after_the_terminal_event_nothing_reconnects(browser, url, requests):
    before = requests()
    browser.get(url)
    page = Page(browser)
    page.wait(page.chats_closed)
    assert all("[DONE]" in column["why"] for column in page.columns().values())
    time.sleep(2.5 * RECONNECTION_SECONDS)
    after = requests()
    assert {path: after[path] - before.get(path, 0) for path in after} == {
        "/eventwire/chat": 1,
        "/fastapi/chat": 1,
    }
    assert page.chats_closed()


def test_the_chat_can_be_asked_again(page):
    page.wait(page.chats_closed)
    first = page.columns()
    page.click("ask")
    page.wait(lambda: page.columns()["eventwire"]["state"] == "open")
    page.wait(page.chats_closed)
    for library, column in page.columns().items():
        assert (column["answer"], column["count"]) == (
            first[library]["answer"],
            first[library]["count"],
        )


def test_the_burst_button_draws_both_results(page):
    page.run_burst()
    assert "as much server CPU" in page.browser.find_element(By.ID, "summary").text
    for chart in ("cost", "rate"):
        bars = page.bars(chart)
        assert list(bars) == LIBRARIES
        most = max(bar["value"] for bar in bars.values())
        for bar in bars.values():
            assert bar["value"] > 0
            # The numbers are rounded and a bar is at least 2 pixels wide.
            assert bar["width"] / bar["whole"] == pytest.approx(bar["value"] / most, abs=0.01)
    assert page.browser.get_log("browser") == []


def test_ctrl_c_ends_the_demo_with_the_page_open(browser):
    with OnTerminal(*QUICK) as demo:
        browser.get(f"http://127.0.0.1:{demo.port()}")
        page = Page(browser)
        page.wait(lambda: all(column["count"] for column in page.columns().values()))
        assert not page.chats_closed()
        status, seconds = demo.interrupt()
        assert status == 0
        assert seconds < 2
        assert "Traceback" not in demo.read_all()
        page.wait(page.chats_closed)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme_and_fits(page, scheme, pytestconfig):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    page.run_burst()
    ground = page.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(part) for part in ground[4:-1].split(","))
    assert (lightness > 600) == (scheme == "light")
    for width in (1200, 400):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert page.browser.execute_script("return document.body.scrollWidth") <= width
        picture = page.browser.get_screenshot_as_png()
        assert len(picture) < 200_000
        if pytestconfig.getoption("screenshot") and (scheme, width) == ("light", 1200):
            SCREENSHOT.write_bytes(picture)
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
