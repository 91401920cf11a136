"""The demo on a terminal, and a headless Chromium to look at its page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from selenium import webdriver

from test_demo import QUICK, OnTerminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,800",
    "--hide-scrollbars",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that renews the picture beside the demo."""
    parser.addoption("--screenshot", action="store_true", help="renew examples/demo/screenshot.png")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Start Chromium with a new profile."""
    paths = {tool: shutil.which(tool) for tool in ("chromium", "chromedriver")}
    if not all(paths.values()):
        missing = " and ".join(tool for tool, path in paths.items() if path is None)
        pytest.fail(f"{missing} not found. On Debian: apt-get install chromium chromium-driver")
    profile: Path = tmp_path_factory.mktemp("profile")
    options = webdriver.ChromeOptions()
    options.binary_location = str(paths["chromium"])
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=paths["chromedriver"])
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Run the demo; give the address of its page."""
    with OnTerminal(*QUICK) as demo:
        yield f"http://127.0.0.1:{demo.port()}"
