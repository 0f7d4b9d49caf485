"""A scene that is larger than a device should draw is drawn from a tree of fewer, larger Gaussians."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import Page

from tests.web.fake_gateway import FakeGateway
from tests.web.splats import add, opened, picture, spz, wall

FRAMES_MS: Final = 300_000
"""A CPU that does other things as well draws a frame of 426,400 Gaussians in ten seconds."""
DRAWN: Final = "Number(document.querySelector('canvas').dataset.drawn)"


@pytest.mark.drill
def test_the_light_quality_draws_fewer_gaussians_of_a_large_scene(gateway: FakeGateway, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    page.set_default_timeout(FRAMES_MS)
    opened(page, add(gateway, spz(wall(400))))
    page.wait_for_function(f"() => {DRAWN} > 350000")
    page.get_by_role("button", name="HQ: fine quality, switch to light").click()
    page.wait_for_function(f"() => {DRAWN} <= 350000")
    assert page.evaluate(DRAWN) > 50_000
    assert picture(page).mean() > 40  # and it is no hole
