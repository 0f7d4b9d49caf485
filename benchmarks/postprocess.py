"""Measures NDC Gaussians to the bytes of a .ply: ours against the straightforward way, in the same run.

The straightforward way is that of the published implementation: covariances, a float64 SVD for each
Gaussian on the CPU, a file written row by row. Examples:

    python benchmarks/postprocess.py
    python benchmarks/postprocess.py --count 100000 --repeat 5 --out /tmp/results
"""

from __future__ import annotations

import argparse
import json
import platform
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference_consumer.sharp import Camera, Gaussians, encode_ply, read_ply, to_metric
from inference_consumer.sharp.camera import rotation_rows

CAMERA = Camera(600.0, 720, 480)


def gaussians_of(count: int) -> Gaussians:
    """Return NDC Gaussians with the statistics of a photo's."""
    generator = torch.Generator().manual_seed(1)

    def normal(width: int) -> torch.Tensor:
        return torch.randn(width, count, generator=generator).T

    depth = torch.exp(0.8 * normal(1)) * 3
    means = torch.cat([torch.rand(count, 2, generator=generator) * 2 - 1, torch.ones(count, 1)], 1) * depth
    planes = [x.T.contiguous().T for x in (means, 0.003 * depth * torch.exp(normal(3)), normal(4))]
    colors = torch.rand(3, count, generator=generator).T
    return Gaussians(*planes, colors, torch.rand(count, generator=generator))


def svd_metric(ndc: Gaussians) -> dict[str, np.ndarray]:
    """Return metric Gaussians by a float64 SVD of every covariance."""
    stretch = torch.tensor([CAMERA.width / (2 * CAMERA.focal_px), CAMERA.height / (2 * CAMERA.focal_px), 1.0])
    rotation = torch.stack([torch.stack(row, -1) for row in rotation_rows(ndc.quaternions)], -2)
    factor = stretch[:, None] * rotation * ndc.scales[:, None, :]
    u, variance, _ = np.linalg.svd((factor @ factor.mT).double().numpy())
    u[np.linalg.det(u) < 0, :, 2] *= -1
    return {
        "means": (ndc.means * stretch).numpy(),
        "scales": np.sqrt(variance).astype(np.float32),
        "quaternions": quaternions_of(u).astype(np.float32),
        "colors": ndc.colors.numpy(),
        "opacities": ndc.opacities.numpy(),
    }


def quaternions_of(m: np.ndarray) -> np.ndarray:
    """Return wxyz of (n, 3, 3) rotations: the largest of the four components first, as scipy does."""
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    decision = np.stack([trace, m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]], 1)
    choice = decision.argmax(1)
    q = np.empty((len(m), 4))
    for c in range(4):
        at = np.nonzero(choice == c)[0]
        s = m[at]
        if c == 0:
            q[at, 0] = 1 + trace[at]
            q[at, 1:] = np.stack(
                [s[:, 2, 1] - s[:, 1, 2], s[:, 0, 2] - s[:, 2, 0], s[:, 1, 0] - s[:, 0, 1]], 1
            )
        else:
            i, j, k = c - 1, c % 3, (c + 1) % 3
            q[at, 0] = s[:, k, j] - s[:, j, k]
            q[at, 1 + i] = 1 - trace[at] + 2 * s[:, i, i]
            q[at, 1 + j] = s[:, j, i] + s[:, i, j]
            q[at, 1 + k] = s[:, k, i] + s[:, i, k]
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def rows_one_by_one(metric: dict[str, np.ndarray]) -> bytes:
    """Return the vertices, packed row by row."""
    c = metric["colors"]
    srgb = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    o = metric["opacities"][:, None]
    table = np.concatenate(
        [
            metric["means"],
            (srgb - 0.5) / 0.28209479177387814,
            np.log(o / (1 - o)),
            np.log(metric["scales"]),
            metric["quaternions"],
        ],
        1,
    )
    np.quantile(1 / metric["means"][:, 2], [0.1, 0.9])
    out = bytearray()
    pack = struct.Struct("<14f").pack
    for row in table:
        out += pack(*row)
    return bytes(out)


def timed(work: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Return the best wall time in seconds and the last result."""
    best, result = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def bandwidth() -> float:
    """Return GB/s of reading and writing memory with all threads."""
    a, b = torch.ones(1 << 26), torch.empty(1 << 26)
    seconds, _ = timed(lambda: b.copy_(a), 5)
    return 2 * a.nbytes / seconds / 1e9


def measure(count: int, repeat: int) -> dict[str, Any]:
    """Run both ways on the same Gaussians."""
    ndc = gaussians_of(count)
    svd_s, expected = timed(lambda: svd_metric(ndc), 1)
    rows_s, _ = timed(lambda: rows_one_by_one(expected), 1)
    metric_s, metric = timed(lambda: to_metric(ndc, CAMERA), repeat)
    ply_s, data = timed(lambda: encode_ply(metric, CAMERA, sharp_elements=True), repeat)
    back = read_ply(data).gaussians
    kept = expected["scales"] > 0.05 * expected["scales"][:, :1]
    error = np.abs(np.log(back.scales.numpy()[kept] / expected["scales"][kept])).max()
    ours = metric_s + ply_s
    # Least traffic: 7 input planes and 10 output planes, then 14 planes in and 56 bytes out.
    floor_s = count * (4 * (10 + 10) + 56 * 2) / bandwidth() / 1e9
    return {
        "device": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gaussians": count,
        "seconds": {
            "straightforward_metric": svd_s,
            "straightforward_ply": rows_s,
            "ours_metric": metric_s,
            "ours_ply": ply_s,
        },
        "ratio": {
            "metric": svd_s / metric_s,
            "ply": rows_s / ply_s,
            "total": (svd_s + rows_s) / ours,
        },
        "largest_scale_difference_log": float(error),
        "memory_floor_seconds": floor_s,
        "bound_by": f"passes over arrays in cache: {ours / floor_s:.0f} times the time of touching them once",
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    s, r = report["seconds"], report["ratio"]
    straight = s["straightforward_metric"], s["straightforward_ply"]
    ours = s["ours_metric"], s["ours_ply"]
    return "\n".join(
        [
            "# After the network: NDC Gaussians to .ply bytes",
            "",
            f"{report['gaussians']:,} Gaussians, {report['threads']} threads, torch {report['torch']}.",
            "",
            "| step | straightforward, s | ours, s | times faster |",
            "|---|---|---|---|",
            f"| NDC to metric | {straight[0]:.2f} | {ours[0]:.3f} | {r['metric']:.1f} |",
            f"| .ply | {straight[1]:.2f} | {ours[1]:.3f} | {r['ply']:.1f} |",
            f"| both | {sum(straight):.2f} | {sum(ours):.3f} | {r['total']:.1f} |",
            "",
            f"Bound by {report['bound_by']}. Scales above 5 % of a Gaussian's largest differ by at most "
            f"{report['largest_scale_difference_log']:.1e} in the log.",
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_179_648)
    parser.add_argument("--repeat", type=int, default=5, help="ours: best of that many runs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with torch.inference_mode():
        report = measure(arguments.count, arguments.repeat)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "postprocess.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "postprocess.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
