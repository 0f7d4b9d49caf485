"""A network's depth against the true one, for `quality.py`, by the measures of `training.measures`."""

from __future__ import annotations

import math

import numpy as np
from _quality_pairs import Pair

from inference_consumer.layered.geometry import Geometry
from inference_consumer.layered.scene import resized
from training import measures


def score(seen: Geometry, pair: Pair) -> dict[str, float]:
    """Return the measures of a network's depth, and ``scale_error``: the logarithm of its scale's error."""
    log_depth = resized(np.log(seen.depth), *pair.depth.shape).astype(float)
    known = pair.known
    error = float(np.median(log_depth[known]) - np.log(np.median(pair.depth[known])))
    return {**measures.score(np.exp(-log_depth), pair.depth, known), "scale_error": error}


def focal_error(seen: Geometry, pair: Pair) -> float:
    """Return the logarithm of the found focal length over the true one."""
    return math.log(seen.focal * math.hypot(*pair.depth.shape) / pair.focal_px)


def baselines(pair: Pair) -> dict[str, dict[str, float]]:
    """Return the measures of disparity that grows downwards, and of the plane nearest to the truth."""
    known = pair.known
    return {
        "vertical gradient": measures.score(measures.gradient(pair.depth), pair.depth, known),
        "tilted plane, fitted to the truth": measures.score(
            measures.plane(pair.depth, known), pair.depth, known
        ),
    }
