"""What both eyes see, side by side in one JPEG: for headsets, phones in a holder, or eyes that can."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace
from PIL import Image

from bus.contract.format_catalogue import Option
from export_consumer import stereo
from export_consumer.common_options import CONVERGENCE, EYE_DISTANCE, FEWER, SIZE
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene

_ORDER: Final = Option(
    name="order",
    about="parallel: the left eye's picture on the left, for headsets; crossed: on the right, for crossed"
    " eyes.",
    default="parallel",
    words=("parallel", "crossed"),
)


def _write(scene: Scene, options: Chosen) -> bytes:
    pair = stereo.pair(scene, options)
    crossed = options["order"] == "crossed"
    first, second = (pair.right, pair.left) if crossed else (pair.left, pair.right)
    both = Image.new("RGB", (first.width * 2, first.height))
    both.paste(first, (0, 0))
    both.paste(second, (first.width, 0))
    side = "right" if crossed else "left"
    return stereo.jpeg(
        both, f"Stereo pair: the left eye's picture is on the {side}; {stereo.words(options, pair.camera)}"
    )


FORMAT: Final = Format(
    rank=190,
    kind=Kind.PICTURE,
    title="Stereo pair, side by side",
    description="Both eyes' pictures in one JPEG, for headsets and 3D screens, or (order) for crossed eyes.",
    media_type="image/jpeg",
    suffix=".jpg",
    options=(*FEWER, replace(SIZE, default=1024), EYE_DISTANCE, CONVERGENCE, _ORDER),
    docs=DocsRow(
        file="JPEG, left and right beside each other; each 1024 pixels (`size`); `eye_distance` 63 mm,"
        " `convergence`, `order`",
        colour="sRGB",
    ),
    write=_write,
)
