"""The training loop: `python -m training.train --out DIR`; it goes on from the checkpoint in DIR.

Step `n` depends on nothing but the state after step `n - 1` and the seed: a run that is killed and resumed
ends in the same weights as one that is not (on a CPU with one thread, bit by bit).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from training import losses, measures
from training.data import Batch, Producer, batch, halved
from training.exported import weights
from training.losses import Truth
from training.network import Network, fresh
from training.worlds import close, kinds, library
from training.worlds.render import HELD_OUT_SEED, render

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKPOINT: Final = "checkpoint.pt"
METRICS: Final = "metrics.jsonl"
EVALUATION: Final = "evaluation.npz"


@dataclass(frozen=True)
class Settings:
    """All numbers of a run; they are kept with its checkpoints."""

    seed: int = 20261130
    batch: int = 16
    head_rate: float = 1e-3
    encoder_rate: float = 1.5e-4
    weight_decay: float = 0.02
    warmup: int = 200
    half_life: int = 6000
    """The rate falls as 1 / sqrt(1 + step / half_life)."""
    average: float = 0.9995
    frozen: int = 9
    """Blocks of the backbone that stay as they are until `thaw`."""
    thaw: int = 6000
    thawed: int = 3
    """Blocks that stay as they are after it."""
    pretrained: bool = True
    shape: tuple[int, int] | None = None
    """One shape for all pictures, for tests."""
    rate: float = field(default=1.0, compare=False)
    """A factor of all learning rates: less than 1 to go on from weights that are good already."""
    cooldown_from: int | None = field(default=None, compare=False)
    """From this step on the rate falls to 0 over `cooldown` steps."""
    cooldown: int = field(default=2000, compare=False)


class Trainer:
    """The network, its averaged weights, the optimiser and the number of steps done."""

    def __init__(self, settings: Settings, device: str = "cpu") -> None:
        self.settings, self.device = settings, torch.device(device)
        # A processor that computes bfloat16 by other instructions takes several times as long as in float32.
        self.half = self.device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
        self.network = fresh(settings.seed, pretrained=settings.pretrained).to(self.device)
        self.network.to(memory_format=torch.channels_last)
        self.averaged = {key: value.clone() for key, value in self.network.state_dict().items()}
        encoder = list(self.network.backbone.parameters())
        known = {id(p) for p in encoder}
        head = [p for p in self.network.parameters() if id(p) not in known]
        self.optimiser = torch.optim.AdamW(
            [{"params": head, "lr": settings.head_rate}, {"params": encoder, "lr": settings.encoder_rate}],
            weight_decay=settings.weight_decay,
        )
        self.step_number = self.began = 0

    def rate(self, step: int) -> float:
        """Return the factor of the learning rates at a step."""
        s = self.settings
        warm = min(1.0, (step - self.began + 1) / s.warmup)
        factor: float = s.rate * warm / (1 + step / s.half_life) ** 0.5
        if s.cooldown_from is not None:
            factor *= min(1.0, max(0.0, 1 - (step - s.cooldown_from) / s.cooldown))
        return factor

    def step(self, made: Batch) -> dict[str, float]:
        """Take one step and return the parts of the loss."""
        s, step = self.settings, self.step_number
        self.network.train()
        self.network.freeze(s.frozen if step < s.thaw else s.thawed)
        for group, rate in zip(self.optimiser.param_groups, (s.head_rate, s.encoder_rate), strict=True):
            group["lr"] = rate * self.rate(step)
        images, truth = tensors(made, self.device)
        # Of every second picture the focal length is known, as EXIF gives it, others in turn each time.
        known = (torch.arange(len(images), device=self.device) + step) % 2 == 0
        focal = torch.where(known, truth.camera[:, 1], 0.0)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            seen = self.network(images, torch.stack([known.float(), focal], 1))
        parts = losses.parts(seen.log_disparity, seen.sky, seen.camera, truth)
        loss = torch.stack(list(parts.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step_number += 1
        keep = min(s.average, (1 + self.step_number) / (10 + self.step_number))
        with torch.no_grad():
            for key, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.averaged[key].lerp_(value, 1 - keep)
                else:
                    self.averaged[key].copy_(value)
        return {key: value.item() for key, value in parts.items()} | {"loss": loss.item()}

    def begin_from(self, state: dict[str, Tensor], step: int) -> None:
        """Take the weights of an exported network and go on after its step, with a fresh optimiser.

        Raises `RuntimeError` if they do not fit.
        """
        # Counters of normalisation are not exported; nothing reads them.
        counters = {k: v for k, v in self.network.state_dict().items() if k.endswith("num_batches_tracked")}
        # A file from before the lens was an input: what reads it begins without effect.
        lens = {k: v for k, v in self.network.state_dict().items() if k.startswith(("lens.", "relief."))}
        self.network.load_state_dict(counters | lens | state)
        self.averaged = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.step_number = self.began = step

    def save(self, folder: Path) -> None:
        """Write the checkpoint: whole or not at all."""
        state = {
            "settings": asdict(self.settings),
            "step": self.step_number,
            "began": self.began,
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
        }
        partial = folder / f"{CHECKPOINT}.partial"
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / CHECKPOINT)

    def load(self, folder: Path) -> bool:
        """Go on from the checkpoint in a folder; say whether there was one."""
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.averaged = state["averaged"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step_number, self.began = state["step"], state.get("began", 0)
        return True


def averaged(folder: Path) -> tuple[Network, int]:
    """Return the network with the averaged weights of a folder's checkpoint, ready to judge, and its step."""
    state = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
    network = Network()
    network.load_state_dict(state["averaged"])
    return network.eval(), state["step"]


def tensors(made: Batch, device: torch.device) -> tuple[Tensor, Truth]:
    """Return pictures (N, 3, H, W) in 0..1 and the truth of them."""
    # Pixels stay together in memory (channels last), which is also the fastest layout of the network.
    images = torch.from_numpy(made.images).to(device).permute(0, 3, 1, 2).float() / 255
    depth = torch.from_numpy(made.depth).to(device)
    valid = torch.isfinite(depth) & (depth > 0)
    log_disparity = torch.where(valid, -torch.log(depth.clamp(0.02, 3000)), 0.0)
    focal = torch.log(torch.from_numpy(made.focal).to(device))
    scale = -losses.median(log_disparity, valid) - focal
    return images, Truth(log_disparity, valid, torch.stack([scale, focal], 1))


# -- evaluation while it runs
# ----------------------------------------------------------------------------------------


def held_out(
    count: int = 40, names: Sequence[str] = (*kinds.TRAINING, *kinds.HELD_OUT), seed: int = HELD_OUT_SEED + 1
) -> list[tuple[Any, Any, float, str]]:
    """Return pictures held back: images, halved depths, focal lengths in diagonals, kinds of world."""
    shapes = ((192, 256), (256, 192), (160, 288))
    out = []
    for k in range(count):
        p = render(seed, k, shapes[k % 3], names[k % len(names)])
        out.append((p.image, halved(p.depth), p.focal / float(np.hypot(*p.depth.shape)), p.kind))
    return out


def further(count: int = 36) -> list[tuple[Any, Any, float, str]]:
    """Return pictures of the closer worlds, of things and photographs that training never saw."""
    return held_out(count, tuple(close.FURTHER), HELD_OUT_SEED + 2)


def judge(
    network: Network, pictures: list[tuple[Any, Any, float, str]], *, known: bool = False
) -> dict[str, float]:
    """Return the mean measures of a network over pictures, and those of the vertical gradient.

    ``known``: the network is given the focal lengths.
    """
    ours, theirs, scales, focals = [], [], [], []
    network.eval()
    for image, depth, focal, _kind in pictures:
        valid = np.isfinite(depth)
        if valid.sum() < 200:
            continue
        with torch.no_grad():
            lens = torch.tensor([[1.0, np.log(focal)]] if known else [[0.0, 0.0]])
            seen = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255, lens)
        ours.append(measures.score(np.exp(seen.log_disparity[0].numpy().astype(float)), depth, valid))
        theirs.append(measures.score(measures.gradient(depth), depth, valid))
        camera = seen.camera[0].numpy()
        scales.append(abs(camera[0] + np.log(focal) - np.log(np.median(depth[valid]))))
        focals.append(abs(camera[2] - np.log(focal)))
    base = {f"gradient_{key}": value for key, value in measures.average(theirs).items()}
    return {
        **measures.average(ours),
        **base,
        "log_scale": float(np.mean(scales)),
        "log_focal": float(np.mean(focals)),
    }


def _evaluate(trainer: Trainer, sets: dict[str, list[tuple[Any, Any, float, str]]], folder: Path) -> None:
    """Judge the averaged weights and append a line to the metrics."""
    network = Network()
    network.load_state_dict({key: value.cpu() for key, value in trainer.averaged.items()})
    line: dict[str, float] = {"step": trainer.step_number, "time": round(time.time())}
    for prefix, pictures in sets.items():
        line |= {f"{prefix}{key}": round(v, 4) for key, v in judge(network, pictures).items()}
        given = judge(network, pictures, known=True)
        line |= {
            f"{prefix}{key}_focal_known": round(given[key], 4) for key in ("absrel", "silog", "log_scale")
        }
    with (folder / METRICS).open("a") as file:
        file.write(json.dumps(line) + "\n")
    _say(f"evaluation {json.dumps(line)}")


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def run(
    settings: Settings,
    folder: Path,
    *,
    steps: int,
    every: int,
    evaluate_every: int,
    device: str,
    producers: int = 1,
    first: Path | None = None,
) -> None:
    """Train up to a number of steps, with checkpoints every `every` seconds and at the end or SIGTERM.

    `first`: an exported network to begin with where the folder has no checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(settings, device)
    resumed = trainer.load(folder)
    if not resumed and first is not None:
        trainer.begin_from(*weights(first))
    _say(
        f"{'going on after' if resumed else 'beginning at'} step {trainer.step_number}, process {os.getpid()}"
    )
    things = library.meshes()
    count = 0 if things is None else len(things)
    _say(f"library: {count} things, {len(library.photographs())} photographs for training")
    sets = {"": held_out(), "further_": further()} if evaluate_every else {}
    saved, since, sums, waited = time.monotonic(), time.monotonic(), dict[str, float](), 0.0
    counted = 0
    make = functools.partial(batch, seed=settings.seed, size=settings.batch, shape=settings.shape)
    asked_to_stop = False

    def stop(*_: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    signal.signal(signal.SIGTERM, stop)
    with Producer(make, trainer.step_number, producers) as producer:
        while trainer.step_number < steps and not asked_to_stop:
            before = time.monotonic()
            made: Batch = producer.next()
            waited += time.monotonic() - before
            for key, value in trainer.step(made).items():
                sums[key] = sums.get(key, 0.0) + value
            counted += 1
            step, now = trainer.step_number, time.monotonic()
            if step % 25 == 0:
                averages = " ".join(f"{key} {value / counted:.4f}" for key, value in sums.items())
                _say(
                    f"step {step} {counted / (now - since):.3f} steps/s, "
                    f"waiting for pictures {waited / (now - since):.0%} {averages}"
                )
                since, sums, waited, counted = now, {}, 0.0, 0
            if evaluate_every and step % evaluate_every == 0:
                _evaluate(trainer, sets, folder)
            if now - saved > every:
                trainer.save(folder)
                saved = time.monotonic()
    trainer.save(folder)
    _say(f"ended after step {trainer.step_number}")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints, metrics and the log")
    parser.add_argument("--from", dest="first", type=Path, help="an exported network to begin with")
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--every", type=float, default=600, help="seconds between checkpoints")
    parser.add_argument("--evaluate-every", type=int, default=250, help="steps between evaluations")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates")
    parser.add_argument("--warmup", type=int, default=Settings.warmup, help="steps until the full rate")
    parser.add_argument("--seed", type=int, default=Settings.seed, help="of the worlds")
    parser.add_argument("--cooldown-from", type=int, help="step from which the learning rate falls to 0")
    parser.add_argument(
        "--cooldown", type=int, default=Settings.cooldown, help="steps until the learning rate is 0"
    )
    parser.add_argument(
        "--producers", type=int, help="processes that make pictures; 1, or all cores but 2 beside CUDA"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    spare = max(1, (os.cpu_count() or 1) - 2) if chosen.device.startswith("cuda") else 1
    settings = Settings(
        seed=chosen.seed,
        batch=chosen.batch,
        rate=chosen.rate,
        warmup=chosen.warmup,
        cooldown_from=chosen.cooldown_from,
        cooldown=chosen.cooldown,
    )
    run(
        settings,
        chosen.out,
        steps=chosen.steps,
        every=chosen.every,
        evaluate_every=chosen.evaluate_every,
        device=chosen.device,
        producers=chosen.producers or spare,
        first=chosen.first,
    )


if __name__ == "__main__":
    main()
