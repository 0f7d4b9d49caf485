"""How a caller looks inside a forward pass: a callable that is handed every stage by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Record = Callable[[str, Tensor], None]
"""Called with a stage's name and its tensor, which must be copied if it is to be kept."""


def ignore(name: str, value: Tensor) -> None:
    """Keep nothing: the recorder of a normal prediction."""
