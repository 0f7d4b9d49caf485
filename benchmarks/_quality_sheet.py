"""The contact sheet of `quality.py`: ordinary photos, their depth, and views from 15 cm left and right.

All is made by the product's code from the photo file: decoding, the model, the .ply, the rasteriser.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _quality_rows import scene_of
from _quality_views import Array, own_view, shrunk
from PIL import Image, ImageDraw

from export_consumer import raster
from export_consumer.gaussians import Scene
from inference_consumer.models import Photo
from photo import reader

ASIDE_M = 0.15
CELL = 400
"""Pixels of a picture's long side on the sheet."""
CAPTION = 16
ACROSS = 2
"""Photos in a row of the sheet."""
DEBIAN = Path("/usr/share/backgrounds")
OPENCV = Path("/usr/share/doc/opencv-doc/examples")
PALETTE = np.array(
    [[0, 0, 4], [51, 10, 95], [120, 28, 109], [188, 55, 84], [237, 105, 37], [252, 180, 25], [252, 255, 164]]
)
"""From far to near: as bright as near."""


class Source(NamedTuple):
    """A photo in a package: the folder's name, the file in it, what it shows, its licence."""

    package: str
    file: str
    shows: str
    licence: str


PHOTOS = (
    Source("lomiri-wallpapers-16.04", "Wine_by_Jakkub_Mede.jpg", "indoor", "CC-BY-4.0, Jakub Mede"),
    Source("scikit-image", "motorcycle_left.png", "indoor", "Middlebury stereo data 2014"),
    Source("opencv-doc", "data/leuvenA.jpg", "street", "Apache-2.0, OpenCV's samples"),
    Source("opencv-doc", "text/scenetext05.jpg", "street", "Apache-2.0, OpenCV's samples"),
    Source("opencv-doc", "text/scenetext04.jpg", "street", "Apache-2.0, OpenCV's samples"),
    Source("scikit-image", "astronaut.png", "portrait", "public domain, NASA"),
    Source("scikit-image", "chelsea.png", "portrait of a cat", "CC0, Stefan van der Walt"),
    Source(
        "lomiri-wallpapers-16.04", "friends_by_Aitzol_Berasategi.jpg", "dogs", "CC-BY-4.0, Aitzol Berasategi"
    ),
    Source("scikit-image", "coffee.png", "table", "CC0, Rachel Michetti"),
    Source("lomiri-wallpapers-16.04", "Picture_1A_by_freespace.jpg", "table", "CC-BY-4.0, Trevor Freespace"),
    Source("opencv-doc", "alphamat/input_images/plant.jpg", "table", "Apache-2.0, OpenCV's samples"),
    Source(
        "lomiri-wallpapers-16.04",
        "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "landscape",
        "CC-BY-4.0, Aitzol Berasategi",
    ),
    Source(
        "lomiri-wallpapers-16.04",
        "life_by_Aitzol_Berasategi.jpg",
        "landscape",
        "CC-BY-4.0, Aitzol Berasategi",
    ),
    Source("opencv-doc", "text/scenetext02.jpg", "night", "Apache-2.0, OpenCV's samples"),
    Source("scikit-image", "rocket.jpg", "night", "public domain, SpaceX"),
    Source(
        "lomiri-wallpapers-16.04",
        "sunset_by_Aitzol_Berasategi.jpg",
        "evening",
        "CC-BY-4.0, Aitzol Berasategi",
    ),
)
"""Scikit-image's astronaut, cat, coffee and rocket are also textures of the training's worlds."""


def folder_of(package: str) -> Path:
    """Return the folder of a package's photos."""
    if package == "scikit-image":
        import skimage.data  # noqa: PLC0415  (a development tool)

        return Path(skimage.data.__file__).parent
    return OPENCV if package == "opencv-doc" else DEBIAN


def write(model: Any, folder: Path, further: Sequence[Path]) -> Iterator[str]:
    """Write ``sheet.png`` and yield a line for each photo that is on it or missing."""
    folder.mkdir(parents=True, exist_ok=True)
    reader.prepare()
    sources = [(folder_of(source.package) / source.file, source) for source in PHOTOS]
    sources += [(path, Source("given", path.name, "", "")) for path in further]
    strips = []
    for path, source in sources:
        if not path.exists():
            yield f"{source.file} is left out: install the package {source.package} for it."
            continue
        read = reader.read(path.read_bytes())
        taken = Photo(pixels=read.pixels, focal_px=read.focal_px, focal_source=read.focal_source)
        scene = scene_of(model, taken)
        quality, holes = own_view(scene, taken.pixels)
        strip, near, far = _strip(scene, taken.pixels)
        text = (
            f"{source.shows}: {source.file} ({source.package}, {source.licence}); {near:.1f} to {far:.1f} m,"
        )
        text += f" own view {quality:.1f} dB, {100 * holes:.2f} % holes"
        strips.append(_captioned(strip, text))
        yield text
    if strips:
        Image.fromarray(_table(strips)).save(folder / "sheet.png")
        yield f"{folder / 'sheet.png'}: photo, depth (bright is near), 15 cm left, 15 cm right"


def _table(strips: Sequence[Array]) -> Array:
    """Return the strips in rows of `ACROSS`, padded with black."""
    width = max(strip.shape[1] for strip in strips) + 8
    rows = []
    for start in range(0, len(strips), ACROSS):
        row = strips[start : start + ACROSS]
        height = max(strip.shape[0] for strip in row) + 4
        blank = [np.zeros((1, 1, 3), np.uint8)] * (ACROSS - len(row))
        padded = [
            np.pad(strip, ((0, height - strip.shape[0]), (0, width - strip.shape[1]), (0, 0)))
            for strip in [*row, *blank]
        ]
        rows.append(np.concatenate(padded, 1))
    return np.concatenate(rows)


def _strip(scene: Scene, pixels: Array) -> tuple[Array, float, float]:
    """Return photo, depth, left and right side by side, and the depth's 2nd and 98th percentile in metres."""
    camera = shrunk(scene.camera, min(1.0, CELL / max(pixels.shape)))
    size = camera.width, camera.height
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    depth = raster.render(scene.gaussians, camera).depth
    shown = depth[depth > 0]
    near, far = (float(value) for value in np.quantile(shown, (0.02, 0.98)))
    closeness = 1 - np.log(np.where(depth > 0, depth, far) / near) / max(math.log(far / near), 1e-3)
    at = np.clip(closeness, 0, 1) * (len(PALETTE) - 1)
    colors = np.stack([np.interp(at, np.arange(len(PALETTE)), PALETTE[:, k]) for k in range(3)], -1)
    pictures = [small, colors.astype(np.uint8)]
    for aside in (-ASIDE_M, ASIDE_M):
        view = np.eye(3, 4, dtype=np.float32)
        view[0, 3] = -aside
        pictures.append(raster.render(scene.gaussians, camera, view).pixels())
    return np.concatenate(pictures, 1), near, far


def _captioned(strip: Array, text: str) -> Array:
    bar = Image.new("RGB", (strip.shape[1], CAPTION))
    ImageDraw.Draw(bar).text((2, 2), text, fill="white")
    return np.concatenate([np.asarray(bar), strip])
