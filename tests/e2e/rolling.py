"""The roles as an operator of many machines runs them: processes of their own, replaced one by one.

Servers are those of the stack; two gateways stand behind the shipped proxy, which takes one out before it is
stopped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import pytest

from bus.contract import role_rights
from sharpstream.stack import ports
from sharpstream.stack.process import die_with_parent
from sharpstream.stack.state_dir import Home, Memory
from tests.conftest import START_S, Infra, _read
from tests.deploy.proxied import Shipped, nginx, shipped
from tests.e2e.releases import Build

LIMIT_S = 300
"""Only turns a hang into a failure."""
SECRETS = {"GATEWAY_JWT_SECRET": "j" * 40, "GATEWAY_API_KEY_PEPPER": "p" * 40, "WEBHOOKS_KEY": "w" * 40}
MODULES = {
    "gateway-a": ("gateway",),
    "gateway-b": ("gateway",),
    "relay": ("gateway", "relay"),
    "webhooks": ("gateway", "webhooks"),
    "partners": ("gateway", "partners"),
    "inference": ("inference_consumer",),
    "export": ("export_consumer",),
    "ledger": ("ledger", "run"),
}
"""Process -> how it is run."""
ORDER = ("ledger", "export", "webhooks", "partners", "inference", "relay", "gateway-a", "gateway-b")
"""Readers before writers: who writes a new version of an event comes after all who read it."""


class Installation:
    """The servers' addresses, and the processes that run."""

    def __init__(self, folder: Path, infra: Infra, memory: Memory) -> None:
        self.folder, self.infra, self.memory = folder, infra, memory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: list[IO[bytes]] = []
        self.ports = {name: memory.port(f"drill_{name}") for name in (*MODULES, "proxy", "proxy_plain")}
        self.health = {name: memory.port(f"drill_{name}_health") for name in MODULES}
        self.url = f"https://localhost:{self.ports['proxy']}"
        self._proxy: Shipped | None = None

    # --- what an operator runs once ---

    def owner(self) -> dict[str, str]:
        """Return the environment of the users with all rights."""
        kafka, s3 = self.infra.kafka, self.infra.s3
        assert kafka.password
        assert s3.access_key_id
        assert s3.secret_access_key
        passwords = {f"ROLE_PASSWORD_{r.upper()}": self.memory.role_password(r) for r in role_rights.ROLES}
        return {
            **passwords,
            **SECRETS,
            "PATH": os.environ["PATH"],
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA_USERNAME": kafka.username or "",
            "KAFKA_PASSWORD": kafka.password.get_secret_value(),
            "S3_ENDPOINT_URL": s3.endpoint_url or "",
            "S3_ACCESS_KEY_ID": s3.access_key_id.get_secret_value(),
            "S3_SECRET_ACCESS_KEY": s3.secret_access_key.get_secret_value(),
            "S3_BUCKET": s3.bucket,
            "DATABASE_URL": self.infra.database_url,
            "GATEWAY_BCRYPT_ROUNDS": "4",
        }  # fmt: skip

    def migrate(self, build: Build) -> None:
        """Bring schema, users and topics to what the build needs, beside whatever runs."""
        build.run(self.owner(), "ledger", "migrate")
        build.run(self.owner(), "gateway", "grant-roles")
        build.run(self.owner(), "bus.kafka.admin")
        build.run(self.owner(), "bus.blobs")

    # --- the processes ---

    def start(self, name: str, build: Build) -> None:
        """Start a process of the build and wait until it is ready."""
        log = (self.folder / f"{name}.log").open("ab")
        self.logs.append(log)
        self.processes[name] = subprocess.Popen(
            build.command(*MODULES[name]),
            env={**self._environment(name), **build.environment},
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
        )
        self._until_ready(name)
        if name.startswith("gateway"):
            self._send_to(*self._gateways())

    def stop(self, name: str) -> None:
        """Stop a process with SIGTERM, a gateway after the proxy has taken it out; it ends with 0."""
        if name.startswith("gateway"):
            self._send_to(*(each for each in self._gateways() if each != name))
        process = self.processes.pop(name)
        process.terminate()
        assert process.wait(LIMIT_S) == 0, self.log(name)

    def replace(self, name: str, build: Build) -> None:
        """Replace a process by one of the other build."""
        self.stop(name)
        self.start(name, build)

    def end(self) -> None:
        """End every process that still runs."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        for log in self.logs:
            log.close()

    def log(self, name: str) -> str:
        """Return the end of a process's log."""
        return f"--- {name} ---\n{(self.folder / f'{name}.log').read_text(errors='replace')[-3000:]}"

    @contextmanager
    def proxied(self) -> Iterator[Path]:
        """Run the proxy for the body; yield the certificate of its authority."""
        if nginx() is None:
            pytest.skip("the upgrade drill needs a proxy: install nginx, or on Debian run: make browser")
        given = {
            "PROXY_NAME": "localhost",
            "PROXY_GATEWAY": ",".join(map(self._address, ("gateway-a", "gateway-b"))),
            "PROXY_TLS_PORT": str(self.ports["proxy"]),
            "PROXY_PLAIN_PORT": str(self.ports["proxy_plain"]),
        }
        with shipped(self.folder, given) as self._proxy:
            yield self._proxy.authority

    def _gateways(self) -> list[str]:
        return [name for name in self.processes if name.startswith("gateway")]

    def _address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def _send_to(self, *gateways: str) -> None:
        assert self._proxy is not None
        self._proxy.send_to(*map(self._address, gateways))

    def _environment(self, name: str) -> dict[str, str]:
        role = "gateway" if name.startswith("gateway") else name
        password, owner = self.memory.role_password(role), self.owner()
        database = owner["DATABASE_URL"].rpartition("@")[2]
        shared = {key: value for key, value in owner.items() if not key.startswith("ROLE_PASSWORD_")}
        return shared | {
            "KAFKA_USERNAME": role_rights.user(role),
            "KAFKA_PASSWORD": password,
            "S3_ACCESS_KEY_ID": role_rights.user(role),
            "S3_SECRET_ACCESS_KEY": password,
            "DATABASE_URL": f"postgresql://{database.rpartition('/')[2]}_{role}:{password}@{database}",
            "HEALTH_PORT": str(self.health[name]),
            "HOME": str(self.folder),
            "GATEWAY_PORT": str(self.ports[name]),
            "GATEWAY_PUBLIC_URL": self.url,
            "GATEWAY_TRUSTED_PROXIES": "127.0.0.1",
            "WEBHOOKS_LOOPBACK_PORTS": "1024-65535",
            "INFERENCE_MODEL": "null",
        }

    def _until_ready(self, name: str) -> None:
        port = self.ports[name] if name.startswith("gateway") else self.health[name]
        deadline = time.monotonic() + LIMIT_S
        while True:
            ready = False
            with suppress(httpx.TransportError):
                ready = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=20).status_code == 200
            # Asked afterwards: where another program had taken the port, that one has answered.
            assert self.processes[name].poll() is None, self.log(name)
            if ready:
                return
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.1)


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Yield an installation with its servers; every process has ended afterwards."""
    servers = folder / "servers"
    servers.mkdir(mode=0o755)
    environment = os.environ | {ports.RANGE_KEY: os.environ.get(ports.RANGE_KEY, "20000-20699")}
    with (folder / "servers.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sharpstream.stack.infra", str(servers)],
            stdout=log,
            stderr=log,
            env=environment,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
        )
    try:
        installation = Installation(folder, _read(servers / "state.json"), Memory(Home(servers)))
        try:
            yield installation
        finally:
            installation.end()
    finally:
        process.terminate()
        process.wait(START_S)
