"""Models that fail on purpose, for tests of the code around a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference_consumer.models import Estimates, ModelInfo, Photo, Splat, YieldPoint, no_preemption

INFO = ModelInfo(
    name="fake",
    version="1",
    licence="none",
    weights_sha256="ab" * 32,
    dtype="float32",
    device="cpu",
    max_batch=8,
)


@dataclass
class Echo(Splat):
    """A splat whose bytes are its item's text."""

    item: Any
    count: int = 3

    def ply(self) -> bytes:
        return f"ply {self.item}".encode()


@dataclass
class Estimating(Echo):
    """An `Echo` of a model that found something out."""

    estimates: Estimates = Estimates()  # noqa: RUF009  (immutable; a factory would leave the property)


@dataclass
class FakeModel:
    """Runs ``answer`` on its batches and remembers them; items are whatever `prepare` returns."""

    answer: Callable[[list[Any]], Sequence[Splat | Exception]] = lambda items: [Echo(i) for i in items]
    info: ModelInfo = INFO
    bytes_of: Callable[[Any], int] = lambda _: 1
    prepared: Callable[[Photo], Any] = lambda photo: photo.pixels.shape[:2]
    between: Callable[[list[Any], YieldPoint], None] = lambda _items, _pause: None
    batches: list[list[Any]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def prepare(self, photo: Photo) -> Any:
        return self.prepared(photo)

    def item_bytes(self, item: Any) -> int:
        return self.bytes_of(item)

    def run(self, items: Sequence[Any], pause: YieldPoint = no_preemption) -> Sequence[Splat | Exception]:
        self.batches.append(list(items))
        self.threads.add(threading.get_ident())
        self.between(list(items), pause)
        return self.answer(list(items))
