"""What can be done with a scene beyond turning it: zoom, start view, depth, measures, tilt, headset, detail.

| class | members | source |
|---|---|---|
| the wheel's owner | page, scene after a click, page again after Escape, hint | `viewer/wheel.ts` |
| the first view | the photo's, a saved one; on the scene's page, by a share | `start_view` |
| depth | colours, legend in metres, own colours again | `viewer/depthColour.ts` |
| measures | by mouse, by keys, on nothing; scale known, unknown, guessed | `viewer/measure.ts` |
| devices | tilt, no headset, a headset that refuses, a lost context | |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from export_consumer.gaussians import Gaussians, Scene
from tests.export_consumer.scenes import scene
from tests.web.conftest import LIMIT_MS, SIGNED_IN
from tests.web.fake_gateway import Answer, FakeGateway
from tests.web.splats import WALL_M, WINDOW, add, differ, opened, picture, spz, wall

pytestmark = pytest.mark.drill
AXE: Final = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
START: Final = {"right_m": 0.2, "up_m": 0.0, "forward_m": 0.0}
HEADSET: Final = """Object.defineProperty(navigator, "xr", {value: {
    isSessionSupported: (mode) => Promise.resolve(mode === "immersive-vr"),
    requestSession: () => Promise.reject(new Error("it is asleep")),
}})"""
SAVES_DATA: Final = 'Object.defineProperty(navigator, "connection", {value: {saveData: true}})'
STAGE: Final = re.compile(r"/assets/stage-[^/]+\.js")
IDLE: Final = "() => new Promise((done) => requestIdleCallback(() => done(), {timeout: 3000}))"


@pytest.fixture
def page(context: BrowserContext) -> Page:
    made = context.new_page()
    made.set_viewport_size(WINDOW)
    return made


@pytest.fixture(scope="session")
def wall_file() -> bytes:
    return spz(wall())


@pytest.fixture
def address(gateway: FakeGateway, wall_file: bytes) -> str:
    return add(gateway, wall_file, metadata={"scale_uncertainty": 0.1, "focal_source": "exif"})


def turned(page: Page) -> str:
    """Turn the wheel over the scene, and return what it does; a page scrolls unless that is prevented."""
    page.evaluate("""() => {
        window.turn = new Promise((done) => addEventListener(
            "wheel", (event) => done(event.defaultPrevented ? "zooms" : "scrolls"), {once: true}));
    }""")
    page.mouse.wheel(0, 60)
    return str(page.evaluate("() => window.turn"))


def over_scene(page: Page) -> tuple[float, float]:
    box = page.locator("canvas").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_wheel_scrolls_the_page_until_the_scene_is_clicked(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1180, "height": 600})
    opened(page, address)
    page.mouse.move(*over_scene(page))
    page.mouse.wheel(0, 60)
    expect(page.get_by_text("Click to zoom by the wheel")).to_be_visible()
    page.wait_for_function("() => scrollY > 0")
    expect(page.get_by_text("Click to zoom by the wheel")).to_have_count(0)  # only for a moment
    before = picture(page)
    page.mouse.click(*over_scene(page))
    assert turned(page) == "zooms"
    page.keyboard.press("Escape")
    assert turned(page) == "scrolls"
    page.mouse.click(*over_scene(page))
    assert turned(page) == "zooms"
    page.mouse.move(2, 300)  # the pointer leaves
    page.mouse.move(*over_scene(page))
    assert turned(page) == "scrolls"
    assert differ(before, picture(page)) > 1  # it has come nearer


def test_a_saved_view_is_the_first_that_is_seen(gateway: FakeGateway, page: Page, address: str) -> None:
    saved: list[dict[str, Any]] = []

    def save(asked: Any, *_: str) -> Answer:
        saved.append(asked.json())
        gateway.scenes[0]["start_view"] = asked.json()
        return Answer(asked.json())

    gateway.on("PUT", "/api/v1/scenes/([^/]+)/start-view", save)
    opened(page, address)
    home = picture(page)
    page.locator("canvas").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    aside = picture(page)
    assert differ(home, aside) > 2
    page.get_by_role("button", name="Start with this view").click()
    expect(page.get_by_text("Saved: the scene opens with this view")).to_be_visible()
    assert [round(saved[0]["right_m"], 2), saved[0]["up_m"]] == [0.28, 0]  # 4 steps of 16 % of 22 % of 2 m
    page.mouse.move(2, 2)
    opened(page, address)
    assert differ(picture(page), aside) < 1
    page.locator("canvas").focus()
    page.keyboard.press("0")
    assert differ(picture(page), home) < 1


def test_a_share_and_its_frame_begin_with_the_saved_view(
    gateway: FakeGateway, page: Page, address: str
) -> None:
    body = {
        "name": "kitchen.jpg", "created_at": "2026-01-01T00:00:00Z", "expires_at": "2027-01-01T00:00:00Z",
        "viewer_url": f"{gateway.url}/store/scene.spz", "preview_url": None, "photo_url": None,
        "gaussian_count": 10, "width": 128, "height": 96, "focal_length_px": 96.0, "download_url": None,
        "focal_source": "default", "scale_uncertainty": None, "start_view": START,
    }  # fmt: skip
    gateway.on("GET", "/api/v1/shared/[^/]+", lambda *_: Answer(body))
    for path in ("s", "embed"):
        opened(page, f"/{path}/{'t' * 43}")
        first = picture(page)
        page.locator("canvas").focus()
        page.keyboard.press("0")
        assert differ(picture(page), first) > 1
    expect(page.get_by_role("group", name="Tools")).to_have_count(0)  # a frame of another page has no room
    opened(page, f"/s/{'t' * 43}")
    expect(page.get_by_role("button", name="Start with this view")).to_have_count(0)  # it is not theirs
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text("The photo does not state its focal length")).to_be_visible()


def test_depth_has_colours_and_a_legend_in_metres(gateway: FakeGateway, page: Page) -> None:
    opened(page, add(gateway, spz(scene(24))))
    own = picture(page)
    page.get_by_role("button", name="Depth").click()
    legend = page.get_by_role("img", name="Colours of depth")
    expect(legend).to_have_accessible_name(re.compile(r"from 1\.\d m, bright, to 4\.\d m, dark"))
    coloured = picture(page)
    height, width, _ = coloured.shape
    assert differ(own, coloured) > 20
    # At the top the front layer is nearest, 1.5 m, at the right, and 2.5 m away a third from the left.
    top = slice(height // 20, height // 4)
    near, far = (
        coloured[top, round(begin * width) : round(end * width)].reshape(-1, 3).mean(0)
        for begin, end in ((0.88, 0.98), (0.25, 0.4))
    )
    assert near[0] > far[0] + 20
    page.locator("canvas").focus()
    page.keyboard.press("d")
    expect(legend).to_have_count(0)
    assert differ(picture(page), own) < 1


def test_two_clicks_measure_what_lies_between(page: Page, address: str) -> None:
    opened(page, address)
    page.get_by_role("button", name="Measure").click()
    box = page.locator("canvas").bounding_box()
    assert box
    measures = page.get_by_role("region", name="Measures")
    for part in (0.25, 0.75):
        page.mouse.click(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
    row = measures.get_by_role("listitem")
    expect(row).to_have_text(re.compile(r"1\. 1\.\d\d m, likely 1\.\d\d m to 1\.\d\d m"))
    shown = float(re.findall(r"(\d\.\d\d) m, likely", row.inner_text())[0])
    wide = WALL_M * 128 / 96
    assert abs(shown - wide / 2) < 0.06
    expect(page.locator("[data-marks='2'] circle")).to_have_count(2)
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    expect(measures.get_by_text("Now the other end.")).to_be_visible()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.8 * box["height"], steps=3)
    page.mouse.up()  # a drag turns the scene, and measures nothing
    expect(measures.get_by_text("Now the other end.")).to_be_visible()
    measures.get_by_role("button", name="Remove measure 1").click()
    expect(row).to_have_count(0)


def test_keys_measure_too_and_escape_leaves(page: Page, address: str) -> None:
    opened(page, address)
    page.locator("canvas").focus()
    keys = ["m", *["ArrowLeft"] * 5, "Enter", *["ArrowRight"] * 10, "Enter"]
    for key in keys:
        page.keyboard.press(key)
    measures = page.get_by_role("region", name="Measures")
    row = measures.get_by_role("listitem")
    shown = int(re.findall(r"(\d\d) cm, likely", row.inner_text())[0])
    assert abs(shown - 100 * 0.2 * WALL_M * 128 / 96) < 6
    measures.get_by_role("button", name="Clear").click()
    expect(row).to_have_count(0)
    page.locator("canvas").focus()
    page.keyboard.press("Escape")
    expect(measures).to_have_count(0)
    before = picture(page)
    page.locator("canvas").focus()
    page.keyboard.press("ArrowLeft")  # the camera's again
    assert differ(picture(page), before) > 1


def test_beside_the_scene_there_is_nothing_to_measure(gateway: FakeGateway, page: Page) -> None:
    whole = wall()
    left = whole.gaussians.positions[:, 0] < 0
    half = Gaussians(*(field[left] for field in whole.gaussians))
    opened(page, add(gateway, spz(Scene(half, whole.camera))))
    page.get_by_role("button", name="Measure").click()
    box = page.locator("canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    expect(page.get_by_text("There is nothing to measure at that point.")).to_be_visible()


def test_a_tilted_phone_shows_another_side(chromium: Browser, gateway: FakeGateway, address: str) -> None:
    context = chromium.new_context(
        base_url=gateway.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True,
        reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(LIMIT_MS)
    context.add_init_script(SIGNED_IN)
    page = context.new_page()
    opened(page, address)
    expect(page.get_by_text("arrow keys to look around")).to_be_hidden()  # a phone has none
    page.get_by_role("button", name="Tilt").tap()
    expect(page.get_by_role("button", name="Tilt")).to_have_attribute("aria-pressed", "true")
    before = picture(page)
    reading = "new DeviceOrientationEvent('deviceorientation', {beta: 40, gamma: %d, alpha: 0})"
    for gamma in (0, 20):
        page.evaluate(f"() => dispatchEvent({reading % gamma})")
    assert differ(picture(page), before) > 1
    context.close()


def test_only_what_the_browser_has_is_offered(page: Page, address: str) -> None:
    opened(page, address)
    tools = page.get_by_role("group", name="Tools")
    expect(tools.get_by_role("button", name="Depth")).to_be_visible()
    for name in ("Tilt", "In VR", "In your room"):
        expect(tools.get_by_role("button", name=name)).to_have_count(0)


def test_a_headset_that_does_not_start_says_so(page: Page, address: str) -> None:
    page.add_init_script(HEADSET)
    opened(page, address)
    expect(page.get_by_role("button", name="In your room")).to_have_count(0)
    page.get_by_role("button", name="In VR").click()
    expect(page.get_by_role("alert")).to_contain_text("The headset did not start (it is asleep).")
    before = picture(page)
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")  # the viewer goes on
    assert differ(picture(page), before) > 1


def test_a_lost_context_comes_back_by_itself(page: Page, address: str) -> None:
    opened(page, address)
    before = picture(page)
    page.evaluate("""() => new Promise((done) => {
        const canvas = document.querySelector("canvas");
        const lost = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
        canvas.addEventListener("webglcontextlost", () => setTimeout(() => lost.restoreContext(), 0));
        canvas.addEventListener("webglcontextrestored", () => requestAnimationFrame(() => done()));
        lost.loseContext();
    })""")
    page.wait_for_function("() => Number(document.querySelector('canvas').dataset.drawn) > 0")
    expect(page.locator("[data-viewer=ready]")).to_be_visible()
    assert differ(picture(page), before) < 2


def test_the_viewer_is_fetched_when_a_scene_is_pointed_at_or_made(
    gateway: FakeGateway, page: Page, address: str
) -> None:
    page.goto("/")
    with page.expect_request(STAGE):
        page.locator(f"[data-scene='{gateway.scenes[0]['id']}'] a").hover()
    made = gateway.add_scene(status="processing", preview_url=None, viewer_url=None)
    with page.expect_request(STAGE):
        page.goto(f"/scenes/{made['id']}")


def test_who_saves_data_gets_the_viewer_with_the_scene(
    gateway: FakeGateway, page: Page, address: str
) -> None:
    page.add_init_script(SAVES_DATA)
    page.goto("/")
    link = page.locator(f"[data-scene='{gateway.scenes[0]['id']}'] a")
    link.hover()
    page.evaluate(IDLE)
    asked = [each for each in gateway.asked if STAGE.search(each.path)]
    assert asked == []
    link.click()
    page.locator("[data-viewer=ready]").wait_for()


def test_a_phone_held_sideways_shows_the_scene_whole(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 812, "height": 375})
    opened(page, address)
    view = page.locator("[data-viewer=ready]")
    box = view.bounding_box()
    assert box
    assert 0.85 * 375 < box["height"] <= 375
    expect(page.locator("header")).to_have_css("position", "static")
    expect(page.locator("canvas")).to_have_css("object-fit", "contain")  # nothing is ever stretched


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tools_are_accessible(page: Page, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.add_init_script(path=AXE)
    opened(page, address)
    for name in ("Depth", "Measure", "Record a video"):
        page.get_by_role("button", name=name).click()
    page.locator("canvas").focus()
    for key in ("Enter", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("region", name="Measures").get_by_role("listitem").wait_for()
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(each["id"], [n["target"] for n in each["nodes"]]) for each in found["violations"]] == []
