"""``moge2-s``, ``-b``, ``-l``: MoGe-2 (arXiv 2507.02546), run from the ONNX files that its authors export.

The network gives a point map up to one shift along z, normals, the probability of a finite distance, and the
metric scale. `affine` finds the shift and the focal length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bus.runtime.errors import ConfigurationError
from inference_consumer.errors import NoGeometryError
from inference_consumer.layered import affine, runtime
from inference_consumer.layered.geometry import Bools, Floats, Geometry, NetworkInfo, Picture

LICENCE: Final = "MIT (MoGe-2, Microsoft) and Apache-2.0 (its DINOv2 part, Meta); commercial use is permitted"
TOKENS: Final = {"cpu": 1800, "cuda": 3600}
"""Patches that the network sees; its authors trained 1,200 to 3,600, and time grows with them."""
PATCH: Final = 14
"""Pixels of a patch's side."""
BATCH: Final = {"cpu": 1, "cuda": 8}
"""Photos a run. On a CPU a run of one keeps all cores busy, and memory grows with each more."""
INPUTS: Final = frozenset({"image", "num_tokens"})
_NAMES: Final = {
    "points": ("points",),
    "normal": ("normal",),
    "mask": ("mask",),
    "scale": ("scale", "metric_scale"),
}
"""Output -> the names that exports give it, in the order of the outputs."""


def outputs_of(names: Sequence[str]) -> dict[str, str] | None:
    """Return output -> its name in the file: by name, the rest by position; None if the file is another's.

    Files without normals have three outputs.
    """
    roles = [role for role in _NAMES if role != "normal" or len(names) > 3]
    if len(names) != len(roles):
        return None
    found = {role: name for role in roles for name in names if name in _NAMES[role]}
    rest = [role for role in roles if role not in found]
    by_position = {role: names[roles.index(role)] for role in rest}
    return None if set(by_position.values()) & set(found.values()) else found | by_position


class Moge:
    """The network as a `geometry.GeometryNetwork`."""

    def __init__(self, session: Any, *, name: str, sha256: str, licence: str = LICENCE) -> None:
        outputs = outputs_of(runtime.outputs_of(session))
        if outputs is None or set(runtime.inputs_of(session)) != INPUTS:
            raise ConfigurationError(
                f"The network has not the inputs and outputs of MoGe-2: {', '.join(sorted(INPUTS))};"
                f" {', '.join(_NAMES)}."
            )
        self._session, self._outputs = session, outputs
        runs_on = runtime.device_of(session)
        self._tokens = TOKENS[runs_on]
        self.info = NetworkInfo(
            name=name,
            licence=licence,
            weights_sha256=sha256,
            device=runs_on,
            max_batch=BATCH[runs_on],
            warm_up=runs_on != "cpu",  # a first run there takes what each takes, seconds
        )

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of the network's own grid of patches, so that it scales neither in nor out."""
        across = (self._tokens * width / height) ** 0.5
        down = (self._tokens * height / width) ** 0.5
        return PATCH * max(1, round(across)), PATCH * max(1, round(down))

    def run(self, pictures: Sequence[Picture]) -> list[Geometry | Exception]:
        """See `geometry.GeometryNetwork`; pictures of one size share a run."""
        results: dict[int, Geometry | Exception] = {}
        for group in runtime.of_one_size(pictures):
            images = np.stack([pictures[index].pixels for index in group])
            inputs = {
                "image": images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255),
                "num_tokens": np.array(self._tokens, np.int64),
            }
            answers = runtime.run(self._session, list(self._outputs.values()), inputs)
            made = dict(zip(self._outputs, answers, strict=True))
            for row, index in enumerate(group):
                normal = made["normal"][row] if "normal" in made else None
                results[index] = _geometry(
                    made["points"][row],
                    normal,
                    made["mask"][row].reshape(images.shape[1:3]) > 0.5,
                    float(np.ravel(made["scale"])[row]),
                    pictures[index].focal,
                )
        return [results[index] for index in range(len(pictures))]


def _geometry(
    points: Floats, normal: Floats | None, valid: Bools, scale: float, known_focal: float | None
) -> Geometry | Exception:
    camera = affine.camera_of(points, valid, known_focal)
    if camera is None:
        return NoGeometryError(
            "The network sees nothing at a finite distance in this photo; try another one."
        )
    depth = (points[..., 2] + np.float32(camera.shift)) * np.float32(scale)
    return Geometry(
        depth=depth,
        known=valid & np.isfinite(depth) & (depth > 0),
        sky=~valid,
        focal=camera.focal,
        scale_spread=None,
        normals=None if normal is None else _towards_camera(normal, points, camera.shift),
    )


def _towards_camera(normal: Floats, points: Floats, shift: float) -> Floats:
    """Return unit normals that face the camera, whichever way the network's do."""
    sight: Any = points + np.array([0, 0, shift], np.float32)
    away = (normal * sight).sum(-1, keepdims=True) > 0
    length = np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), np.float32(1e-6))
    return np.asarray(np.where(away, -normal, normal) / length, np.float32)
