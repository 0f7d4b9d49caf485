"""Perceptual scores, by networks that the operator brings as ONNX files; nothing is measured without them.

A file has two inputs, pictures as float32 (1, 3, H, W) of sRGB in 0..1 with H and W free, and one output of
one number. docs/operations.md shows how such a file is made of the authors' weights.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from export_consumer.errors import ScoreModelError

Models: TypeAlias = Mapping[str, str]
"""Name of a score -> the path of its file: ``lpips`` (Zhang et al. 2018), ``dists`` (Ding et al. 2020)."""


def scores(models: Models, one: Any, other: Any) -> dict[str, float]:
    """Return the scores of two pictures (H, W, 3) by name. Raises `ScoreModelError` for a file that fails."""
    pictures = [np.ascontiguousarray(each.transpose(2, 0, 1)[None], np.float32) for each in (one, other)]
    return {name: _score(name, path, pictures) for name, path in models.items()}


def _score(name: str, path: str, pictures: list[Any]) -> float:
    try:
        session = _session(path)
        inputs = {each.name: picture for each, picture in zip(session.get_inputs(), pictures, strict=True)}
        (answer,) = session.run(None, inputs)
        value = float(np.asarray(answer).item())
    except Exception as error:  # onnxruntime's errors have no common class
        raise ScoreModelError(
            f"EXPORT_{name.upper()}_MODEL: {path} gives no score ({error}); it needs two pictures in and one"
            " number out."
        ) from error
    if not math.isfinite(value):
        raise ScoreModelError(f"EXPORT_{name.upper()}_MODEL: {path} gave {value}.")
    return value


@cache
def _session(path: str) -> Any:
    import onnxruntime  # noqa: PLC0415  (an extra of its own, and 50 MB of memory)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("NUMBA_NUM_THREADS", "1"))  # the worker's share
    options.log_severity_level = 3  # errors alone
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
