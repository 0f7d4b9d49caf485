"""The HTTP server's command."""

from __future__ import annotations

from argparse import Namespace

from bus.runtime import process
from bus.runtime.settings import RoleSettings
from gateway import settings
from gateway.http import socket_options


def main(role: RoleSettings, _options: Namespace) -> int:
    """Serve with the settings of the environment. Raises `ConfigurationError`."""
    given = settings.read()
    socket_options.listening(given.gateway.host, given.gateway.port).close()
    # What can be wrong is said before the application is imported, which takes 2 s.
    from gateway.serving import serve  # noqa: PLC0415

    process.run(serve(given, role))
    return process.DONE
