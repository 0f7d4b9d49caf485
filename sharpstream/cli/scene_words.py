"""Says in plain words what a scene's metadata states about its size, its camera and its likeness."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from sharpstream.client.models import Model, SceneSummary

FOCAL_SOURCES: Final = {
    "request": "as you stated it",
    "exif": "from the photo's EXIF",
    "network": "found by the network",
    "default": "a guess: the photo does not state it",
}
DEMO: Final = "card"


def model(scene: SceneSummary) -> str | None:
    """Return which model, with its network, made the scene."""
    name = scene.part("model").get("name")
    return name if isinstance(name, str) else None


def described(name: str | None) -> str | None:
    """Return the model's name for people, who should not take the demo model for what the service can do."""
    return f"{name}, the demo model, whose scenes are flat" if name == DEMO else name


def licence(scene: SceneSummary, models: Iterable[Model]) -> str | None:
    """Return the licence of the scene's model, None where the service does not list it."""
    return next((each.licence for each in models if each.name == model(scene)), None)


def focal_length(scene: SceneSummary) -> str | None:
    """Return the focal length and where it comes from."""
    focal = scene.part("result").get("focal_length_px")
    if not isinstance(focal, int | float):
        return None
    source = FOCAL_SOURCES.get(str(scene.metadata.get("focal_source")))
    return f"{focal:.0f} pixels" + (f", {source}" if source else "")


def scale(scene: SceneSummary) -> str | None:
    """Return how far the scene's size may be off: one standard deviation, as a share or else a factor."""
    spread = scene.metadata.get("scale_uncertainty")
    if not isinstance(spread, int | float):
        return None
    factor = math.exp(min(spread, 20))
    return f"±{100 * (factor - 1):.0f} %" if factor < 1.5 else f"right to a factor of {factor:.1f}"


def likeness(scene: SceneSummary) -> str | None:
    """Return the scores of the scene's own view against the photo."""
    scores = scene.part("scores")
    shown = [
        text.format(scores[name])
        for name, text in (
            ("psnr", "PSNR {:.1f} dB"),
            ("ssim", "SSIM {:.2f}"),
            ("lpips", "LPIPS {:.3f}"),
            ("dists", "DISTS {:.3f}"),
        )
        if isinstance(scores.get(name), int | float)
    ]
    return ", ".join(shown) or None
