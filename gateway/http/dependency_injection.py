"""Litestar's dependencies from groups of instances: a handler names the field as its parameter.

Each subject folder has a ``dependencies.py`` with one such group, a frozen dataclass. The groups are built
when the application starts, so a dependency reads its instance from the application's state.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from litestar.datastructures import State
from litestar.di import Provide


def provide(*groups: type) -> dict[str, Provide]:
    """Return one dependency for each field of the dataclasses ``groups``.

    Raises `RuntimeError` where two groups have a field of the same name.
    """
    names = [field.name for group in groups for field in fields(group)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RuntimeError(f"Two groups of dependencies have the same field: {', '.join(twice)}.")
    return {name: Provide(_reader(name), sync_to_thread=False) for name in names}


def publish(state: State, *groups: Any) -> None:
    """Put the instances of the built groups into the state, where `provide` finds them."""
    for group in groups:
        for field in fields(group):
            state[field.name] = getattr(group, field.name)


def _reader(name: str) -> Any:
    def read(state: State) -> Any:
        return state[name]

    return read
