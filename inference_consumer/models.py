"""The interface between a model and this role, and the registry of models by name.

A model turns prepared photos into splats and must not know Kafka, S3 or batching. To add an image-to-splat
network, add a module with a ``make`` and an entry in `bus.contract.models`. Weights, extra packages and its
own settings are further files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from bus.contract.messages import FocalSource
from bus.contract.models import MODELS, model_of
from bus.contract.splat import Camera
from bus.runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from inference_consumer.settings import Settings

Pixels: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
YieldPoint: TypeAlias = Callable[[], None]
"""Called by a model between the steps of a batch; another batch may run inside, on the same thread."""


def no_preemption() -> None:
    """Return at once: no batch preempts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """An upright photo: ``pixels`` is uint8 sRGB, (height, width, 3), perhaps read-only.

    ``focal_px`` with the source `FocalSource.DEFAULT` is a guess; a model that sees better may replace it.
    """

    pixels: Pixels
    focal_px: float
    focal_source: FocalSource = FocalSource.DEFAULT

    @property
    def camera(self) -> Camera:
        """The camera of the photo."""
        height, width = self.pixels.shape[:2]
        return Camera(focal_px=self.focal_px, width=width, height=height)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """The model's identity and batching hints.

    ``max_batch`` is the largest batch that is worthwhile on this device. ``warm_up`` says whether a first run
    is slower than later ones, or may not fit; it is False where a run takes minutes without such a benefit.
    """

    name: str
    version: str
    licence: str
    weights_sha256: str | None
    dtype: str
    device: str
    max_batch: int
    warm_up: bool = True


class Estimates(NamedTuple):
    """What a model found out about the photo beside its Gaussians.

    ``focal_px``: the focal length that replaces a guessed one. ``scale_spread``: the standard deviation of
    the natural logarithm of the metric scale.
    """

    focal_px: float | None = None
    scale_spread: float | None = None


class Splat(Protocol):
    """One photo's Gaussians, in memory of any device."""

    @property
    def estimates(self) -> Estimates:
        """What the model found out; nothing, unless a model says otherwise."""
        return Estimates()

    @property
    def count(self) -> int:
        """The number of Gaussians."""
        ...

    def ply(self) -> bytes | bytearray | memoryview:
        """Return the whole file; called once, on an encoding thread."""
        ...


class Model(Protocol):
    """An image-to-splat network, loaded.

    It is made and `run` on the engine's one thread; `prepare` is called on several decoding threads.
    """

    @property
    def info(self) -> ModelInfo:
        """A description of the loaded model."""
        ...

    def prepare(self, photo: Photo) -> Any:
        """Return the item for `run`; all work that concerns one photo alone is done here."""
        ...

    def item_bytes(self, item: Any) -> int:
        """Return an item's bytes, which count towards a batch's byte limit."""
        ...

    def run(self, items: Sequence[Any], pause: YieldPoint = no_preemption) -> Sequence[Splat | Exception]:
        """Return a splat or that item's own error for each item, same length, same order.

        A long batch calls ``pause`` between its steps; more calls let an interactive photo start sooner.
        Inside, `run` may be called for another batch, whose memory is additional.

        Raises `MemoryError` if the batch does not fit, after freeing its memory, and `DeviceLostError` if the
        device is unusable.
        """
        ...


@runtime_checkable
class Renewable(Protocol):
    """A model that a fresh process may run better, because new weights arrive while this one works."""

    @property
    def note(self) -> str | None:
        """How far that is, for people; None if nothing is on its way."""
        ...

    async def outdated(self) -> None:
        """Bring the weights; return once a fresh process would use them, and never if there are none."""
        ...


def renewable(model: object) -> Renewable | None:
    """Return the model if it is one of those."""
    return model if isinstance(model, Renewable) else None


MakeModel: TypeAlias = "Callable[[Settings], Model]"

REGISTRY: Final[Mapping[str, str]] = {model_of(name): facts.module for name, facts in MODELS.items()}
"""Name -> the module whose ``make(settings)`` returns the model. Imported only if chosen: one needs torch."""


def maker(name: str) -> MakeModel:
    """Return the factory of the model with that name. Raises `ConfigurationError` listing the names."""
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
