"""Runs ONNX networks; the only module that imports onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnxruntime

from bus.runtime.errors import ConfigurationError
from inference_consumer.layered.geometry import Picture


def session(weights: bytes | str, *, device: str, threads: int | None) -> Any:
    """Return an inference session of a file's content or path.

    ``device``: auto, cuda or cpu. Raises `ConfigurationError` where CUDA is asked for and not there.
    """
    available = set(onnxruntime.get_available_providers())
    if device == "cuda" and "CUDAExecutionProvider" not in available:
        raise ConfigurationError(
            "LAYERED_DEVICE: cuda needs the package onnxruntime-gpu in place of onnxruntime; install the"
            " extra layered-gpu, or leave the setting out."
        )
    use_cuda = device != "cpu" and "CUDAExecutionProvider" in available
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone
    providers = ["CUDAExecutionProvider"] if use_cuda else []
    made = onnxruntime.InferenceSession(weights, options, providers=[*providers, "CPUExecutionProvider"])
    if device == "cuda" and device_of(made) == "cpu":
        raise ConfigurationError(
            "LAYERED_DEVICE: onnxruntime found no GPU that it can use; check the driver, or use cpu."
        )
    return made


def device_of(made: Any) -> str:
    """Return cuda or cpu: where a session runs."""
    return "cuda" if made.get_providers()[0] == "CUDAExecutionProvider" else "cpu"


def of_one_size(pictures: Sequence[Picture]) -> list[list[int]]:
    """Return the indices of the pictures in groups of one size each, in order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        groups.setdefault(picture.pixels.shape, []).append(index)
    return list(groups.values())
