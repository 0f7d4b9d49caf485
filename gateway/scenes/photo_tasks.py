"""What the gateway's photo workers run (`bus.sandbox`): the checks of `gateway.scenes.photo_check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bus.sandbox.worker import Output
from gateway.scenes import photo_check
from gateway.scenes.photo_check import PhotoFacts


def check(photo: bytes) -> PhotoFacts:
    """Announce the header's facts, then read to the last pixel. Raises `DomainError`."""
    facts = photo_check.inspect(photo)
    Output.announce(facts)
    photo_check.verify(photo)
    return facts


TASKS: Final[Mapping[str, Callable[..., Any]]] = {"check": check}


def prepare() -> None:
    """Load every decoder."""
    photo_check.prepare()
