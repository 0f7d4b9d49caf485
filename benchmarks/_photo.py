"""A photo for load tests: like a camera's, of a given size."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def photo_of(size: int) -> bytes:
    """Return a JPEG of about ``size`` bytes: 1024 x 768, a gradient with a camera's noise."""
    rng = np.random.default_rng(1)
    smooth = np.linspace(0, 255, 1024 * 768 * 3).reshape(768, 1024, 3)
    pixels = np.clip(smooth + rng.normal(0, 18, smooth.shape), 0, 255).astype(np.uint8)
    best = b""
    for quality in range(30, 96, 5):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=quality)
        best = min(best or out.getvalue(), out.getvalue(), key=lambda data: abs(len(data) - size))
    return best
