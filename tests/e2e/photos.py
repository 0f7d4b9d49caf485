"""Real photographs (from scikit-image's wheel) in common file formats and orientations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data


def landscape(folder: Path) -> Path:
    """A 600 x 400 colour JPEG."""
    path = folder / "coffee.jpg"
    Image.fromarray(data.coffee()).save(path, quality=92)
    return path


def portrait_orientation_6(folder: Path) -> Path:
    """A phone's portrait: stored as 600 x 400 with EXIF orientation 6, so 400 x 600 when upright."""
    upright = Image.fromarray(data.coffee()).crop((100, 0, 400, 400)).resize((400, 600))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder / "portrait.jpg"
    upright.transpose(Image.Transpose.ROTATE_90).save(path, quality=92, exif=exif)
    return path


def png_with_alpha(folder: Path) -> Path:
    """A 512 x 512 PNG with a ramp as alpha, which is to be ignored."""
    rgb = data.astronaut()
    alpha = np.tile(np.linspace(40, 255, rgb.shape[1]).astype(np.uint8), (rgb.shape[0], 1))
    path = folder / "astronaut.png"
    Image.fromarray(np.dstack([rgb, alpha])).save(path)
    return path


def grey(folder: Path) -> Path:
    """A 512 x 512 single-channel PNG."""
    path = folder / "camera.png"
    Image.fromarray(data.camera()).save(path)
    return path


def twelve_megapixels(folder: Path, name: str = "big.jpg") -> Path:
    """A 4000 x 3000 JPEG, a usual size of phones."""
    path = folder / name
    Image.fromarray(data.coffee()).resize((4000, 3000), Image.Resampling.BILINEAR).save(path, quality=88)
    return path


def upright_pixels(path: Path) -> np.ndarray:
    """Return the photo upright with three 8-bit channels and alpha ignored. Shape (h, w, 3)."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGBA"))[..., :3]
