"""Files of scenes that the page's viewer shows in the tests, and what is seen of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, ViewportSize

from bus.contract.splat import Camera
from export_consumer.formats import load
from export_consumer.formats.spz import FORMAT
from export_consumer.gaussians import Scene
from tests.export_consumer.scenes import CAMERA, scene
from tests.web.fake_gateway import Answer, FakeGateway

WALL_M = 2.0
WINDOW: ViewportSize = {"width": 700, "height": 1000}
"""The scene and all of its tools are in sight, and no larger than a CPU draws in a moment."""


def spz(made: Scene) -> bytes:
    """Return the scene as a viewer's file."""
    assert load("spz") is FORMAT
    written: bytes = FORMAT.write(made, {"up": "y", "unit": "m", "min_opacity": 0.0, "max_gaussians": None})
    return written


def wall(rows: int = 24, camera: Camera = CAMERA) -> Scene:
    """Return a wall `WALL_M` before the camera, of small round Gaussians: its points are known."""
    made, _ = scene(rows)
    positions = made.positions * (WALL_M / made.positions[:, 2:])
    small = np.full_like(made.log_scales, np.log(0.5 * WALL_M * camera.width / camera.focal_px * 0.75 / rows))
    flat = made._replace(positions=np.ascontiguousarray(positions, np.float32), log_scales=small)
    return Scene(flat, camera)


def add(gateway: FakeGateway, file: bytes, name: str = "kitchen.jpg", **given: Any) -> str:
    """Add a scene whose viewer gets the file; return the address of its page."""
    gateway.on("GET", "/store/scene.spz", lambda *_: Answer(file, media_type="application/octet-stream"))
    facts = given.pop("metadata", {})
    added = gateway.add_scene(name, size=(CAMERA.width, CAMERA.height), **given)
    added["metadata"] = added["metadata"] | facts
    added["metadata"]["result"]["focal_length_px"] = CAMERA.focal_px
    return f"/scenes/{added['id']}"


def opened(page: Page, address: str) -> None:
    """Open a scene, and wait for its first picture."""
    page.goto(address)
    page.locator("[data-viewer=ready]").wait_for()


def picture(page: Page) -> np.ndarray:
    """Return what the viewer shows, once it shows the same twice, without the ring of the focus."""
    page.evaluate("() => document.activeElement.blur()")
    canvas = page.locator("canvas")
    before = b""
    while (now := canvas.screenshot()) != before:
        before = now
    return np.asarray(Image.open(io.BytesIO(now)).convert("RGB")).astype(int)


def differ(a: np.ndarray, b: np.ndarray) -> float:
    """Return how much two pictures differ, 0 to 255."""
    return float(np.abs(a - b).mean())
