"""Make what the first page shows: photos to try, and one of them as a splat by the default model.

    .venv/bin/python web/welcome.py

The photos are scikit-image's. The splat goes the way of every photo, through the model ``layered`` with the
network that comes with it and through the export consumer's SPZ, but has fewer cells, so that it is small.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Final

import skimage.data
from PIL import Image

from export_consumer import splat, worker
from inference_consumer.layered import scene
from inference_consumer.layered.bundled import Bundled
from inference_consumer.layered.model import Layered
from inference_consumer.models import Photo
from photo import reader

FOLDER: Final = Path(__file__).parent / "src" / "welcome"
PHOTOS: Final = ("cat", "coffee", "rocket", "astronaut")
"""Their names here; in scikit-image the cat is called Chelsea."""
SHOWN: Final = "cat"
"""The one that is shown as a splat: little of it is hidden, so that its sides are true."""
QUALITY: Final = 82
CELLS: Final = 85_000
"""Of the front layer, 3.3 times fewer than usual: 1.4 MB instead of 4.5."""


def main() -> None:
    """Write them."""
    for name in PHOTOS:
        pixels = getattr(skimage.data, "chelsea" if name == "cat" else name)()
        Image.fromarray(pixels).save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
    read = reader.read((FOLDER / f"{SHOWN}.webp").read_bytes())
    photo = Photo(pixels=read.pixels, focal_px=read.focal_px, focal_source=read.focal_source)
    model = Layered(Bundled(threads=1))
    item = dataclasses.replace(model.prepare(photo), cells=scene.grid(photo.pixels, CELLS))
    (made,) = model.run([item])
    if isinstance(made, Exception):
        raise made
    file = bytes(made.ply())
    camera = splat.read(file).camera
    (FOLDER / f"{SHOWN}.spz").write_bytes(worker.convert("spz", {}, file).data)
    frame = {"width": camera.width, "height": camera.height, "focal": round(camera.focal_px, 2)}
    (FOLDER / f"{SHOWN}.json").write_text(f"{{ {json.dumps(frame)[1:-1]} }}\n")  # as Prettier has it


if __name__ == "__main__":
    main()
