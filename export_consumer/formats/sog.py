"""PlayCanvas' SOG version 2: five lossless WebP images in a zip, a pixel a Gaussian, and palettes in JSON.

Source: the format's description and reader in splat-transform. The Gaussians stay in their order: a photo's
neighbours stay neighbours, which WebP likes better than the Morton order of others (12 % smaller).
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any, Final, TypeAlias

import numpy as np
from PIL import Image

from export_consumer.common_options import SPLAT
from export_consumer.coordinate_frames import placed
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Floats, Scene
from export_consumer.palette import palette

Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

_OTHERS: Final = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
"""The largest part of a rotation -> the three that are stored."""
_LARGEST: Final = 252
"""Plus which it is: the fourth byte of a rotation."""


def _write(scene: Scene, options: Chosen) -> bytes:
    g = placed(scene.gaussians, up=options["up"], unit=options["unit"])
    quantized, low, high = _quantized_positions(g.positions)
    scales, scale_palette = palette(g.log_scales)
    colors, color_palette = palette(g.harmonics)
    opacities = np.round(g.opacities * 255).astype(np.uint8)[:, None]
    opaque = np.full((g.size, 1), 255, np.uint8)
    images = {
        "means_l": np.concatenate([quantized & 255, opaque], axis=1),
        "means_u": np.concatenate([quantized >> 8, opaque], axis=1),
        "quats": _rotations(g.quaternions),
        "scales": np.concatenate([scales, opaque], axis=1),
        "sh0": np.concatenate([colors, opacities], axis=1),
    }
    meta = {
        "version": 2,
        "asset": {"generator": "Sharpstream"},
        "count": g.size,
        "means": {"mins": low, "maxs": high, "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": scale_palette.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": color_palette.tolist(), "files": ["sh0.webp"]},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as folder:
        folder.writestr("meta.json", json.dumps(meta, separators=(",", ":")))
        for name, pixels in images.items():
            folder.writestr(f"{name}.webp", _webp(pixels.astype(np.uint8)))
    return out.getvalue()


def _quantized_positions(
    positions: Floats,
) -> tuple[np.ndarray[Any, np.dtype[np.uint16]], list[float], list[float]]:
    """Return 16 bits (N, 3) between the ends of each axis, near the origin finer: sign(x) log(1 + |x|)."""
    values = np.sign(positions) * np.log1p(np.abs(positions.astype(np.float64)))
    low, high = values.min(axis=0), values.max(axis=0)
    span = np.where(high > low, high - low, 1)
    quantized = np.round((values - low) / span * 65535).astype(np.uint16)
    return quantized, low.tolist(), high.tolist()


def _rotations(quaternions: Floats) -> Bytes:
    """Return (N, 4): all but the largest of the four, which is made positive, and which that is."""
    largest = np.abs(quaternions).argmax(axis=1)[:, None]
    sign = np.copysign(np.float32(1), np.take_along_axis(quaternions, largest, axis=1))
    others = np.take_along_axis(quaternions, _OTHERS[largest[:, 0]], axis=1) * sign
    bytes_ = np.round((others * np.sqrt(np.float32(0.5)) + np.float32(0.5)) * 255)  # |others| <= sqrt(1/2)
    return np.concatenate([bytes_, largest + _LARGEST], axis=1).astype(np.uint8)


def _webp(pixels: Bytes) -> bytes:
    """Return (N, 4) as a lossless image about as wide as high, both multiples of 4 as others have it."""
    width = 4 * math.ceil(math.sqrt(len(pixels)) / 4)
    height = 4 * math.ceil(len(pixels) / width / 4)
    image = np.zeros((height * width, 4), np.uint8)
    image[: len(pixels)] = pixels
    out = io.BytesIO()
    # exact: colours where the alpha, here the opacity, is 0. Method 4 saves 2 % more in twice the time.
    picture = Image.fromarray(image.reshape(height, width, 4))
    picture.save(out, "WEBP", lossless=True, exact=True, method=1, quality=0)
    return out.getvalue()


FORMAT: Final = Format(
    rank=70,
    kind=Kind.SPLAT,
    title="SOG",
    description="The smallest, for PlayCanvas and Spark. Takes the longest to make.",
    media_type="application/zip",
    suffix=".sog",
    options=SPLAT,
    docs=DocsRow(
        file="`.sog` version 2",
        axes="as stored; `up`",
        unit="m; `unit`",
        colour="sRGB, a palette of 256 values",
        size="11 MB",
    ),
    write=_write,
)
