"""The depth map as a 16-bit picture: whole steps of a millimetre, as depth cameras write them."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from msgspec.structs import replace
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bus.contract.format_catalogue import Option
from export_consumer import depth
from export_consumer.common_options import FEWER, SIZE
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene

FARTHEST: Final = 65_535
"""Steps; what is farther has this number too. 0 is where nothing is hit."""
_STEP: Final = Option(
    name="step",
    about="Millimetres a step of the numbers; 65,535 steps is the farthest, so 1 ends at 65 m.",
    default=1.0,
    least=0.1,
    most=100,
)


def _write(scene: Scene, options: Chosen) -> bytes:
    found = depth.of(scene, options)
    step = options["step"]
    # A surface is at least one step away, since 0 is none.
    steps = np.clip(np.round(found.metres * (1000 / step)), 1, FARTHEST)
    pixels = np.where(found.hit, steps, 0).astype(np.uint16)
    text = PngInfo()
    text.add_text("Title", "Depth along the camera's axis")
    text.add_text("Description", f"1 step is {step:g} mm; 0: nothing; {FARTHEST}: that far or farther")
    text.add_text("depth_metres_per_step", f"{step / 1000:.9g}")
    text.add_text("camera", found.words)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=6, pnginfo=text)
    return out.getvalue()


FORMAT: Final = Format(
    rank=170,
    kind=Kind.PICTURE,
    title="Depth map, PNG",
    description="Millimetres in 16 bits from where the photo was taken, 0 where nothing is; for OpenCV and"
    " Open3D.",
    media_type="image/png",
    suffix=".png",
    options=(*FEWER, replace(SIZE, default=1024), _STEP),
    docs=DocsRow(
        file="16-bit grey, 1024 pixels (`size`); `step`, 0: nothing is hit",
        axes="along the camera's axis",
        unit="mm, stated",
    ),
    write=_write,
)
