"""One Chromium and the built page for all tests; a gateway in memory and a fresh window for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from sharpstream.stack import web_build as built_page
from tests.web.fake_gateway import SECOND_HOST, FakeGateway, running

LIMIT_MS = 60_000
FLAGS = [
    "--disable-gpu",
    f"--host-resolver-rules=MAP {SECOND_HOST} 127.0.0.1",
]
SIGNED_IN = """
if (location.protocol === "http:" && !localStorage.getItem("visited")) {
    localStorage.setItem("visited", "1");
    localStorage.setItem("sharpstream.refresh", "r0");
}
"""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which renders on the CPU.

    While Playwright is open, its event loop counts as running, and no test of a coroutine can run beside it.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def built() -> Path:
    path = built_page.built()
    if path is None or not built_page.is_current():
        pytest.skip("the web page is not built: install Node 20.19 or later, then run make web")
    return path


@pytest.fixture
def gateway(built: Path) -> Iterator[FakeGateway]:
    with running(built) as made:
        yield made


@pytest.fixture
def context(chromium: Browser, gateway: FakeGateway) -> Iterator[BrowserContext]:
    """A window in which somebody signed in before."""
    made = chromium.new_context(
        base_url=gateway.url, viewport={"width": 1180, "height": 800}, reduced_motion="reduce"
    )
    made.set_default_timeout(LIMIT_MS)
    made.add_init_script(SIGNED_IN)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
