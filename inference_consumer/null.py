"""``null``: one grey Gaussian, whatever the photo. For benchmarks of everything around a model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from inference_consumer import ply
from inference_consumer.models import ModelInfo, Photo, Splat, YieldPoint, no_preemption
from inference_consumer.settings import Settings

INFO: Final = ModelInfo(
    name="null",
    version="1",
    licence="no weights",
    weights_sha256=None,
    dtype="float32",
    device="cpu",
    max_batch=32,
)

STEPS: Final = 24
"""The number of blocks of a ViT-L."""


class NullSplat(Splat):
    """A splat whose file is always the same."""

    count = 1
    _file = bytes(
        ply.encode(
            means=np.array([[0, 0, 1]], np.float32),
            colors=np.full((1, 3), 0.5, np.float32),
            opacity=0.5,
            scales=np.full(3, 0.01, np.float32),
        )
    )

    def ply(self) -> bytes:
        """Return the file."""
        return self._file


class Null:
    """A model without a network; a batch takes ``seconds``, as one on an accelerator would."""

    info = INFO

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def prepare(self, _photo: Photo) -> None:
        """Return None: the photo is not used."""

    def item_bytes(self, _item: None) -> int:
        """Return 0."""
        return 0

    def run(self, items: Sequence[None], pause: YieldPoint = no_preemption) -> Sequence[NullSplat]:
        """Return one Gaussian for each item."""
        for _ in range(STEPS):
            pause()
            time.sleep(self._seconds / STEPS)
        return [NullSplat() for _ in items]


def make(settings: Settings) -> Null:
    """Return the model."""
    return Null(settings.inference.null_seconds)
