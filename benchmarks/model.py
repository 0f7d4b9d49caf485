"""Measures a model by stage and batch size: time, memory, and, of SHARP, TFLOP/s against a matmul's here.

SHARP gets random weights unless a checkpoint is given: they cost the same time. ``layered`` is started as the
role starts it, in a process of its own. Examples:

    python benchmarks/model.py --model layered
    python benchmarks/model.py --preset tiny_flat --batches 1,2
    python benchmarks/model.py --preset default --batches 1 --repeat 1
    python benchmarks/model.py --preset default --device cuda --dtype bfloat16
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from inference_consumer.layered.bundled import WEIGHTS
from inference_consumer.sharp import (
    Camera,
    Sharp,
    SharpConfig,
    encode_ply,
    load_sharp,
    state_layout,
    to_metric,
)

PREDICTOR = "monodepth_model.monodepth_predictor"
MODULES = {
    "patch_encoder": f"{PREDICTOR}.encoder.patch_encoder",
    "image_encoder": f"{PREDICTOR}.encoder.image_encoder",
    "encoder": f"{PREDICTOR}.encoder",
    "depth_decoder": f"{PREDICTOR}.decoder",
    "disparity_head": f"{PREDICTOR}.head",
    "gaussian_decoder": "feature_model",
    "prediction_head": "prediction_head",
}
STAGES = [
    *("preprocess", "patch_encoder", "image_encoder", "pyramid_convolutions", "depth_decoder"),
    *("disparity_head", "gaussian_decoder", "prediction_head", "initializer_composer", "metric", "ply"),
]
PHOTO = (1024, 1536)
LAYERED_PHOTO = (4032, 2720)
"""Width and height of the photo for ``layered``: a telephone's."""
CORES = 2
"""The goals of ``layered`` are for so many."""


def random_weights(config: SharpConfig) -> dict[str, torch.Tensor]:
    """Return a checkpoint whose activations stay of the order of one."""
    generator = torch.Generator().manual_seed(0)
    filled: dict[str, torch.Tensor] = {}
    for key, shape in state_layout(config).items():
        if len(shape) == 1:
            filled[key] = torch.full(shape, 0.0 if key.endswith("bias") else 1.0)
        else:
            filled[key] = torch.empty(shape).normal_(
                0, float(np.prod(shape[1:])) ** -0.5, generator=generator
            )
    filled[f"{PREDICTOR}.head.4.bias"].fill_(1.0)  # disparities above zero
    return filled


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_bytes(device: torch.device) -> int:
    """Return peak memory: of the accelerator, or of this process on a CPU (it never falls)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    scale = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


class Clock:
    """Seconds by stage; waits for the device at both ends."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self.started: dict[str, float] = {}

    def start(self, stage: str) -> None:
        """Start a stage."""
        synchronise(self.device)
        self.started[stage] = time.perf_counter()

    def stop(self, stage: str) -> None:
        """Add the time since the start."""
        synchronise(self.device)
        self.seconds[stage] += time.perf_counter() - self.started.pop(stage)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time a block."""
        self.start(stage)
        yield
        self.stop(stage)

    @contextmanager
    def inside(self, model: Sharp) -> Iterator[None]:
        """Time the network's modules as they run."""
        hooks = []
        for stage, name in MODULES.items():
            module = model.get_submodule(name)
            hooks.append(module.register_forward_pre_hook(lambda *_, stage=stage: self.start(stage)))
            hooks.append(module.register_forward_hook(lambda *_, stage=stage: self.stop(stage)))
        yield
        for hook in hooks:
            hook.remove()


def run(model: Sharp, photos: list[np.ndarray], clock: Clock) -> dict[str, float]:
    """Photos to file bytes once; return seconds by stage."""
    cameras = [Camera(1500.0, photo.shape[1], photo.shape[0]) for photo in photos]
    with clock.of("total"):
        with clock.of("preprocess"):
            images = torch.stack([model.preprocess(photo) for photo in photos])
        with clock.inside(model), clock.of("forward"):
            ndc = model(images, model.disparity_factor(cameras))
        with clock.of("metric"):
            metric = [to_metric(ndc.photo(i), camera) for i, camera in enumerate(cameras)]
        with clock.of("ply"):
            for gaussians, camera in zip(metric, cameras, strict=True):
                encode_ply(gaussians, camera, sharp_elements=True)
    s = clock.seconds
    s["pyramid_convolutions"] = s["encoder"] - s["patch_encoder"] - s["image_encoder"]
    rest = ("encoder", "depth_decoder", "disparity_head", "gaussian_decoder", "prediction_head")
    s["initializer_composer"] = s["forward"] - sum(s[stage] for stage in rest)
    return {stage: s[stage] for stage in [*STAGES, "forward", "total"]}


def flops_of(config: SharpConfig) -> dict[str, int]:
    """Return floating-point operations by stage for one photo (2 for a multiply-add); nothing is computed."""
    with torch.device("meta"):
        model = Sharp(config).eval()
        image, factor = torch.empty(1, 3, config.resolution, config.resolution), torch.empty(1)
    with FlopCounterMode(display=False) as counter:
        model(image, factor)
    counts = counter.get_flop_counts()
    by_stage = {stage: sum(counts.get(f"Sharp.{name}", {}).values()) for stage, name in MODULES.items()}
    by_stage["pyramid_convolutions"] = (
        by_stage.pop("encoder") - by_stage["patch_encoder"] - by_stage["image_encoder"]
    )
    by_stage["forward"] = counter.get_total_flops()
    return by_stage


def matmul_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """Return FLOP/s of a large square matmul, the practical maximum of this device."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        synchronise(device)
        start = time.perf_counter()
        torch.mm(a, b)
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run every batch size."""
    config = SharpConfig.preset(arguments.preset)
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    model = load_sharp(config, arguments.checkpoint or random_weights(config), device, dtype)
    model.patch_chunk = arguments.patch_chunk
    # Before and after, because on a shared machine one alone may be too low.
    flops, ceiling = flops_of(config), matmul_ceiling(device, dtype)
    photo = np.random.default_rng(0).integers(0, 256, (*PHOTO, 3), dtype=np.uint8)
    batches: list[dict[str, Any]] = []
    for size in arguments.batches or [1, 2, 4, 8, 16]:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        try:
            for _ in range(arguments.warmup):
                run(model, [photo] * size, Clock(device))
            runs = [run(model, [photo] * size, Clock(device)) for _ in range(arguments.repeat)]
        except torch.OutOfMemoryError:
            batches.append({"batch": size, "out_of_memory": True})
            break
        best = min(runs, key=lambda seconds: seconds["total"])
        rate = {stage: count * size / best[stage] for stage, count in flops.items() if count}
        batches.append(
            {
                "batch": size,
                "seconds": best,
                "photos_per_second": size / best["total"],
                "tflops": {stage: value / 1e12 for stage, value in rate.items()},
                "peak_bytes": peak_bytes(device),
            }
        )
    ceiling = max(ceiling, matmul_ceiling(device, dtype))
    for entry in batches:
        if "tflops" in entry:
            entry["of_ceiling"] = entry["tflops"]["forward"] * 1e12 / ceiling
    return {
        "preset": arguments.preset,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "dtype": arguments.dtype,
        "torch": torch.__version__,
        "patch_chunk": arguments.patch_chunk,
        "gflop_per_photo": {stage: count / 1e9 for stage, count in flops.items()},
        "matmul_ceiling_tflops": ceiling / 1e12,
        "batches": batches,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    done = [entry for entry in report["batches"] if "seconds" in entry]
    lines = [
        f"# The network: {report['preset']} on {report['device']}, {report['dtype']}",
        "",
        f"torch {report['torch']}, {report['threads']} CPU threads; "
        f"{report['gflop_per_photo']['forward']:,.1f} GFLOP a photo; "
        f"a matmul reaches {report['matmul_ceiling_tflops']:.2f} TFLOP/s.",
        "",
        "| batch | photos/s | s a photo | TFLOP/s | of the ceiling | peak memory, GB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {e['batch']} | {e['photos_per_second']:.3g} | {1 / e['photos_per_second']:.3g} "
        f"| {e['tflops']['forward']:.3g} | {e['of_ceiling']:.0%} | {e['peak_bytes'] / 1e9:.2f} |"
        for e in done
    ]
    lines += [f"| {e['batch']} | out of memory | | | | |" for e in report["batches"] if "seconds" not in e]
    lines += ["", "Milliseconds a photo by stage:", ""]
    lines += ["| stage | " + " | ".join(f"batch {entry['batch']}" for entry in done) + " |"]
    lines += ["|---" * (len(done) + 1) + "|"]
    for stage in [*STAGES, "total"]:
        cells = [f"{entry['seconds'][stage] / entry['batch'] * 1000:.1f}" for entry in done]
        lines.append(f"| {stage.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def measure_layered(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the role's work with the model ``layered`` in a fresh process on two cores."""
    weights = WEIGHTS if arguments.network == "bundled" else Path(arguments.network)
    batches = ",".join(map(str, arguments.batches or [1, 4]))
    with tempfile.TemporaryDirectory() as folder:
        photo = arguments.photo
        if photo is None:
            photo = Path(folder) / "photo.jpg"
            enlarged = Image.fromarray(skimage.data.stereo_motorcycle()[0]).resize(LAYERED_PHOTO)
            enlarged.save(photo, quality=92)
        with Image.open(photo) as opened:
            size = opened.size
        command = [sys.executable, Path(__file__).with_name("_model_layered.py"), weights, photo]
        done = subprocess.run(
            [*command, str(arguments.repeat), batches, str(CORES), str(time.time())],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    report = json.loads(done.stdout.splitlines()[-1])
    return {**report, "cores": CORES, "photo": size, "weights_bytes": weights.stat().st_size}


def markdown_layered(report: dict[str, Any]) -> str:
    """Return the report of ``layered`` as a page."""
    lines = [
        f"# The model {report['model']} on {report['cores']} CPU cores",
        "",
        f"Start of the role, from the process to the model warmed up: {report['start_s']:.2f} s"
        f" ({report['start_cpu_s']:.2f} s of processor time), {report['start_bytes'] / 1e9:.2f} GB.",
        f"A photo of {report['photo'][0]} x {report['photo'][1]} pixels,"
        f" {report['batches'][0]['gaussians']:,} Gaussians; seconds a photo:",
        "",
        "| batch | decode | prepare | network | scene and file | total | peak memory, GB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for entry in report["batches"]:
        stages = " | ".join(
            f"{entry[stage] / entry['batch']:.2f}"
            for stage in ("decode", "prepare", "network", "scene and file", "total")
        )
        lines.append(f"| {entry['batch']} | {stages} | {entry['peak_bytes'] / 1e9:.2f} |")
    return "\n".join([*lines, ""])


def numbers(text: str) -> list[int]:
    """Read 1,2,4."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="sharp", choices=["sharp", "layered"])
    parser.add_argument("--network", default="bundled", help="of layered: bundled, or an ONNX file")
    parser.add_argument("--photo", type=Path, help="of layered: a file; default: 12 megapixels")
    parser.add_argument("--preset", default="tiny_flat", help="default, tiny_flat or tiny_overlap")
    parser.add_argument("--checkpoint", type=Path, help="random weights without one")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--batches", type=numbers, help="1,2,4")
    parser.add_argument("--patch-chunk", type=int, help="windows at once through the ViT")
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="best of that many runs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    if arguments.model == "layered":
        report = measure_layered(arguments)
        name, page = f"model-{report['model'].replace('/', '-')}", markdown_layered(report)
    else:
        with torch.inference_mode():
            report = measure(arguments)
        name = f"model-{arguments.preset}-{torch.device(arguments.device).type}-{arguments.dtype}"
        page = markdown(report)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / f"{name}.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
