"""A stranger's first hour, by keyboard alone: from no account to a scene elsewhere and a call of the API.

The second visit is counted, too: what was fetched is kept by the browser.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from skimage import data

from bus.presign import STABLE_S
from tests.e2e.keyboard import Keyboard
from tests.e2e.running import Running
from tests.e2e.test_page import address, browser, store_of  # noqa: F401  (a fixture)
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.stack, pytest.mark.drill]

COUNT = 40
PASSWORD = "correct horse battery"
_ALSO_BELOW = """() => document.querySelectorAll("[data-scene] img").forEach(
    (image) => { image.loading = "eager"; })"""
"""Pictures below the window wait until they are near it."""
_ALL_SHOWN = """() => [...document.querySelectorAll("[data-scene] img")].every(
    (image) => image.complete && image.naturalWidth > 0)"""


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Forty photos, small because a CPU renders what is opened; no two are equal."""
    picture = Image.fromarray(data.coffee())
    paths = [tmp_path / f"holiday {number:02}.jpg" for number in range(COUNT)]
    for number, path in enumerate(paths):
        picture.crop((number, 0, 560 + number, 400)).resize((168, 120)).save(path, quality=90)
    return paths


@pytest.fixture
def stranger(running: Running, browser: Browser) -> Iterator[Visitor]:  # noqa: F811
    made = Visitor(browser, running.url, store_of(running.url))
    made.context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    made.context.close()


@pytest.fixture
def other_page(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A page of somebody else's: a folder, and the address at which a server of their own shows it."""
    folder = tmp_path / "blog"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder / "index.html", f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_stranger_needs_no_mouse(
    running: Running,
    stranger: Visitor,
    browser: Browser,  # noqa: F811
    photos: list[Path],
    other_page: tuple[Path, str],
) -> None:
    page, keys = stranger.page, Keyboard(stranger.page)
    sign_up(stranger, keys)
    send(page, keys, photos)
    scene = open_scene(page, keys)
    code = share(page, keys)
    see_elsewhere(browser, running.url, other_page, code)
    export(page, keys)
    call(running, page, keys, scene)
    count_second_visit(page)
    assert stranger.troubles == []


def sign_up(stranger: Visitor, keys: Keyboard) -> None:
    page = stranger.page
    stranger.go("/")
    stranger.inspect("welcome")
    keys.press(page.get_by_role("main").get_by_role("link", name="Create account"))
    page.wait_for_url("**/sign-up")
    keys.fill({"First name": "Ada", "Last name": "Lovelace", "E-mail": address(), "Password": PASSWORD})
    page.keyboard.press("Enter")
    stranger.see("Drop your first photo here")
    stranger.inspect("first-samples")


def send(page: Page, keys: Keyboard, photos: list[Path]) -> None:
    """All are sent, and each is a tile as soon as it is."""
    keys.choose_files(page.get_by_role("button", name="Choose photos")).set_files(photos)
    expect(page.get_by_text(f"of {COUNT} sent")).to_be_visible()
    expect(page.get_by_role("list", name="Uploads")).to_have_count(0)
    expect(page.get_by_role("progressbar")).to_have_count(0)  # all that are shown are made


def open_scene(page: Page, keys: Keyboard) -> str:
    """The newest scene is opened and turned; returns its id."""
    newest = page.locator("[data-scene] a").first
    keys.press(newest)
    page.wait_for_url("**/scenes/*")
    page.locator("[data-viewer=ready]").wait_for()
    keys.reach(page.locator("canvas"))
    page.keyboard.press("ArrowLeft")
    return urlsplit(page.url).path.rpartition("/")[2]


def share(page: Page, keys: Keyboard) -> str:
    """A link is made; returns the code for other pages, as it was copied."""
    keys.press(page.get_by_role("button", name="Create link"))
    keys.press(page.get_by_role("button", name="Embed"))
    keys.press(page.get_by_role("button", name="Copy the code"))
    expect(page.get_by_role("button", name="Copy the code")).to_contain_text("Copied")
    return keys.copied()


def see_elsewhere(browser: Browser, url: str, other_page: tuple[Path, str], code: str) -> None:  # noqa: F811
    """The copied code shows the scene in a page of another origin."""
    path, shown_at = other_page
    path.write_text(f"<!doctype html><title>My blog</title><h1>My holiday</h1>{code}")
    context = browser.new_context(viewport={"width": 700, "height": 600}, reduced_motion="reduce")
    guest = context.new_page()
    guest.goto(shown_at)
    frame = guest.frame_locator("iframe")
    frame.locator("[data-viewer=ready]").wait_for()
    keys = Keyboard(guest)
    guest.keyboard.press("Tab")  # into the frame, where its own keys count
    frame.locator("canvas").press("ArrowRight")
    assert frame.locator(f"a[href^='{url}/s/'], a[href^='/s/']").count() == 1
    assert keys.page.get_by_role("heading", name="My holiday").is_visible()
    context.close()


def export(page: Page, keys: Keyboard) -> None:
    """A file is ordered and downloaded."""
    keys.press(page.get_by_text("All formats"))
    keys.press(page.get_by_role("button", name="Options of 3DGS PLY"))
    keys.fill({"Max gaussians": "900"})
    with page.expect_download() as download:  # it begins by itself
        keys.press(page.get_by_role("button", name="Create file"))
    assert download.value.suggested_filename.endswith(".ply")
    head = Path(download.value.path()).read_bytes()[:200]
    assert b"element vertex 900" in head


def call(running: Running, page: Page, keys: Keyboard, scene: str) -> None:
    """The API answers the call of a shell, with a key that was made and copied here."""
    page.goto("/keys")
    keys.press(page.get_by_role("button", name="New key").first)
    keys.fill({"Name": "my laptop"})
    keys.press(page.get_by_role("button", name="Create key"))
    keys.press(page.get_by_role("button", name="Copy the key"))
    expect(page.get_by_role("button", name="Copy the key")).to_contain_text("Copied")
    key = keys.copied()
    keys.press(page.get_by_role("button", name="Done"))
    if shutil.which("curl") is None:
        pytest.skip("there is no curl: apt-get install curl")
    page.goto(f"/scenes/{scene}")
    keys.press(page.get_by_text("Call this from the API"))
    keys.press(page.get_by_role("button", name="Copy the cURL code"))
    expect(page.get_by_role("button", name="Copy the cURL code")).to_contain_text("Copied")
    code, own = keys.copied(), os.environ | {"SHARPSTREAM_API_KEY": key}
    answer = subprocess.run(["bash", "-c", code], env=own, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)["status"] == "completed"
    listed = httpx.get(f"{running.url}/api/v1/scenes?limit=100", headers={"X-API-Key": key}).json()["items"]
    assert len(listed) == COUNT


def count_second_visit(page: Page) -> None:
    """A second visit fetches no picture again: their URLs are the same for half an hour."""
    fetched = Fetched(page)
    store = store_of(page.url.partition("/scenes/")[0])
    half_hour = int(time.time() // STABLE_S)
    first = fetched.of_a_visit("/", store)
    second = fetched.of_a_visit("/", store)
    if int(time.time() // STABLE_S) != half_hour:  # between the two visits began another half hour
        second = fetched.of_a_visit("/", store)
    assert len(first["shown"]) >= 12, "the gallery shows its pictures"
    assert second["shown"] == first["shown"]
    assert second["over the network"] == []


class Fetched:
    """What the window fetched from where, as the browser's own protocol reports it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked: dict[str, str] = {}
        self._kept: set[str] = set()
        self._protocol = page.context.new_cdp_session(page)
        self._protocol.on("Network.requestWillBeSent", self._sent)
        self._protocol.on("Network.requestServedFromCache", lambda event: self._kept.add(event["requestId"]))
        self._protocol.on("Network.responseReceived", self._received)
        self._protocol.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        self._asked[event["requestId"]] = event["request"]["url"]

    def _received(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache") or event["response"].get("fromPrefetchCache"):
            self._kept.add(event["requestId"])

    def of_a_visit(self, path: str, origin: str) -> dict[str, list[str]]:
        """Load the page and wait for its pictures; return the URLs of ``origin``."""
        self._asked.clear()
        self._kept.clear()
        self._page.goto(path)
        self._page.locator("[data-scene] img").first.wait_for()
        self._page.evaluate(_ALSO_BELOW)
        self._page.wait_for_function(_ALL_SHOWN)
        ours = {ident: url for ident, url in self._asked.items() if url.startswith(origin)}
        return {
            "shown": sorted(ours.values()),
            "over the network": sorted(url for ident, url in ours.items() if ident not in self._kept),
        }
