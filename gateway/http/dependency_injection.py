"""Litestar's dependencies from groups of instances: a handler names the field as its parameter.

Each subject folder has a ``dependencies.py`` with one such group, a frozen dataclass. The groups are built
when the application starts, so a dependency reads its instance from the application's state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeGuard

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition


def provide(*groups: type) -> dict[str, Provide]:
    """Return one dependency for each field of the dataclasses ``groups``.

    Raises `RuntimeError` where two groups have a field of the same name.
    """
    names = [field.name for group in groups for field in fields(group)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RuntimeError(f"Two groups of dependencies have the same field: {', '.join(twice)}.")
    return {name: Provide(_reader(name), sync_to_thread=False) for name in names}


def check(app: Litestar) -> None:
    """Raise `RuntimeError` where a dependency is named like a parameter, or a field of a request's body.

    Litestar takes an invalid value of that name for a fault of the dependency and answers 500, not 422.
    """
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            names = {field.name for field in _body(handler)}
            names |= {name for name, each in _parameters(handler) if not each.is_di_field}
            if taken := sorted(names & app.dependencies.keys()):
                raise RuntimeError(f"{handler.operation_id}: these are dependencies too: {', '.join(taken)}.")


def _body(handler: HTTPRouteHandler) -> tuple[msgspec.structs.FieldInfo, ...]:
    data = handler.parsed_data_field
    body = data.annotation if data is not None else None
    return msgspec.structs.fields(body) if _is_struct(body) else ()


def _parameters(handler: HTTPRouteHandler) -> Iterable[tuple[str, FieldDefinition]]:
    return handler.parsed_fn_signature.parameters.items()


def publish(state: State, *groups: Any) -> None:
    """Put the instances of the built groups into the state, where `provide` finds them."""
    for group in groups:
        for field in fields(group):
            state[field.name] = getattr(group, field.name)


def _reader(name: str) -> Any:
    def read(state: State) -> Any:
        return state[name]

    return read


def _is_struct(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    """Return whether ``kind`` is a class of msgspec's structs."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
