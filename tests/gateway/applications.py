"""A pool of applications for tests: making one costs 0.1 s, most of it Litestar's copying of routes.

Everything that serves a request is built when an application starts, from the settings of the test that
starts it. Only the route table, which no test changes, and the counters, which are reset, are made before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace

from litestar import Litestar
from litestar.datastructures import State

from gateway.app import create_app
from gateway.settings import Settings

FREE: defaultdict[tuple[str, ...], list[tuple[Litestar, Settings]]] = defaultdict(list)
"""Idle applications with the settings that each reads at its start, by those that determine its routes."""


@contextmanager
def application(settings: Settings) -> Iterator[Litestar]:
    """Yield an application for one test, not started; the test must have stopped it by the end."""
    own = settings.gateway
    free = FREE[own.public_url, *own.cors_origins]
    if free:
        app, read = free.pop()
        for each in fields(settings):
            object.__setattr__(read, each.name, getattr(settings, each.name))
    else:
        read = replace(settings)
        app = create_app(read)
    yield app
    # Not reached if starting or stopping failed: such an application is not reused.
    app.state = State()
    for metric in vars(app.asgi_handler._metrics).values():
        if getattr(metric, "_labelnames", ()):
            metric.clear()
        elif hasattr(metric, "reset"):
            metric.reset()
        elif hasattr(metric, "set"):
            metric.set(0)
    free.append((app, read))
