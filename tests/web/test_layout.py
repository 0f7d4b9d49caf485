"""Nothing covers something else or makes a page scroll sideways, whatever a photo is called or shaped.

| class | members | source |
|---|---|---|
| text that cannot be broken | tiles, the scene's title, dialogs, upload rows | a grid's `auto` column grows |
| photos of every shape | portrait, landscape, square, panorama | phones take portraits |
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.fake_gateway import FakeGateway, problem

LONG = "a" * 120 + ".jpg"
SHAPES = [(300, 400), (400, 300), (300, 300), (900, 200), (200, 900)]
OVERFLOWING = """() => [...document.querySelectorAll("[data-scene]")].filter((tile) => {
    const own = tile.getBoundingClientRect();
    return [...tile.querySelectorAll("*")].some((part) => {
        const its = part.getBoundingClientRect();
        return its.right > own.right + 1 || its.bottom > own.bottom + 1;
    });
}).length"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES: dict[str, Any] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 375, "height": 800}}


@pytest.mark.parametrize("size", SIZES)
def test_tiles_hold_every_shape_and_name(gateway: FakeGateway, page: Page, size: str) -> None:
    page.set_viewport_size(SIZES[size])
    names = ["IMG_12MP.jpg", LONG, "A cup of coffee beside a very long spoon.jpg", "astronaut.jpg"]
    for name in names:
        for shape in SHAPES:
            gateway.add_scene(name, size=shape)
    page.goto("/")
    tiles = page.locator("[data-scene]")
    expect(tiles).to_have_count(len(names) * len(SHAPES))
    assert page.evaluate(OVERFLOWING) == 0
    assert page.evaluate(SIDEWAYS) == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_long_name_leaves_page_and_dialog_readable(gateway: FakeGateway, page: Page, size: str) -> None:
    page.set_viewport_size(SIZES[size])
    scene = gateway.add_scene(LONG, status="failed", error_message="b" * 300)
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_role("button", name="Delete this scene").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("removed for good")).to_be_in_viewport()
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert dialog.evaluate("each => each.scrollWidth - each.clientWidth") == 0
    assert page.evaluate(SIDEWAYS) == 0


def test_a_long_file_name_leaves_the_upload_row_as_wide_as_the_page(gateway: FakeGateway, page: Page) -> None:
    gateway.on("POST", "/api/v1/scenes/generate", problem(415, "unsupported_media_type", "c" * 200))
    page.goto("/")
    photo = {"name": LONG, "mimeType": "image/jpeg", "buffer": b"words"}
    page.get_by_label("Photos", exact=True).set_input_files([photo])
    expect(page.get_by_role("button", name="Forget")).to_be_in_viewport()
    assert page.evaluate(SIDEWAYS) == 0
