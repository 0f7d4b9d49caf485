"""How often the truth lies within the stated spread of the metric scale, on rendered worlds held back.

    python benchmarks/scale_spread.py
    python benchmarks/scale_spread.py --network geometry.onnx --count 200

A stated spread is honest where 68 % of the errors are smaller than it, and 95 % smaller than its double. The
worlds are of kinds that the shipped weights never saw in training: real photos are no nearer to it.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(sys.path.pop(0))  # gateway.py and ledger.py beside this file would hide the packages

import numpy as np
from PIL import Image

from inference_consumer.layered import scale
from inference_consumer.layered.bundled import WEIGHTS, Bundled
from inference_consumer.layered.geometry import Geometry, Picture, resized
from training.worlds import close, kinds
from training.worlds.render import HELD_OUT_SEED, render

SEED = HELD_OUT_SEED + 21
SHAPES = ((384, 512), (512, 384), (320, 576))


class Case(NamedTuple):
    """One picture: its kind of world, the errors of the logarithm of the scale, the network's spread.

    ``raw``: as the network says; ``weighed``: with the height above the ground.
    """

    kind: str
    focal_known: bool
    raw: float
    spread: float
    weighed: float
    weighed_spread: float


def _error(seen: Geometry, depth: Any) -> float:
    """Return the logarithm of the seen over the true median depth."""
    known = np.isfinite(depth)
    log_depth = resized(np.log(seen.depth), *depth.shape)[known]
    return float(np.median(log_depth) - np.median(np.log(depth[known])))


def cases(network: Bundled, count: int) -> Iterator[Case]:
    """Yield every picture with its focal length and without it."""
    names = [*kinds.HELD_OUT, *close.FURTHER]
    for index in range(count):
        made = render(SEED, index, SHAPES[index % 3], names[index % len(names)])
        height, width = made.depth.shape
        if np.isfinite(made.depth).mean() < 0.1:
            continue
        size = network.size_for(width, height)
        pixels = np.asarray(Image.fromarray(made.image).resize(size, Image.Resampling.BILINEAR))
        for focal in (made.focal / math.hypot(height, width), None):
            (seen,) = network.run([Picture(pixels=pixels, focal=focal)])
            if isinstance(seen, Exception) or seen.scale_spread is None:
                raise RuntimeError(f"no answer: {seen}")
            done = scale.weighed(seen)
            assert done.scale_spread is not None
            yield Case(
                made.kind,
                focal is not None,
                _error(seen, made.depth),
                seen.scale_spread,
                _error(done, made.depth),
                done.scale_spread,
            )


def line(name: str, errors: Any, spreads: Any) -> str:
    """Return a row: median error as a factor, median spread, shares within one and two spreads."""
    ratio = np.abs(errors) / spreads
    return (
        f"| {name} | {len(errors)} | {math.exp(float(np.median(np.abs(errors)))):.2f}"
        f" | {float(np.median(spreads)):.2f} | {np.mean(ratio < 1):.2f} | {np.mean(ratio < 2):.2f}"
        f" | {float(np.quantile(ratio, 0.68)):.2f} |"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", type=Path, default=WEIGHTS, help="an ONNX file")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--save", type=Path, help="the cases as .npz")
    arguments = parser.parse_args()
    found = list(cases(Bundled(arguments.network, threads=1), arguments.count))
    if arguments.save:
        np.savez(arguments.save, **{key: np.array([getattr(c, key) for c in found]) for key in Case._fields})
    print("| pictures | count | error | spread | within 1 | within 2 | 68 % lie within |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for known in (True, False):
        part = [c for c in found if c.focal_known == known]
        lens = "focal length known" if known else "focal length unknown"
        for kind in ("all", *sorted({c.kind for c in part})):
            some = [c for c in part if kind in ("all", c.kind)]
            for name, error, spread in (
                ("network", "raw", "spread"),
                ("weighed", "weighed", "weighed_spread"),
            ):
                if kind == "all" or name == "weighed":
                    print(
                        line(
                            f"{lens}, {kind}, {name}",
                            np.array([getattr(c, error) for c in some]),
                            np.array([getattr(c, spread) for c in some]),
                        )
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
