"""Runs ONNX networks; the only module that imports onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import onnxruntime
import structlog
from onnxruntime.capi import onnxruntime_pybind11_state as native

from bus.runtime.errors import ConfigurationError
from inference_consumer.errors import DeviceLostError
from inference_consumer.layered.geometry import Picture

log = structlog.stdlib.get_logger(__name__)

_CUDA: Final = "CUDAExecutionProvider"
_LOAD_ERRORS: Final = (
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoModel,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
)
_RUN_ERRORS: Final = (native.Fail, native.RuntimeException, native.EPFail, native.DeviceReset)
_OUT_OF_MEMORY: Final = ("allocate memory", "out of memory", "bad_alloc", "ALLOC_FAILED")
_LOST: Final = ("CUDA failure", "CUDNN failure", "CUBLAS failure")
"""Parts of onnxruntime's messages, which have no error classes of their own."""


def session(weights: bytes | str, *, device: str, threads: int | None) -> Any:
    """Return an inference session of a file's content or path.

    ``device``: auto, cuda or cpu. Raises `ConfigurationError` where CUDA is asked for and not there, and for
    a file that is no ONNX network. On auto a GPU build without a usable GPU runs on the CPU and logs it.
    """
    available = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not available:
        raise ConfigurationError(
            "LAYERED_DEVICE: cuda needs the package onnxruntime-gpu in place of onnxruntime; install"
            " requirements/inference-gpu.txt, or leave the setting out."
        )
    use_cuda = device != "cpu" and available
    if use_cuda:
        onnxruntime.preload_dlls()  # CUDA's libraries lie in wheels, where the loader does not look
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # A pattern is a block of memory for each size of picture: ViT-S held 1.6 GB after two, without 1.0 GB.
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # errors alone
    providers = [_CUDA] if use_cuda else []
    try:
        made = onnxruntime.InferenceSession(weights, options, providers=[*providers, "CPUExecutionProvider"])
    except _LOAD_ERRORS as error:
        file = weights if isinstance(weights, str) else "The bundled file"
        raise ConfigurationError(f"{file} is no network that onnxruntime can load: {error}"[:500]) from error
    if use_cuda and device_of(made) == "cpu":
        if device == "cuda":
            raise ConfigurationError(
                "LAYERED_DEVICE: onnxruntime found no GPU that it can use; check the driver, or use cpu."
            )
        log.warning("no_usable_gpu", consequence="the network runs on the CPU")
    return made


def run(made: Any, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
    """Return the outputs. Raises `MemoryError` if they do not fit, `DeviceLostError` if the GPU failed."""
    try:
        answers: list[Any] = made.run(outputs, inputs)
    except _RUN_ERRORS as error:
        if any(words in str(error) for words in _OUT_OF_MEMORY):
            raise MemoryError(str(error)[:500]) from error
        if any(words in str(error) for words in _LOST):
            raise DeviceLostError(f"onnxruntime: {str(error)[:500]}") from error
        raise
    return answers


def device_of(made: Any) -> str:
    """Return cuda or cpu: where a session runs."""
    return "cuda" if made.get_providers()[0] == _CUDA else "cpu"


def inputs_of(made: Any) -> list[str]:
    """Return the names of a session's inputs."""
    return [each.name for each in made.get_inputs()]


def outputs_of(made: Any) -> list[str]:
    """Return the names of a session's outputs, in the file's order."""
    return [each.name for each in made.get_outputs()]


def of_one_size(pictures: Sequence[Picture]) -> list[list[int]]:
    """Return the indices of the pictures in groups of one size each, in order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        groups.setdefault(picture.pixels.shape, []).append(index)
    return list(groups.values())
