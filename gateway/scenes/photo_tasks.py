"""What the gateway's photo workers run (`bus.sandbox`): the checks of `gateway.scenes.photo_check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.scenes import photo_check

TASKS: Final[Mapping[str, Callable[..., Any]]] = {
    "inspect": photo_check.inspect,
    "verify": photo_check.verify,
}


def prepare() -> None:
    """Load every decoder."""
    photo_check.prepare()
