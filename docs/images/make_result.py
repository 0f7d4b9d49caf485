"""Draw the README's pictures: a photo beside its splat from three places, and the splat swaying.

    python docs/images/make_result.py photo.jpg splat.ply docs/images/result.jpg docs/images/turn.webp

Both are drawn by the product's own rasteriser, the second on the path of its own turntable videos.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from export_consumer import orbit, raster, splat

HEIGHT = 300
"""Pixels of each panel."""
BESIDE = 0.1
"""To the left and right of the photo's place, of the distance to the scene's middle."""
TURN = {"width": 400, "degrees": 7.0, "frames": 30, "ms": 80}


def main() -> None:
    """Draw both."""
    photo, file, panels, turn = (Path(argument) for argument in sys.argv[1:5])
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    scene = splat.read(file.read_bytes())
    width = round(picture.width * HEIGHT / picture.height)
    camera = scene.camera.fitted(max(width, HEIGHT))
    row = [np.asarray(picture.resize((camera.width, camera.height), Image.Resampling.LANCZOS))]
    distance = orbit.focus(scene.gaussians)
    for right in (-BESIDE * distance, 0.0, BESIDE * distance):
        view = np.eye(3, 4, dtype=np.float32)
        view[0, 3] = -right
        row.append(raster.render(scene.gaussians, camera, view).pixels())
    gap = np.full((camera.height, 6, 3), 255, np.uint8)
    parts = [part for panel in row for part in (panel, gap)][:-1]
    Image.fromarray(np.concatenate(parts, axis=1)).save(panels, quality=88)

    camera = scene.camera.fitted(TURN["width"])
    frames = [
        Image.fromarray(raster.render(scene.gaussians, camera, view).pixels())
        for view in orbit.sway(distance, TURN["degrees"], TURN["frames"])
    ]
    frames[0].save(
        turn, save_all=True, append_images=frames[1:], duration=TURN["ms"], loop=0, quality=55, method=6
    )


if __name__ == "__main__":
    main()
