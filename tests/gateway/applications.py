"""Applications that tests take in turn: to make one costs 0.1 s, most of it Litestar's copying of routes.

Everything that serves a request is built when an application starts, from the settings of the test that
starts it. What is made before is the table of routes, which no test changes, and the counters, which are set
back.
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
"""Each with the settings that it reads when it starts, by those that its table of routes is made from."""


@contextmanager
def application(settings: Settings) -> Iterator[Litestar]:
    """An application for one test, not started; by the end it must have been stopped."""
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
    # Not reached where it could not be started or stopped: such a one is not lent again.
    app.state = State()
    for metric in vars(app.asgi_handler._metrics).values():
        if getattr(metric, "_labelnames", ()):
            metric.clear()
        elif hasattr(metric, "reset"):
            metric.reset()
        elif hasattr(metric, "set"):
            metric.set(0)
    free.append((app, read))
