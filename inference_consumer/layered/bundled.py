"""``bundled``: the small network that `training` makes; its weights are part of this package.

It gives the logarithm of the disparity up to a number, the sky, and a camera: the metric scale with its
spread and the focal length. `training/network.py` describes it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from inference_consumer.layered import runtime
from inference_consumer.layered.geometry import Geometry, NetworkInfo, Picture

WEIGHTS: Final = Path(__file__).with_name("bundled.onnx")
LICENCE: Final = "Apache-2.0, part of Sharpstream"
LONG_SIDE: Final = 320
"""Pixels of the longer side. Training saw 256 to 288; more show finer edges and a poorer whole."""
STRIDE: Final = 32
"""Sides are multiples of it."""
FOCAL: Final = (0.3, 6.0)
"""Focal lengths in diagonals that are believed: 13 to 260 mm on film."""
OUTPUTS: Final = ("log_disparity", "sky", "camera")


class Bundled:
    """The network as a `geometry.GeometryNetwork`; ``weights`` is an ONNX file of the same interface."""

    def __init__(self, weights: Path = WEIGHTS, *, device: str = "cpu", threads: int | None = None) -> None:
        content = weights.read_bytes()
        self._session = runtime.session(content, device=device, threads=threads)
        self.info = NetworkInfo(
            name="bundled",
            licence=LICENCE,
            weights_sha256=hashlib.sha256(content).hexdigest(),
            device=runtime.device_of(self._session),
        )

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return sides that are multiples of `STRIDE`, the longer one `LONG_SIDE`."""
        factor = LONG_SIDE / max(width, height)
        across, down = (max(STRIDE, round(side * factor / STRIDE) * STRIDE) for side in (width, height))
        return across, down

    def run(self, pictures: Sequence[Picture]) -> list[Geometry | Exception]:
        """See `geometry.GeometryNetwork`; pictures of one size share a run."""
        results: dict[int, Geometry | Exception] = {}
        for group in runtime.of_one_size(pictures):
            images = np.stack([pictures[index].pixels for index in group])
            inputs = {"image": images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)}
            answers = runtime.run(self._session, OUTPUTS, inputs)
            for index, *answer in zip(group, *answers, strict=True):
                results[index] = _geometry(*answer, known_focal=pictures[index].focal)
        return [results[index] for index in range(len(pictures))]


def _geometry(log_disparity: Any, sky_logit: Any, camera: Any, *, known_focal: float | None) -> Geometry:
    sky = sky_logit > 0
    ground = log_disparity[~sky] if not sky.all() else log_disparity
    focal = math.exp(float(camera[2])) if known_focal is None else known_focal
    focal = min(max(focal, FOCAL[0]), FOCAL[1]) if known_focal is None else focal
    median_m = math.exp(float(camera[0])) * focal
    depth = np.exp(np.median(ground) - log_disparity, dtype=np.float32) * np.float32(median_m)
    return Geometry(
        depth=depth,
        known=~sky,
        sky=sky,
        focal=focal,
        scale_spread=math.sqrt(2) * math.exp(float(np.clip(camera[1], -3, 2))),  # of a Laplace distribution
    )
