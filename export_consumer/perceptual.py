"""Perceptual scores, by networks that the operator brings as ONNX files; nothing is measured without them.

A file has two inputs, pictures as float32 (1, 3, H, W) of sRGB in 0..1 with H and W free, and one output of
one number. docs/operations/README.md shows how such a file is made of the authors' weights.
"""

from __future__ import annotations

import math
import os
from functools import cache
from typing import Any

import numpy as np

from export_consumer.errors import ScoreModelError


def score(path: str, one: Any, other: Any) -> float:
    """Return a file's score of two pictures (H, W, 3). Raises `ScoreModelError` if it gives none."""
    pictures = [np.ascontiguousarray(each.transpose(2, 0, 1)[None], np.float32) for each in (one, other)]
    try:
        session = _session(path)
        inputs = {each.name: picture for each, picture in zip(session.get_inputs(), pictures, strict=True)}
        (answer,) = session.run(None, inputs)
        value = float(np.asarray(answer).item())
    except Exception as error:  # onnxruntime's errors have no common class
        raise ScoreModelError(
            f"{path} gives no score: {error}. It must take two pictures and give one number, within"
            " EXPORT_WORKER_MEMORY_MB."
        ) from error
    if not math.isfinite(value):
        raise ScoreModelError(f"{path} gave {value}.")
    return value


@cache
def _session(path: str) -> Any:
    import onnxruntime  # noqa: PLC0415  (an extra of its own, and 50 MB of memory)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("NUMBA_NUM_THREADS", "1"))  # the worker's share
    options.log_severity_level = 4  # the error is raised anyway
    options.enable_cpu_mem_arena = False  # it takes up to twice what is needed, of a worker's limited memory
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
