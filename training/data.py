"""Batches by number: batch `step` of a seed is always the same, in any process."""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from training.worlds.render import HELD_OUT_SEED, SHAPES, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

Array = np.ndarray[Any, Any]

PRINTS: Final = 4
"""Batches that a picture serves in: rendering is the largest part of a step's cost."""
GROUP: Final = 48
"""Steps in a row whose batches share pictures, so that one process makes them."""


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
    begin = step - step % GROUP
    pictures = []
    for print_ in range(PRINTS):
        first = max(step - print_ * len(SHAPES), begin + (step - begin) % len(SHAPES))
        count = (size - print_ - 1) // PRINTS + 1
        pictures += [render(seed, first * new + k, shape, print_=print_) for k in range(count)]
    return Batch(
        np.stack([p.image for p in pictures]),
        np.stack([halved(p.depth) for p in pictures]),
        np.array([p.focal / math.hypot(*shape) for p in pictures], np.float32),
    )


def _produce(pipe: Connection, make: Callable[[int], Any], steps: Iterator[int], ahead: int) -> None:
    """Send what `make` returns for one step after another, made up to `ahead` steps before it is taken."""
    made: queue.Queue[Any] = queue.Queue(ahead)
    threading.Thread(target=_send, args=(pipe, made), daemon=True).start()
    for step in steps:
        made.put(make(step))


def _send(pipe: Connection, made: queue.Queue[Any]) -> None:
    """Send products for ever; a broken pipe, the trainer's end, ends the process."""
    while True:
        try:
            pipe.send(made.get())
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)


class Steps:
    """The steps from `first` on whose groups belong to one of `count` processes, in order, without end."""

    def __init__(self, first: int, process: int, count: int) -> None:
        self._next, self._process, self._count = first, process, count

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        while self._next // GROUP % self._count != self._process:
            self._next += GROUP - self._next % GROUP
        self._next += 1
        return self._next - 1


class Producer:
    """Processes that call `make` for the steps from `step` on, ahead of the trainer.

    One process is a step ahead. Several make a `GROUP` of steps each, and hold it until its turn: 150 MB a
    process with batches of 16.
    """

    def __init__(self, make: Callable[[int], Any], step: int, count: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self._step, self._pipes = step, list[Any]()
        self.processes = []
        for number in range(count):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_produce,
                args=(theirs, make, Steps(step, number, count), GROUP if count > 1 else 1),
                daemon=True,
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self.processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self.processes:
            process.terminate()
            process.join()

    def next(self) -> Any:
        """Return the next product; an `EOFError` says that its producer has died."""
        pipe = self._pipes[self._step // GROUP % len(self._pipes)]
        self._step += 1
        return pipe.recv()
