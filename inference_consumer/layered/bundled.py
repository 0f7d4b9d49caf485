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
from PIL import Image

from inference_consumer.layered import runtime
from inference_consumer.layered.geometry import Floats, Geometry, NetworkInfo, Picture, resized
from inference_consumer.models import Pixels

WEIGHTS: Final = Path(__file__).with_name("bundled.onnx")
LICENCE: Final = "Apache-2.0, part of Sharpstream"
LONG_SIDE: Final = 320
"""Pixels of the longer side. Training saw 256 to 288; more show finer edges and a poorer whole."""
COARSE: Final = 0.6
"""The picture is also seen in this part of its size, and mirrored in both: the mean of the four errs by
5 % less of the depth than one pass at 320 pixels (33 rendered pictures: 0.249 against 0.265)."""
STRIDE: Final = 32
"""Sides are multiples of it."""
FOCAL: Final = (0.3, 6.0)
"""Focal lengths in diagonals that are believed: 13 to 260 mm on film."""
RELIEF: Final = 0.5
"""A network that is not given the lens judges relief as if its own guess of the focal length were right.
Where the known one is k times as long, the relief (deviations of the logarithm of the depth) is divided
by k to this power. Of 0.25 to 0.65 the best on 150 rendered pictures, whose depth errs by 5 % less
then; on 45 of kinds that training never saw by 4 % (0.263 against 0.275). A shorter lens than guessed
says nothing so clear: it is left."""
TOO_SURE: Final = 1.25
"""A network knows its own errors on worlds like those that it has seen: there 78 % of them are within the
spread that it states (96 rendered pictures). On other ones it errs more, and does not know..."""
UNSEEN: Final = 0.2
"""...so its spread is widened by a factor and, in quadrature, by this much of the logarithm. Of the errors
on 117 pictures of kinds that training never saw, 72 % lie within the result and 94 % within its double,
where the network's own held 59 % and 91 %."""
OUTPUTS: Final = ("log_disparity", "sky", "camera")


class Bundled:
    """The network as a `geometry.GeometryNetwork`; ``weights`` is an ONNX file of the same interface."""

    def __init__(self, weights: Path = WEIGHTS, *, device: str = "cpu", threads: int | None = None) -> None:
        content = weights.read_bytes()
        self._session = runtime.session(content, device=device, threads=threads)
        self._sees_lens = "focal" in runtime.inputs_of(self._session)
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
            answers = self._passed([pictures[index] for index in group])
            for index, *answer in zip(group, *answers, strict=True):
                results[index] = self._geometry(*answer, known_focal=pictures[index].focal)
        return [results[index] for index in range(len(pictures))]

    def _passed(self, pictures: Sequence[Picture]) -> tuple[Floats, Floats, Floats]:
        """Return the mean log disparity, sky logit (N, h, w) and camera (N, 3) of the four passes."""
        images = [picture.pixels for picture in pictures]
        lens = np.array([_lens(picture.focal) for picture in pictures], np.float32)
        height, width = images[0].shape[:2]
        small = [max(STRIDE, round(side * COARSE / STRIDE) * STRIDE) for side in (width, height)]
        passes = [
            self._mirrored_mean(np.stack(images), lens),
            self._mirrored_mean(np.stack([_scaled(image, *small) for image in images]), lens),
        ]
        rows, columns = passes[0][0].shape[1:]
        disparity, sky = (
            np.mean([[resized(one, rows, columns) for one in one_pass[k]] for one_pass in passes], axis=0)
            for k in (0, 1)
        )
        return disparity, sky, np.mean([one_pass[2] for one_pass in passes], axis=0)

    def _mirrored_mean(self, images: Pixels, lens: Floats) -> list[Floats]:
        """Return the network's outputs for images (N, H, W, 3), each the mean with the mirrored image's."""
        both = np.concatenate([images, images[:, :, ::-1]]).transpose(0, 3, 1, 2)
        inputs = {"image": both.astype(np.float32) / np.float32(255)}
        if self._sees_lens:
            inputs["focal"] = np.concatenate([lens, lens])
        outputs = runtime.run(self._session, OUTPUTS, inputs)
        count = len(images)
        disparity, sky, camera = outputs
        # Up to a number each: without it before the mean.
        disparity = disparity - np.median(disparity, axis=(1, 2), keepdims=True)
        maps = [(values[:count] + values[count:, :, ::-1]) / 2 for values in (disparity, sky)]
        return [*maps, (camera[:count] + camera[count:]) / 2]

    def _geometry(
        self, log_disparity: Any, sky_logit: Any, camera: Any, *, known_focal: float | None
    ) -> Geometry:
        sky = sky_logit > 0
        ground = log_disparity[~sky] if not sky.all() else log_disparity
        guessed = min(max(math.exp(float(camera[2])), FOCAL[0]), FOCAL[1])
        focal, relief = guessed, 1.0
        if known_focal is not None:
            focal = known_focal
            if not self._sees_lens:
                relief = min(1.0, guessed / min(known_focal, FOCAL[1])) ** RELIEF
        median_m = math.exp(float(camera[0])) * focal
        closeness = (log_disparity - np.median(ground)) * np.float32(relief)
        return Geometry(
            depth=np.exp(-closeness, dtype=np.float32) * np.float32(median_m),
            known=~sky,
            sky=sky,
            focal=focal,
            scale_spread=_spread(float(camera[1])),
        )


def _scaled(image: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _spread(log_spread: float) -> float:
    """Return the standard deviation of the logarithm of the scale, from that of a Laplace distribution."""
    stated = math.sqrt(2) * math.exp(min(max(log_spread, -3.0), 2.0))
    return math.hypot(TOO_SURE * stated, UNSEEN)


def _lens(focal: float | None) -> tuple[float, float]:
    """Return what the network is given of a focal length in diagonals: whether it is known, its logarithm."""
    return (0.0, 0.0) if focal is None else (1.0, math.log(min(max(focal, FOCAL[0]), FOCAL[1])))
