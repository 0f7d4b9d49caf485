"""The interface of a model to this role, and the registry of models by the name that settings choose.

A model turns prepared photos into splats and knows nothing of Kafka, S3 or batching. Another image-to-splat
network is one more module with a ``make``, and one more entry in `bus.contract.models`. Weights, extra
packages and settings of its own are further files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np

from bus.contract.models import MODELS
from bus.contract.splat import Camera
from bus.runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from inference_consumer.settings import Settings

Pixels: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
YieldPoint: TypeAlias = Callable[[], None]
"""Called by a model between the steps of a batch: another batch may run inside, on the same thread."""


def no_preemption() -> None:
    """Let nobody overtake."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """An upright photo: ``pixels`` is uint8 sRGB, (height, width, 3), perhaps read-only."""

    pixels: Pixels
    focal_px: float

    @property
    def camera(self) -> Camera:
        """What took it."""
        height, width = self.pixels.shape[:2]
        return Camera(focal_px=self.focal_px, width=width, height=height)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """What explains a result.

    ``max_batch`` is how many photos at once pay off on this device. ``warm_up`` says whether a first run is
    slower than the later ones, or may not fit; where it takes minutes and teaches nothing, it is left out.
    """

    name: str
    version: str
    licence: str
    weights_sha256: str | None
    dtype: str
    device: str
    max_batch: int
    warm_up: bool = True


class Splat(Protocol):
    """One photo's Gaussians, wherever they lie."""

    @property
    def count(self) -> int:
        """How many Gaussians."""
        ...

    def ply(self) -> bytes | bytearray | memoryview:
        """Return the whole file; called on an encoding thread, once."""
        ...


class Model(Protocol):
    """An image-to-splat network, loaded.

    It is made, and `run` is called, on the engine's one thread; `prepare` on several decoding threads.
    """

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        ...

    def prepare(self, photo: Photo) -> Any:
        """Return the item that `run` takes; whatever can be done for one photo alone is done here."""
        ...

    def item_bytes(self, item: Any) -> int:
        """Return what an item weighs against the limit of bytes in a batch."""
        ...

    def run(self, items: Sequence[Any], pause: YieldPoint = no_preemption) -> Sequence[Splat | Exception]:
        """Return a splat or that item's own error for each item, same length, same order.

        A batch that takes long calls ``pause`` between its steps, the more often the sooner a person's photo
        gets its turn; inside, `run` may be called for another batch, whose memory comes on top.

        Raises `MemoryError` where the batch does not fit (its memory is free again by then) and
        `DeviceLostError` where nothing will work any more.
        """
        ...


MakeModel: TypeAlias = "Callable[[Settings], Model]"

REGISTRY: Final[Mapping[str, str]] = {name: facts.module for name, facts in MODELS.items()}
"""Name -> the module whose ``make(settings)`` returns the model. Imported when chosen: one needs torch."""


def maker(name: str) -> MakeModel:
    """Return what makes the model of that name. Raises `ConfigurationError` that lists the names."""
    if name not in REGISTRY:
        raise ConfigurationError(
            f"INFERENCE_MODEL: there is no {name!r}; the models are {', '.join(REGISTRY)}."
        )
    try:
        make: MakeModel = import_module(REGISTRY[name]).make
    except ImportError as error:
        raise ConfigurationError(
            f"INFERENCE_MODEL: {name!r} needs a package that is missing ({error}); install its extra."
        ) from error
    return make
