"""The real supervisor of the real system, with a proxy (wire) between each role and each server.

Run as ``python -m tests.chaos.daemon``. The wires' ports come in `CHAOS_WIRES` as JSON,
``{role: {server: port}}``. The harness owns the wires and outlives this process, so they survive a power cut.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bus.runtime import logs
from sharpstream.stack import daemon, orphan_processes, roles
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.lock import only_one
from sharpstream.stack.roles import Role, Servers
from sharpstream.stack.state_dir import Home, default_root
from sharpstream.stack.system import System

WIRES = "CHAOS_WIRES"
TWIN = "inference2"
"""A second inference worker, so that takeovers between workers are tested."""


def wires() -> dict[str, dict[str, int]]:
    """Return the ports at which each role reaches each server."""
    return json.loads(os.environ[WIRES])


def listener(role: str) -> str:
    """Return the name of the role's listener; "partners" is the name of the partners' listener."""
    return f"wire_{role}"


class WiredKafka(Kafka):
    """Kafka with one more listener per role, advertised as the near end of the role's wire."""

    def _listeners(self) -> dict[str, object]:
        options = super()._listeners()
        for role, ports in wires().items():
            name = listener(role).upper()
            options["listeners"] = f"{options['listeners']},{name}://{self._address(listener(role))}"
            advertised = f"{name}://127.0.0.1:{ports['kafka']}"
            options["advertised.listeners"] = f"{options['advertised.listeners']},{advertised}"
            protocols = options["listener.security.protocol.map"]
            options["listener.security.protocol.map"] = f"{protocols},{name}:SASL_PLAINTEXT"
        return options

    def _logins(self) -> dict[str, object]:
        options = super()._logins()
        login = options["listener.name.internal.scram-sha-512.sasl.jaas.config"]
        for role in wires():
            options[f"listener.name.{listener(role)}.scram-sha-512.sasl.jaas.config"] = login
        return options


class WiredSystem(System):
    """The system, with each role configured with the addresses of its wires."""

    kafka = WiredKafka

    def _roles(self, servers: Servers) -> list[Role]:
        found = []
        for name in wires():
            plain = "inference" if name == TWIN else name
            all_of_them = roles.roles(self._home, self._memory, wired(servers, name))
            (role,) = [each for each in all_of_them if each.name == plain]
            found.append(self._twin(role) if name == TWIN else role)
        return found

    def _twin(self, role: Role) -> Role:
        port = self._memory.port(f"{TWIN}_health")
        env = dict(role._env) | {"INFERENCE_INSTANCE_ID": TWIN, "HEALTH_PORT": str(port)}
        return Role(TWIN, role._command, env, self._home, port)


def wired(servers: Servers, role: str) -> Servers:
    """Return the settings of the same servers, reached through the role's wires."""
    near = wires()[role]
    servers = servers.of("inference" if role == TWIN else role)
    return replace(
        servers,
        kafka=servers.kafka.model_copy(update={"bootstrap_servers": f"127.0.0.1:{near['kafka']}"}),
        s3=servers.s3.model_copy(update={"endpoint_url": f"http://127.0.0.1:{near['s3']}"}),
        database_url=_through(servers.database_url, near.get("postgres")),
    )


def _through(url: str, port: int | None) -> str:
    parts = urlsplit(url)
    at = f"{parts.username}:{parts.password}@127.0.0.1:{port or parts.port}"
    return urlunsplit(parts._replace(netloc=at))


class WiredDaemon(daemon.Daemon):
    """The supervisor's process around the wired system."""

    def _make(self, *arguments: Any) -> System:
        return WiredSystem(*arguments)


def main() -> int:
    home = Home(default_root())
    home.create()
    logs.configure("supervisor")
    with only_one(home) as alone:
        if not alone:
            return 0
        home.failure.unlink(missing_ok=True)
        orphan_processes.end(home)
        return daemon.run(WiredDaemon(home))


if __name__ == "__main__":
    sys.exit(main())
