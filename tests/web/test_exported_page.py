"""An exported page, opened from a file in a real browser without a network, shows its scene and moves."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from export_consumer import page_template
from export_consumer.worker import convert
from tests.export_consumer.scenes import ply, scene
from tests.web.conftest import LIMIT_MS

BACKGROUND = (13, 15, 17)
HOSTILE = (
    "<img src=x onerror=document.title=1>.html",
    "%3Cscript%3Edocument.title=1%3C%2Fscript%3E.html",
    "'\"&lt;b&gt;`${1}`#?\u202egnp.html",
)


@pytest.fixture(scope="module")
def exported(built: Path) -> bytes:
    """A scene of a few hundred Gaussians, which a CPU renders fast enough."""
    patch = pytest.MonkeyPatch()
    patch.setenv(page_template.VARIABLE, str(built / "export" / "viewer.html"))
    try:
        return convert("html", {}, ply(scene(12))).data
    finally:
        patch.undo()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A window without a network, which notes what is asked of it."""
    made = chromium.new_context(
        viewport={"width": 640, "height": 480}, reduced_motion="reduce", has_touch=True, offline=True
    )
    made.set_default_timeout(LIMIT_MS)
    yield made
    made.close()


@pytest.fixture
def asked(context: BrowserContext) -> list[str]:
    found: list[str] = []
    context.on("request", lambda request: found.append(request.url))
    return found


@pytest.fixture
def problems(page: Page) -> list[str]:
    """What the browser complained of, such as what the policy of the page forbids."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def opened(page: Page, folder: Path, data: bytes, name: str = "My kitchen.html") -> Path:
    path = folder / name
    path.write_bytes(data)
    page.goto(path.as_uri())
    page.locator("[data-viewer=ready]").wait_for()
    return path


def pixels(page: Page) -> np.ndarray:
    """The canvas, without the button over its corner."""
    shot = Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB")
    found = np.asarray(shot, int)
    return found[: found.shape[0] * 3 // 4]


def shown(found: np.ndarray) -> float:
    """Which part of the picture is not background."""
    return float((np.abs(found - np.array(BACKGROUND)).max(axis=2) > 24).mean())


def at_rest(page: Page) -> np.ndarray:
    """The picture once two in succession are the same: Spark sorts after it has drawn."""
    before = pixels(page)
    while not np.array_equal(before, after := pixels(page)):
        before = after
    return after


def test_it_shows_the_scene_and_turns_it_without_a_network(
    page: Page, asked: list[str], problems: list[str], exported: bytes, tmp_path: Path
) -> None:
    path = opened(page, tmp_path, exported)
    assert page.title() == "My kitchen"
    start = at_rest(page)
    assert shown(start) > 0.3

    box = page.locator("canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 160, y + 40, steps=4)
    page.mouse.up()
    page.mouse.move(x, y)
    dragged = at_rest(page)
    assert np.abs(dragged - start).mean() > 2

    page.get_by_role("button", name=re.compile("view$")).click()
    page.mouse.move(x, y)
    for act in (
        lambda: page.keyboard.press("ArrowLeft"),
        lambda: page.mouse.wheel(0, -400),
        lambda: page.locator("canvas").dispatch_event("dblclick"),
    ):
        before = at_rest(page)
        act()
        page.wait_for_function("() => new Promise((go) => requestAnimationFrame(() => go(true)))")
        assert np.abs(at_rest(page) - before).mean() > 1

    own = [url for url in asked if url != path.as_uri() and not url.startswith("blob:")]
    assert own == []
    assert problems == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_title_and_nothing_else(
    page: Page, problems: list[str], exported: bytes, tmp_path: Path, name: str
) -> None:
    opened(page, tmp_path, exported, name.replace("/", "_"))
    assert page.title() == re.sub(r"\.html$", "", name)
    assert page.locator("img, b").count() == 0
    expect(page.locator("canvas")).to_have_attribute("aria-label", f"{page.title()} in 3D")
    assert problems == []


def test_its_policy_allows_only_its_own_script(page: Page, exported: bytes, tmp_path: Path) -> None:
    evil = exported.replace(b"</body>", b"<script>document.title = 'taken'</script></body>")
    opened(page, tmp_path, evil)
    assert page.title() == "My kitchen"
    assert page.evaluate("() => fetch('https://example.com').then(() => 1, () => 0)") == 0
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


def test_a_browser_without_webgl_reads_a_sentence(page: Page, exported: bytes, tmp_path: Path) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    path = tmp_path / "a.html"
    path.write_bytes(exported)
    page.goto(path.as_uri())
    page.locator("[data-viewer=failed]").wait_for()
    expect(page.get_by_role("status")).to_contain_text("This browser cannot draw in 3D")


def test_it_carries_the_licences_of_its_parts(exported: bytes) -> None:
    text = exported.decode()
    (notices,) = re.findall(r'<script type="text/plain" id="licences">(.*?)</script>', text, re.DOTALL)
    for words in (
        "three.js authors",
        "@sparkjsdev/spark",
        "fflate",
        "Permission is hereby granted",
        "Apache",
    ):
        assert words in notices
