"""Batches by number: batch `step` of a seed is always the same, in any process."""

from __future__ import annotations

import math
import multiprocessing
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from training.worlds.render import HELD_OUT_SEED, SHAPES, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

Array = np.ndarray[Any, Any]

PRINTS: Final = 4
"""Batches that a picture serves in: rendering is the largest part of a step's cost."""


class Batch(NamedTuple):
    """Pictures (N, H, W, 3) in uint8, depth (N, H/2, W/2) in metres, focal lengths (N,) in diagonals.

    The depth of the sky is infinite.
    """

    images: Array
    depth: Array
    focal: Array


def halved(depth: Array) -> Array:
    """Return depth (H/2, W/2): of each four pixels the second nearest, so that edges stay sharp."""
    height, width = depth.shape
    four = (
        depth.reshape(height // 2, 2, width // 2, 2).transpose(0, 2, 1, 3).reshape(height // 2, width // 2, 4)
    )
    return np.sort(four, -1)[..., 1]


def batch(step: int, *, seed: int, size: int, shape: tuple[int, int] | None = None) -> Batch:
    """Return the batch of a step; all its pictures have one shape."""
    if seed >= HELD_OUT_SEED:
        raise ValueError(f"seed {seed} belongs to the evaluation; train with one below {HELD_OUT_SEED}")
    shape = SHAPES[step % len(SHAPES)] if shape is None else shape
    # Rendering is dear: each picture serves in `PRINTS` batches of its shape, developed anew each time.
    new = -(-size // PRINTS)
    pictures = []
    for print_ in range(PRINTS):
        first = max(step - print_ * len(SHAPES), step % len(SHAPES))
        count = (size - print_ - 1) // PRINTS + 1
        pictures += [render(seed, first * new + k, shape, print_=print_) for k in range(count)]
    return Batch(
        np.stack([p.image for p in pictures]),
        np.stack([halved(p.depth) for p in pictures]),
        np.array([p.focal / math.hypot(*shape) for p in pictures], np.float32),
    )


def _produce(pipe: Connection, make: Callable[[int], Any], step: int) -> None:
    """Send what `make` returns for one step after another; a broken pipe, the trainer's end, ends it."""
    while True:
        made = make(step)
        try:
            pipe.send(made)
        except (BrokenPipeError, ConnectionResetError):
            return
        step += 1


class Producer:
    """A process that calls `make` for the steps from `step` on, one ahead of the trainer."""

    def __init__(self, make: Callable[[int], Any], step: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_produce, args=(theirs, make, step), daemon=True)
        self.process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self.process.terminate()
        self.process.join()

    def next(self) -> Any:
        """Return the next product; an `EOFError` says that the producer has died."""
        return self._pipe.recv()
