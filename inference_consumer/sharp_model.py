"""``sharp``: the plug-in around `inference_consumer.sharp`, for devices, types, memory and the licence.

The published weights may be used for research only. They are never shipped: the operator names a file or a
URL, and accepts the licence explicitly.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
import torch

from bus.contract.splat import Camera
from bus.runtime.errors import ConfigurationError
from inference_consumer import metrics
from inference_consumer.checkpoint import Checkpoints
from inference_consumer.errors import DeviceLostError, ResultNotFiniteError
from inference_consumer.models import ModelInfo, Photo, Splat, YieldPoint, no_preemption
from inference_consumer.settings import Settings, SharpSettings
from inference_consumer.sharp import Camera as SharpCamera
from inference_consumer.sharp import CheckpointError, Gaussians, Sharp, SharpConfig, encode_ply, load_sharp
from inference_consumer.sharp.camera import to_metric
from inference_consumer.sharp.vit import Block

log = structlog.stdlib.get_logger(__name__)

VERSION: Final = "1"
LICENCE: Final = "research-only"
BATCH: Final = {"cuda": 2}
"""Photos in a batch; elsewhere 1. A photo already is a batch of 35 windows: more mostly add latency."""
_OUT_OF_MEMORY: Final = ("can't allocate memory", "out of memory")
"""Parts of torch's messages where it has no error class for it: CPU and MPS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A photo at the network's size, (3, R, R) float32 on the device, and the camera that took it."""

    image: torch.Tensor
    camera: Camera


class SharpSplat(Splat):
    """Gaussians on the device until they are encoded; then their memory is freed."""

    def __init__(self, gaussians: Gaussians, camera: SharpCamera, streams: Streams) -> None:
        self._count = len(gaussians.means)
        self._gaussians: Gaussians | None = gaussians
        self._camera, self._streams = camera, streams

    @property
    def count(self) -> int:
        """The number of Gaussians."""
        return self._count

    def ply(self) -> memoryview:
        """Return the file, encoded concurrently with the next batch."""
        gaussians, self._gaussians = self._gaussians, None
        if gaussians is None:
            raise RuntimeError("a splat is written once")
        with torch.inference_mode(), self._streams.own():
            return encode_ply(gaussians, self._camera)


class SharpModel:
    """The network as a `models.Model`."""

    def __init__(self, network: Sharp, weights_sha256: str | None) -> None:
        self._network = network
        self._device = network.device
        self._streams = Streams(network.device)
        self._steps = Steps(network)
        self.info = ModelInfo(
            name="sharp",
            version=VERSION,
            licence=LICENCE,
            weights_sha256=weights_sha256,
            dtype=str(network.dtype).removeprefix("torch."),
            device=_named(network.device),
            max_batch=BATCH.get(network.device.type, 1),
            warm_up=network.device.type != "cpu",  # two cores take minutes, as long as for a photo
        )

    def prepare(self, photo: Photo) -> Item:
        """Copy the photo to the device and resize it to the network's size."""
        with self._streams.own():
            return Item(image=self._network.preprocess(photo.pixels), camera=photo.camera)

    def item_bytes(self, item: Item) -> int:
        """Return the bytes of the resized photo."""
        return item.image.nbytes

    def run(
        self, items: Sequence[Item], pause: YieldPoint = no_preemption
    ) -> Sequence[SharpSplat | Exception]:
        """See `models.Model`. Non-finite numbers fail only their own photo."""
        try:
            with self._steps.pausing(pause):
                results = self._run(items)
        except RuntimeError as error:
            if isinstance(error, torch.AcceleratorError):
                raise DeviceLostError(f"The accelerator failed: {error}") from error
            if not _is_out_of_memory(error):
                raise
        else:
            self._report_memory()
            return results
        # The error is released only here, and with it the tensors that its traceback held.
        self._streams.empty_cache()
        raise MemoryError

    @torch.inference_mode()
    def _run(self, items: Sequence[Item]) -> list[SharpSplat | Exception]:
        cameras = [SharpCamera(i.camera.focal_px, i.camera.width, i.camera.height) for i in items]
        images = torch.stack([item.image for item in items])
        ndc = self._network(images, self._network.disparity_factor(cameras))
        metric = [to_metric(ndc.photo(index), camera) for index, camera in enumerate(cameras)]
        finite = torch.stack([_finite(gaussians) for gaussians in metric]).tolist()  # waits for the device
        return [
            SharpSplat(gaussians, camera, self._streams) if good else _not_finite()
            for gaussians, camera, good in zip(metric, cameras, finite, strict=True)
        ]

    def _report_memory(self) -> None:
        if self._device.type == "cuda":
            metrics.ACCELERATOR_BYTES.labels("peak").set(torch.cuda.max_memory_allocated(self._device))
            metrics.ACCELERATOR_BYTES.labels("held").set(torch.cuda.memory_reserved(self._device))
            torch.cuda.reset_peak_memory_stats(self._device)


class Steps:
    """Yield points before each transformer block and each convolution, about 150 in a run.

    GPU work is enqueued long before it runs, so on a GPU a yield point waits for the step before the last.
    The last step is enqueued by then, so the device never idles.
    """

    def __init__(self, network: Sharp) -> None:
        self._cuda = network.device.type == "cuda"
        self._pause: YieldPoint = no_preemption
        self._enqueued: torch.cuda.Event | None = None
        for module in network.modules():
            if isinstance(module, (Block, torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                module.register_forward_pre_hook(self._before)

    @contextmanager
    def pausing(self, pause: YieldPoint) -> Iterator[None]:
        """Call ``pause`` at the yield points of the body; may be entered again within a pause."""
        outer, self._pause = self._pause, pause
        try:
            yield
        finally:
            self._pause, self._enqueued = outer, None

    def _before(self, _module: torch.nn.Module, _inputs: Any) -> None:
        if self._pause is no_preemption:
            return
        if self._cuda:
            previous, self._enqueued = self._enqueued, torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._enqueued.record()
            if previous is not None:
                previous.synchronize()
        self._pause()


class Streams:
    """A CUDA stream for each decoding and encoding thread, so that their work runs concurrently with batches.

    Leaving `own` waits for the work started in it: results are complete, and their memory may be used by any
    stream. On other devices it does nothing.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._local = threading.local()

    @contextmanager
    def own(self) -> Iterator[None]:
        """Run the body on this thread's own stream."""
        if self._device.type != "cuda":
            yield
            return
        stream = getattr(self._local, "stream", None)
        if stream is None:
            stream = self._local.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            yield
            stream.synchronize()

    def empty_cache(self) -> None:
        """Release cached memory, so that a smaller batch can allocate contiguous blocks."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def make(settings: Settings) -> SharpModel:
    """Return the loaded model. Raises `ConfigurationError` for anything that the operator has to correct."""
    sharp = settings.sharp
    _check_licence(sharp)
    if sharp.checkpoint is None:
        raise ConfigurationError("SHARP_CHECKPOINT: name the weights, a file or an https URL.")
    device = _device(sharp.device)
    dtype = _dtype(sharp.dtype, device)
    if device.type == "cpu":
        torch.set_num_threads(sharp.cpu_threads or torch.get_num_threads())
    path, digest = Checkpoints(cache=settings.cache.cache).locate(sharp.checkpoint, sharp.checkpoint_sha256)
    log.info("sharp_loading", checkpoint=str(path), sha256=digest, device=str(device), dtype=str(dtype))
    try:
        network = load_sharp(SharpConfig.preset(sharp.preset), path, device, dtype)
    except CheckpointError as error:
        raise ConfigurationError(f"SHARP_CHECKPOINT: {str(error)[:500]}") from error
    return SharpModel(network, digest)


def _check_licence(sharp: SharpSettings) -> None:
    if sharp.accept_license != LICENCE:
        raise ConfigurationError(
            "SHARP_ACCEPT_LICENSE: the published SHARP weights may be used for research only, not for"
            f" products or services; read their licence, and set SHARP_ACCEPT_LICENSE={LICENCE} to accept it."
        )


def _device(wanted: str) -> torch.device:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, present in there.items() if present))
    if not there[wanted]:
        raise ConfigurationError(
            f"SHARP_DEVICE: there is no {wanted} here; leave it out to take what there is."
        )
    return torch.device(wanted)


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    native = _native_bfloat16(device)
    if wanted == "bfloat16" and not native:
        raise ConfigurationError(f"SHARP_DTYPE: this {device.type} has no bfloat16 of its own; use float32.")
    # On a CPU only on request: it is faster, but CPU users expect float32.
    use = native and device.type == "cuda" if wanted == "auto" else wanted == "bfloat16"
    return torch.bfloat16 if use else torch.float32


def _native_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return any(present for name, present in torch.cpu.get_capabilities().items() if "bf16" in name)
    return False


def _named(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _finite(gaussians: Gaussians) -> torch.Tensor:
    sound = [torch.isfinite(field).all() for field in gaussians]
    return torch.stack([*sound, (gaussians.scales > 0).all()]).all()


def _not_finite() -> ResultNotFiniteError:
    return ResultNotFiniteError("The model found no finite result for this photo; try another one.")


def _is_out_of_memory(error: Any) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)
