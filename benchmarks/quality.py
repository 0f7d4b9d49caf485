"""Judges second views: of real stereo pairs and of rendered worlds that training never saw.

A scene is made of the first picture by the product's own code and rendered for the second camera. The flat
card and the tilted plane, each at its best on that very pair, are the baselines: no method that sees the
first picture alone could place them better. Examples:

    python benchmarks/quality.py
    python benchmarks/quality.py --network geometry.onnx --pairs 30 --sheet /tmp/sheet
    python benchmarks/quality.py --oracle --pairs 20

The rendered pairs and the baselines' best parameters are kept in --cache.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(sys.path.pop(0))  # gateway.py and ledger.py beside this file would hide the packages

import _quality_geometry as geometry
import _quality_oracles as oracles
import _quality_pairs as pairs
import _quality_report as report
import _quality_rows as rows
import _quality_sheet as sheet
import _quality_views as views

from export_consumer.gaussians import Scene
from inference_consumer.layered.bundled import WEIGHTS, Bundled

CACHE = Path.home() / ".cache" / "sharpstream" / "quality"


class Row(NamedTuple):
    """A way to a scene; ``scaled``: the best global scale is searched, for its own may be wrong."""

    name: str
    scene: Callable[[pairs.Pair], Scene]
    scaled: bool = False


def compared(network: rows.Remembering | None, cache: Path) -> list[Row]:
    """Return the rows of the table."""
    found: list[Row] = []
    if network is not None:
        model = rows.Layered(network)
        found += [
            Row(
                report.OURS,
                lambda pair: rows.scene_of(model, rows.photo_of(pair.first, pair.focal_px)),
                scaled=True,
            ),
            # Without the focal length disparities stay the same: its best scale is the other row's.
            Row(report.OURS_NO_FOCAL, lambda pair: rows.scene_of(model, rows.photo_of(pair.first, None))),
        ]
    else:
        found += [
            Row(report.TRUTH, lambda pair: rows.of_truth(pair, shrink=False)),
            Row(report.TRUTH_SMALL, lambda pair: rows.of_truth(pair, shrink=True)),
        ]
    found += [
        Row(report.PLANE, lambda pair: oracles.scene(pair, oracles.best(pair, cache)["plane"])),
        Row(report.FLAT, lambda pair: oracles.scene(pair, oracles.best(pair, cache)["card"])),
        Row("`card` as it is", rows.card),
    ]
    return found


def measured(network: rows.Remembering | None, count: int, cache: Path) -> Iterator[dict[str, Any]]:
    """Yield all measures of one pair after another."""
    wanted = compared(network, cache)
    real = (pair for pair in (pairs.motorcycle(), pairs.aloe()) if pair is not None)
    for pair in chain(real, pairs.rendered(count, cache)):
        seen: dict[str, views.Views] = {}
        depth = geometry.baselines(pair)
        for row in wanted:
            seen[row.name] = views.views(row.scene(pair), pair, search=row.scaled)
            if row.name == report.OURS and network is not None:
                depth["network"] = geometry.score(network.last, pair)
            if row.name == report.OURS_NO_FOCAL and network is not None:
                depth["network"]["focal_error"] = geometry.focal_error(network.last, pair)
        shown = ", ".join(f"{name} {one.metric.psnr:.2f}" for name, one in seen.items())
        print(f"{pair.name} ({pair.kind}), dB: {shown}", file=sys.stderr, flush=True)
        yield {
            "pair": pair.name,
            "kind": pair.kind,
            "baseline_m": pair.baseline_m,
            "views": {
                name: {**one._asdict(), "metric": one.metric._asdict(), "scaled": one.scaled._asdict()}
                for name, one in seen.items()
            },
            "geometry": depth,
        }


def write(facts: dict[str, Any], path: Path) -> None:
    """Write the measures so far and their tables."""
    path.write_text(json.dumps(facts, indent=1) + "\n")
    path.with_suffix(".md").write_text(report.markdown(facts))


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="bundled", help="bundled, or an ONNX file of the same interface")
    parser.add_argument("--oracle", action="store_true", help="the true depth and the baselines: no network")
    parser.add_argument("--pairs", type=int, default=300, help="rendered pairs")
    parser.add_argument("--sheet", type=Path, help="folder for the contact sheet, outside the repository")
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="further photos for the sheet")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the rendered pairs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    weights = WEIGHTS if arguments.network == "bundled" else Path(arguments.network)
    if not arguments.oracle and not weights.exists():
        print(f"There are no weights at {weights}: give an ONNX file by --network, or use --oracle.")
        return 2
    network = None if arguments.oracle else rows.Remembering(Bundled(weights))
    if pairs.aloe() is None:
        print("aloe is left out: install Debian's package opencv-doc for it.", file=sys.stderr)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "network": None if network is None else network.info.name,
        "weights_sha256": None if network is None else network.info.weights_sha256,
        "pairs": [],
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"quality-{'true-depth' if network is None else weights.stem}.json"
    for one in measured(network, arguments.pairs, arguments.cache):
        facts["pairs"].append(one)
        if len(facts["pairs"]) % 10 == 0:  # a run takes hours on a busy machine
            write(facts, path)
    write(facts, path)
    print(report.markdown(facts))
    if arguments.sheet is not None and network is not None:
        for line in sheet.write(rows.Layered(network), arguments.sheet, arguments.photos):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
