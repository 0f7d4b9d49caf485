"""Draw docs/images/result.jpg: a photo, and its splat seen from the left, the front and the right.

    python docs/images/make_result.py photo.jpg splat.ply docs/images/result.jpg

Painter's algorithm in NumPy, far to near, each Gaussian a square of its own size: enough for a picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gsply
import numpy as np
from PIL import Image, ImageOps

HEIGHT = 300  # pixels of each panel
TURN_DEGREES = (-24.0, 0.0, 24.0)
SH_C0 = 0.28209479177387814
BACKGROUND = (24, 26, 30)


def view(path: Path, width: int, height: int, yaw: float) -> np.ndarray:
    """Return the splat as (height, width, 3) uint8, turned by ``yaw`` degrees about its middle."""
    data = gsply.plyread(path)
    points = np.asarray(data.means, np.float64)
    colours = np.clip(0.5 + SH_C0 * np.asarray(data.sh0, np.float64), 0, 1)
    sizes = np.exp(np.asarray(data.scales, np.float64)).max(axis=1)
    pivot = np.array([0.0, 0.0, np.median(points[:, 2])])
    angle = np.deg2rad(yaw)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    focal = 0.8 * height / np.ptp(points[:, 1] / points[:, 2])
    points = (points - pivot) @ turn.T + pivot
    order = np.argsort(-points[:, 2])
    points, colours, sizes = points[order], colours[order], sizes[order]
    u = points[:, 0] / points[:, 2] * focal + width / 2
    v = points[:, 1] / points[:, 2] * focal + height / 2
    reach = int(np.clip(np.ceil(np.percentile(sizes / points[:, 2] * focal, 95)), 1, 4))
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    rgb = (colours * 255 + 0.5).astype(np.uint8)
    for dy in range(-reach + 1, reach + 1):
        for dx in range(-reach + 1, reach + 1):
            x, y = np.floor(u).astype(int) + dx, np.floor(v).astype(int) + dy
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            image[y[inside], x[inside]] = rgb[inside]
    return image


def main() -> None:
    """Put the photo and the views side by side."""
    photo, splat, out = (Path(argument) for argument in sys.argv[1:4])
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    width = round(picture.width * HEIGHT / picture.height)
    panels = [np.asarray(picture.resize((width, HEIGHT), Image.Resampling.LANCZOS))]
    panels += [view(splat, width, HEIGHT, yaw) for yaw in TURN_DEGREES]
    gap = np.full((HEIGHT, 6, 3), 255, np.uint8)
    row = [part for panel in panels for part in (panel, gap)][:-1]
    Image.fromarray(np.concatenate(row, axis=1)).save(out, quality=88)


if __name__ == "__main__":
    main()
