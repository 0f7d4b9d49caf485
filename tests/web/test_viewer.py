"""A viewer that cannot show a scene says why, keeps the picture, and offers a way on.

| class | members | source |
|---|---|---|
| no viewer | its files are gone after an update, no WebGL | `import()`, `getContext` returning null |
| no scene | its link has run out, the store does not answer | presigned URLs end |
| photos that browsers cannot show | HEIC, TIFF | `<img>` formats of Chromium |
| screens without a full screen of elements | iPhone | Fullscreen API |
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from export_consumer.formats import load
from export_consumer.formats.spz import FORMAT
from tests.export_consumer.scenes import CAMERA, scene
from tests.web.fake_gateway import Answer, FakeGateway

HEIC = Path(__file__).parents[1] / "gateway" / "tiny.heic"
NO_WEBGL = "HTMLCanvasElement.prototype.getContext = () => null"
NO_FULL_SCREEN = "delete Element.prototype.requestFullscreen"


@pytest.fixture(scope="session")
def spz() -> bytes:
    """A scene of a few hundred Gaussians, which a CPU renders fast enough."""
    assert load("spz") is FORMAT
    made: bytes = FORMAT.write(scene(12), {"up": "y", "unit": "m", "min_opacity": 0.0, "max_gaussians": None})
    return made


@pytest.fixture
def address(gateway: FakeGateway, spz: bytes) -> str:
    """The address of a scene that the viewer can show."""
    gateway.on("GET", "/store/scene.spz", lambda *_: Answer(spz, media_type="application/octet-stream"))
    added = gateway.add_scene("IMG_0042.HEIC", size=(CAMERA.width, CAMERA.height))
    return f"/scenes/{added['id']}"


def failed(page: Page, words: str) -> None:
    """Check that the words stand over the scene's picture."""
    expect(page.locator("[data-viewer=failed]").get_by_role("alert")).to_contain_text(words)
    picture = page.get_by_role("img", name="The scene, as a picture")
    expect(picture).not_to_have_js_property("naturalWidth", 0)


def test_a_viewer_whose_files_are_gone_asks_for_a_reload(page: Page, address: str) -> None:
    page.route("**/assets/stage-*.js", lambda route: route.abort())
    page.goto(address)
    failed(page, "The viewer could not be loaded")
    page.unroute("**/assets/stage-*.js")
    page.get_by_role("button", name="Reload the page").click()
    page.locator("[data-viewer=ready]").wait_for()


def test_a_browser_without_webgl_gets_a_sentence(page: Page, address: str) -> None:
    page.add_init_script(NO_WEBGL)
    page.goto(address)
    failed(page, "This browser cannot draw in 3D")


def test_a_scene_that_could_not_be_fetched_is_tried_again(
    gateway: FakeGateway, page: Page, address: str
) -> None:
    gateway.on("GET", "/store/scene.spz", Answer(b"", 403))
    page.goto(address)
    failed(page, "could not be fetched")
    gateway.routes.pop(0)
    page.get_by_role("button", name="Try again").click()
    page.locator("[data-viewer=ready]").wait_for()


def test_a_photo_that_the_browser_cannot_show_is_never_a_broken_picture(
    gateway: FakeGateway, page: Page, address: str
) -> None:
    heic = Answer(HEIC.read_bytes(), media_type="image/heif")
    gateway.on("GET", "/store/(\\d+)x(\\d+)\\.jpg", heic)
    page.goto(address)
    page.get_by_role("button", name="Compare with the photo").click()
    expect(page.get_by_text("This browser cannot show the photo itself.")).to_be_visible()
    expect(page.get_by_role("button", name="Compare with the photo")).to_have_count(0)
    gateway.scenes[0] |= {"status": "failed", "preview_url": None}
    page.reload()
    expect(page.get_by_text("could not be made into a scene")).to_be_visible()
    expect(page.get_by_role("main").locator("img")).to_have_count(0)


def test_comparing_is_dragged_anywhere_and_full_screen_needs_no_api(page: Page, address: str) -> None:
    page.add_init_script(NO_FULL_SCREEN)
    page.goto(address)
    page.locator("[data-viewer=ready]").wait_for()
    page.get_by_role("button", name="Compare with the photo").click()
    edge = page.get_by_label("How much of the photo is shown")
    page.evaluate("() => scrollTo(0, 0)")  # the button stands below the scene
    box = edge.bounding_box()
    assert box
    for height in (0.2, 0.7):  # far from the middle line
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * height)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * height, box["y"] + box["height"] * height, steps=3)
        page.mouse.up()
        assert abs(int(edge.input_value()) - 100 * height) < 8
    page.get_by_role("button", name="Compare with the photo").click()
    page.get_by_role("button", name="Full screen").click()
    view = page.locator("[data-viewer]")
    expect(view).to_have_css("position", "fixed")
    expect(page.locator("canvas")).to_have_css("touch-action", "none")
    full = view.bounding_box()
    assert full
    assert (full["x"], full["y"], full["width"]) == (0, 0, 1180)
    page.keyboard.press("Escape")
    expect(view).to_have_css("position", "relative")
    expect(page.locator("canvas")).to_have_css("touch-action", "pan-y")


def test_the_buttons_leave_the_scene_free_on_a_phone(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(address)
    page.locator("[data-viewer=ready]").wait_for()
    view = page.locator("[data-viewer=ready]").bounding_box()
    buttons = [each.bounding_box() for each in page.locator("[data-viewer=ready] button").all()]
    assert view
    assert len(buttons) >= 3
    widest = max(each["x"] + each["width"] for each in buttons if each)
    assert widest - min(each["x"] for each in buttons if each) < 0.2 * view["width"]
    assert all(each and each["y"] >= view["y"] for each in buttons)  # none is cut off
