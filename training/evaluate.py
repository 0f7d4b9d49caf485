"""The evaluation on rendered pictures held back and on one real stereo pair.

Run it by `python -m training.evaluate --out DIR`.

The pair (scikit-image's motorcycle, from Middlebury 2014) is for reporting alone: nothing is trained,
chosen or tuned by it. Baselines: the same depth everywhere, disparity that grows towards the bottom, and
the tilted plane that fits the very truth best.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from training import measures
from training.network import Network
from training.train import averaged, held_out, judge

SIDE: Final = 256
"""Pixels of a real photograph's long side, as in training."""
LARGEST: Final = 288
"""Pictures up to this long side are seen as they are."""

Array = np.ndarray[Any, Any]


class Sample(NamedTuple):
    """A picture (H, W, 3) in uint8, its depth (h, w), infinite where unknown, and the name of its world."""

    image: Array
    depth: Array
    name: str


def motorcycle() -> Sample:
    """Return the left picture of the stereo pair and its depth up to the scale, 1 / disparity."""
    import skimage.data  # noqa: PLC0415  (of the training group)

    left, _right, disparity = skimage.data.stereo_motorcycle()  # type: ignore[no-untyped-call]
    # The calibration of the pair: disparities are measured from another principal point in each picture.
    offset = 31.086
    known = np.isfinite(disparity) & (disparity > 0)
    return Sample(
        left[..., :3], np.where(known, 1 / np.where(known, disparity + offset, 1), np.inf), "motorcycle"
    )


def predict(network: Network, image: Array, side: int = SIDE) -> Array:
    """Return the log disparity (h, w) of a picture of any size, shrunk to `side` pixels at most."""
    height, width = image.shape[:2]
    factor = min(1.0, side / max(height, width)) if max(height, width) > LARGEST else 1.0
    size = [max(32, round(n * factor / 32) * 32) for n in (height, width)]
    tensor = torch.tensor(image).permute(2, 0, 1)[None].float() / 255
    tensor = functional.interpolate(tensor, size, mode="bilinear", antialias=True, align_corners=False)
    with torch.no_grad():
        return np.asarray(network(tensor).log_disparity[0].numpy(), float)


def resized(values: Array, shape: tuple[int, int]) -> Array:
    """Return a map (h, w) enlarged to `shape`."""
    tensor = torch.from_numpy(values)[None, None]
    return functional.interpolate(tensor, shape, mode="bilinear", align_corners=False)[0, 0].numpy()


def table(network: Network, samples: list[Sample]) -> dict[str, dict[str, float]]:
    """Return the mean measures of the network and of the baselines over samples."""
    rows: dict[str, list[dict[str, float]]] = {"network": [], "constant": [], "gradient": [], "plane": []}
    for image, depth, _name in samples:
        valid = np.isfinite(depth)
        if valid.sum() < 200:
            continue
        guess = resized(predict(network, image), depth.shape)
        rows["network"].append(measures.score(np.exp(guess), depth, valid))
        rows["constant"].append(measures.score(measures.constant(depth), depth, valid))
        rows["gradient"].append(measures.score(measures.gradient(depth), depth, valid))
        rows["plane"].append(measures.score(measures.plane(depth, valid), depth, valid))
    return {name: measures.average(scores) for name, scores in rows.items()}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, judge, print a line of JSON a test set."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--count", type=int, default=110, help="rendered pictures")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    network, step = averaged(chosen.out)
    pictures = held_out(chosen.count)
    samples = [Sample(image, depth, kind) for image, depth, _focal, kind in pictures]
    report: dict[str, Any] = {
        "step": step,
        "camera": {k: v for k, v in judge(network, pictures).items() if k.startswith("log_")},
    }
    report["rendered"] = table(network, samples)
    report["motorcycle"] = table(network, [motorcycle()])
    for name in sorted({s.name for s in samples}):
        report[f"rendered {name}"] = table(network, [s for s in samples if s.name == name])
    for name, rows in report.items():
        sys.stdout.write(json.dumps({name: rows}) + "\n")


if __name__ == "__main__":
    main()
