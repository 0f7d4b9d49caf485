"""A browser window that checks every page: console, requests, accessibility, layout."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "docs" / "images" / "page"
SCREENSHOTS: Final = "SHARPSTREAM_SCREENSHOTS"
"""Set it to take the pictures of the documentation again."""
DESK: Final = {"width": 1180, "height": 820}
PHONE: Final = {"width": 390, "height": 844}
SMALL: Final = {"width": 560, "height": 700}
"""Small, because the CPU renders every pixel."""
LIMIT_MS: Final = 60_000
"""Rendered on the CPU beside the whole system, a page takes seconds."""
_NO_NEWS: Final = (
    "Failed to load resource: the server responded with a status of 4",  # refused, and shown in the page
    "GPU stall due to ReadPixels",  # a picture was taken
)
_SERIOUS: Final = {"serious", "critical"}
_AXE: Final = "axe.run(document, {resultTypes: ['violations']})"


class Visitor:
    """One user's browser window. Errors are collected in ``troubles``, to be checked at the end."""

    def __init__(self, browser: Browser, url: str, store: str, **context: Any) -> None:
        self.url = url
        self.context = browser.new_context(base_url=url, viewport=SMALL, reduced_motion="reduce", **context)
        self.context.set_default_timeout(LIMIT_MS)
        axe = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
        self.context.add_init_script(path=axe)
        self.page: Page = self.context.new_page()
        self.troubles: list[str] = []
        self._own = {urlsplit(url).netloc, urlsplit(store).netloc}
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(each in message.text for each in _NO_NEWS):
            self.troubles.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.troubles.append(f"{response.status}: {response.url}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"blob", "data"} and parts.netloc not in self._own:
            self.troubles.append(f"foreign host: {request.url}")

    def go(self, path: str) -> None:
        """Open a page as by its typed address."""
        self.page.goto(path)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).click()

    def fill(self, fields: dict[str, str]) -> None:
        for label, text in fields.items():
            self.page.get_by_label(label, exact=True).fill(text)

    def see(self, text: str) -> Locator:
        """Wait until a text is shown."""
        found = self.page.get_by_text(text).first
        found.wait_for()
        return found

    def inspect(self, name: str) -> None:
        """Check the rules of every page: contrast, names, order, no sideways scrolling."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = self.page.evaluate(_AXE)
            serious = [each for each in found["violations"] if each["impact"] in _SERIOUS]
            violations = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in serious]
            assert violations == [], f"{name}, {scheme}"
        self.page.set_viewport_size(PHONE)
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{name} scrolls sideways on a phone: {wide}"
        if os.environ.get(SCREENSHOTS):
            self._take(f"{name}-phone", PHONE, "dark")
            self._take(name, DESK, "light")
            self._take(f"{name}-dark", DESK, "dark")
        self.page.set_viewport_size(SMALL)
        self.page.emulate_media(color_scheme="light")

    def _take(self, name: str, size: dict[str, int], scheme: Any) -> None:
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_timeout(3_000 if self.page.locator("[data-viewer]").count() else 300)
        PICTURES.mkdir(parents=True, exist_ok=True)
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        shot.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(PICTURES / f"{name}.png", optimize=True)

    def pixels(self, what: Locator) -> np.ndarray:
        """Return the element's pixels, (height, width, 3)."""
        return np.asarray(Image.open(io.BytesIO(what.screenshot())).convert("RGB"), dtype=np.int16)

    def drag(self, what: Locator, right: int) -> None:
        """Drag from the element's middle by so many pixels to the right."""
        box = what.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y, steps=2)
        self.page.mouse.up()

    def until_it_changes(self, what: Locator, before: np.ndarray) -> np.ndarray:
        """Take pictures until one differs; the number of attempts turns a hang into a failure."""
        for _ in range(60):
            now = self.pixels(what)
            if np.abs(now - before).mean() > 2:
                return now
        raise AssertionError("the picture stays the same")
