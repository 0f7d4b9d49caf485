"""Videos that are made in the browser are played by a player that knows nothing of what made them.

| class | members | source |
|---|---|---|
| ways | loops, from view to view, as a hand moved it | `viewer/recording/paths.ts` |
| ends | finished, cancelled, no way to go | `viewer/recording/useRecorder.ts` |
| browsers | one that encodes; one without WebCodecs | `viewer/recording/record.ts` |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Download, Page, expect

from tests.web.conftest import LIMIT_MS
from tests.web.fake_gateway import FakeGateway
from tests.web.splats import WINDOW, add, opened, spz, wall

pytestmark = pytest.mark.drill
NO_ENCODER: Final = "delete window.VideoEncoder"
H264: Final = """() => VideoEncoder.isConfigSupported(
    {codec: "avc1.64001f", width: 640, height: 480, bitrate: 1e6}).then(({supported}) => supported)"""
PLAY: Final = """async (type) => {
    const file = document.querySelector("input").files[0];
    const video = document.createElement("video");
    video.muted = true;
    video.src = URL.createObjectURL(new Blob([file], {type}));
    const came = (name) => new Promise((done, fail) => {
        video.addEventListener(name, done, {once: true});
        video.addEventListener("error", () => fail(new Error(video.error.message)), {once: true});
    });
    await came("loadeddata");
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const pixels = async (at) => {
        const sought = came("seeked");
        video.currentTime = at;
        await sought;
        const context = canvas.getContext("2d");
        context.drawImage(video, 0, 0);
        return context.getImageData(0, 0, canvas.width, canvas.height).data;
    };
    const difference = (a, b) => a.reduce((sum, value, at) => sum + Math.abs(value - b[at]), 0) / a.length;
    const [first, quarter, last] =
        [await pixels(0.001), await pixels(video.duration / 4), await pixels(video.duration - 0.04)];
    return {
        width: video.videoWidth, height: video.videoHeight, seconds: video.duration,
        bright: first.reduce((sum, value) => sum + value, 0) / first.length,
        moved: difference(first, quarter), back: difference(first, last),
    };
}"""


@pytest.fixture
def page(context: BrowserContext) -> Page:
    made = context.new_page()
    made.set_viewport_size(WINDOW)
    return made


@pytest.fixture(scope="session")
def wall_file() -> bytes:
    return spz(wall())


@pytest.fixture
def recorder(gateway: FakeGateway, page: Page, wall_file: bytes) -> Page:
    """The page of a scene with the recorder open, set to a short and small video."""
    opened(page, add(gateway, wall_file, "Küche/morgens.jpg"))
    page.get_by_role("button", name="Record a video").click()
    page.get_by_label("Longer side").select_option("640")
    page.get_by_label("Length, s").fill("1")
    return page


def made(page: Page) -> Download:
    """Make the video and download it."""
    page.get_by_role("button", name="Make the video").click()
    link = page.get_by_role("link", name=re.compile(r"\.(mp4|webm)$"))
    expect(link).to_be_focused(timeout=4 * LIMIT_MS)  # each frame is drawn and encoded by the CPU
    with page.expect_download() as download:
        link.click()
    return download.value


def played(page: Page, download: Download, tmp_path: Path) -> dict[str, Any]:
    """Play the file in a page of its own, from its bytes alone."""
    path = tmp_path / download.suggested_filename
    download.save_as(path)
    other = page.context.new_page()
    other.goto("about:blank")
    other.set_content("<input type=file>")
    other.locator("input").set_input_files(path)
    kind = "video/mp4" if path.suffix == ".mp4" else "video/webm"
    found: dict[str, Any] = other.evaluate(PLAY, kind)
    other.close()
    return found


def test_a_loop_is_recorded_and_plays(recorder: Page, tmp_path: Path) -> None:
    download = made(recorder)
    ending = ".mp4" if recorder.evaluate(H264) else ".webm"
    assert download.suggested_filename == f"Küche morgens{ending}"
    expect(recorder.get_by_text(re.compile("640 . 480 pixels"))).to_be_visible()
    video = played(recorder, download, tmp_path)
    assert (video["width"], video["height"]) == (640, 480)
    assert abs(video["seconds"] - 1) < 0.05
    assert video["bright"] > 60
    assert video["moved"] > 1
    assert video["back"] < video["moved"]  # it ends where it began
    recorder.locator("canvas").focus()
    recorder.keyboard.press("ArrowRight")  # and the viewer goes on
    expect(recorder.locator("[data-viewer=ready]")).to_be_visible()


def test_a_hands_own_move_is_recorded(recorder: Page, tmp_path: Path) -> None:
    recorder.get_by_label("Movement").select_option("own")
    expect(recorder.get_by_role("button", name="Make the video")).to_be_disabled()
    recorder.get_by_label("At most, s").fill("20")
    recorder.get_by_role("button", name="Start moving").click()
    expect(recorder.get_by_text("Move the scene now")).to_be_visible()
    recorder.locator("canvas").focus()
    for key in ["ArrowRight"] * 3:
        recorder.keyboard.press(key)
    recorder.get_by_role("button", name="Stop").click()
    said = recorder.get_by_text("Your move takes")
    seconds = float(re.findall(r"takes ([\d.]+) s", said.inner_text())[0])
    video = played(recorder, made(recorder), tmp_path)
    assert abs(video["seconds"] - seconds) < 0.2
    assert video["back"] > 1  # it ends elsewhere


def test_a_way_from_view_to_view_needs_two(recorder: Page) -> None:
    recorder.get_by_label("Movement").select_option("travel")
    recorder.get_by_role("button", name="Preview").click()
    expect(recorder.get_by_role("alert")).to_contain_text("Move it to where the video shall end.")
    recorder.locator("canvas").focus()
    for key in ["ArrowRight"] * 4:
        recorder.keyboard.press(key)
    recorder.get_by_role("button", name="Preview").click()
    expect(recorder.get_by_role("alert")).to_have_count(0)


def test_a_recording_can_be_cancelled(recorder: Page) -> None:
    recorder.get_by_label("Length, s").fill("20")
    recorder.get_by_role("button", name="Make the video").click()
    bar = recorder.get_by_role("progressbar", name="How much of the video is made")
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    recorder.get_by_role("button", name="Cancel").click()
    expect(bar).to_have_count(0)
    expect(recorder.get_by_role("button", name="Make the video")).to_be_enabled()
    expect(recorder.get_by_role("link", name=re.compile(r"\.(mp4|webm)$"))).to_have_count(0)


def test_wrong_lengths_are_refused_with_their_bounds(recorder: Page) -> None:
    for length in ("0", "21", ""):
        recorder.get_by_label("Length, s").fill(length)
        expect(recorder.get_by_text("1 to 20 seconds")).to_be_visible()
        expect(recorder.get_by_role("button", name="Make the video")).to_be_disabled()


def test_a_browser_that_makes_no_videos_says_what_to_do(
    gateway: FakeGateway, page: Page, wall_file: bytes
) -> None:
    page.add_init_script(NO_ENCODER)
    opened(page, add(gateway, wall_file))
    page.get_by_role("button", name="Record a video").click()
    page.get_by_role("button", name="Make the video").click()
    expect(page.get_by_role("alert")).to_contain_text("take the video that the server makes")
