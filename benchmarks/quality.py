"""Judges second views: of real stereo pairs and of rendered worlds that training never saw.

python benchmarks/quality.py --oracle --pairs 20
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

sys.path.append(sys.path.pop(0))  # gateway.py and ledger.py beside this file would hide the packages

import _quality_pairs as pairs
import _quality_rows as rows
import _quality_views as views
import numpy as np

from export_consumer.gaussians import Scene

CACHE = Path.home() / ".cache" / "sharpstream" / "quality"


def oracle_rows() -> dict[str, tuple[Callable[[pairs.Pair], Scene], bool]]:
    """Return the scenes that show what the scene building alone is worth, and whether a scale is searched."""
    return {
        "layered, true depth": (lambda pair: rows.of_truth(pair, shrink=False), False),
        "layered, true depth as small as the network's": (
            lambda pair: rows.of_truth(pair, shrink=True),
            False,
        ),
        "card": (rows.card, False),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=300, help="rendered pairs")
    parser.add_argument("--oracle", action="store_true", help="scenes of the true depth alone: no network")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the rendered pairs")
    arguments = parser.parse_args()
    real = [pair for pair in (pairs.motorcycle(), pairs.aloe()) if pair]
    found: dict[tuple[str, str], list[views.Views]] = defaultdict(list)
    for pair in real:
        for name, (make, search) in oracle_rows().items():
            found[pair.name, name].append(views.views(make(pair), pair, search=search))
    for pair in pairs.rendered(arguments.pairs, arguments.cache):
        for name, (make, search) in oracle_rows().items():
            one = views.views(make(pair), pair, search=search)
            found["rendered", name].append(one)
            print(f"{pair.name} {pair.kind}, {name}: {one.metric.psnr:.2f} dB", file=sys.stderr, flush=True)
    print("| pair | scene | PSNR dB | SSIM | holes % | own view dB | own holes % |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for (pair_name, name), all_views in found.items():
        psnr, similar, holes = np.mean([one.metric for one in all_views], 0)
        own, own_holes = (np.mean([getattr(one, k) for one in all_views]) for k in ("own_psnr", "own_holes"))
        print(
            f"| {pair_name} ({len(all_views)}) | {name} | {psnr:.2f} | {similar:.3f} | {100 * holes:.2f} "
            f"| {own:.2f} | {100 * own_holes:.2f} |"
        )


if __name__ == "__main__":
    main()
