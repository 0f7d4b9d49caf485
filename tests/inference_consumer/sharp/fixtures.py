"""A parity fixture as an object, and a comparison of the stages one by one."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from inference_consumer.sharp import Camera, SharpConfig, state_layout
from tests.fixtures.sharp.check_fixture import compare, tolerance
from tests.fixtures.sharp.deterministic_weights import make_image, make_tensor

FOLDER = Path(__file__).parents[2] / "fixtures" / "sharp"
# Axis order and signs are not determined: the covariance in metric.rows is compared instead.
NOT_UNIQUE = {"metric.quaternions"}


def weights(config: SharpConfig) -> dict[str, torch.Tensor]:
    """Return a complete checkpoint, the same on every machine."""
    return {key: torch.from_numpy(make_tensor(key, shape)) for key, shape in state_layout(config).items()}


class Fixture:
    """One photo of one preset, with the expected value of every stage."""

    def __init__(self, preset: str, image: str) -> None:
        folder = FOLDER / ("full" if preset == "default" else preset)
        self.path = folder / f"{image}.npz"
        self.meta = json.loads((folder / f"{image}.json").read_text())

    @cached_property
    def photo(self) -> np.ndarray:
        image = self.meta["image"]
        return make_image(
            image["name"],
            image["width"],
            image["height"],
            image["checker"],
            [tuple(d) for d in image["discs"]],
        )

    @property
    def camera(self) -> Camera:
        return Camera(self.meta["f_px"], self.meta["image"]["width"], self.meta["image"]["height"])

    @cached_property
    def data(self) -> dict[str, np.ndarray]:
        with np.load(self.path) as data:
            return dict(data)

    @property
    def stages(self) -> set[str]:
        return {
            name.removesuffix(".shape").removesuffix(".stats").removesuffix(".values") for name in self.data
        }


class Comparison:
    """Compares each stage as it is visited, so that a full-size run does not keep them all."""

    def __init__(self, fixture: Fixture) -> None:
        self.fixture = fixture
        self.seen: set[str] = set()
        self.failures: list[str] = []
        self.worst = (0.0, "")

    def __call__(self, name: str, value: np.ndarray) -> None:
        self.seen.add(name)
        expected = self.fixture.data.get(name)
        if name.startswith("ply.") and name != "ply.rows":
            if (
                expected is None
                or value.dtype != expected.dtype
                or not np.allclose(value, expected, rtol=1e-5)
            ):
                self.failures.append(f"{name}: {value} is not {expected}")
        elif name in NOT_UNIQUE:
            if value.shape != tuple(self.fixture.data[f"{name}.shape"]):
                self.failures.append(f"{name}: shape {value.shape}")
        else:
            self._compare(name, value)

    def _compare(self, name: str, value: np.ndarray) -> None:
        for stage, rms, largest, ok in compare(str(self.fixture.path), {name: value}):
            allowed_rms, allowed_largest = tolerance(stage)
            self.worst = max(self.worst, (max(rms / allowed_rms, largest / allowed_largest), stage))
            if not ok:
                self.failures.append(f"{stage}: rms {rms:.2e} of {allowed_rms:.1e}, max {largest:.2e}")

    def check(self) -> None:
        missing = self.fixture.stages - self.seen
        assert not missing, f"stages never visited: {sorted(missing)}"
        assert not self.failures, "\n".join(self.failures)
