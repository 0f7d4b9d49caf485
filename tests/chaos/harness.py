"""Fault-injection harness: the system's processes, its wires (proxies), and the faults injected."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from sharpstream.stack import control, orphan_processes
from sharpstream.stack.errors import StackError
from sharpstream.stack.process import START_S, die_with_parent
from sharpstream.stack.state_dir import HOME_KEY, Home
from tests.chaos.daemon import WIRES, listener
from tests.chaos.proxy import Proxy
from tests.chaos.schedule import EVERYTHING, ROLES, Action, reachable
from tests.sharpstream.stack.programs import tail

ROOT = Path(__file__).parents[2]
UP_S = 240.0
ALIVE_S = START_S
"""A part that is being restarted is waited for, so that each fault hits a running process."""
_PORT_NAMES = {"postgres": "postgres", "s3": "s3_s3"}
SETTINGS = {
    "INFERENCE_MODEL": "card",
    "GATEWAY_BCRYPT_ROUNDS": "4",
    # Deliveries of a killed sender are retried after its lease: 90 s would be most of a round.
    "WEBHOOKS_TIMEOUT_SECONDS": "5",
    "WEBHOOKS_LEASE_SECONDS": "10",
    "WEBHOOKS_LOOPBACK_PORTS": "1024-65535",
}


class Harness:
    """The stack in ``home`` with a proxy on every connection. Use as an async context manager."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        self.wires: dict[tuple[str, str], Proxy] = {}
        self._supervisor: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        for role in ROLES:
            for server in reachable(role):
                wire = self.wires[role, server] = Proxy(self._far(role, server))
                await wire.start()
        await self.up()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.heal()
        for process in orphan_processes.find(self.home):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(self._down)
        for wire in self.wires.values():
            await wire.close()

    def _far(self, role: str, server: str) -> Any:
        name = f"kafka_{listener(role)}" if server == "kafka" else _PORT_NAMES[server]

        def port() -> int:
            return int(json.loads((self.home.root / "memory.json").read_text())["ports"][name])

        return port

    # --- the supervisor ---

    async def up(self) -> None:
        """Start the supervisor and wait until everything is ready."""
        self.home.create()
        ports: dict[str, dict[str, int]] = {role: {} for role in ROLES}
        for (role, server), wire in self.wires.items():
            ports[role][server] = wire.port
        env = os.environ | SETTINGS | {HOME_KEY: str(self.home.root), "SHARPSTREAM_PART": "supervisor"}
        env |= {WIRES: json.dumps(ports), "PYTHONPATH": str(ROOT)}
        with self.home.log("supervisor").open("ab") as log:
            self._supervisor = subprocess.Popen(  # noqa: ASYNC220 - ends with this thread, hence no other
                [sys.executable, "-P", "-m", "tests.chaos.daemon"],
                env=env,
                cwd=self.home.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
            )
        await self.until_ready(UP_S)

    def _down(self) -> None:
        assert self._supervisor
        self._supervisor.terminate()
        self._supervisor.wait()
        orphan_processes.end(self.home)

    def status(self) -> dict[str, Any]:
        """Return the supervisor's report; an empty one while no supervisor runs."""
        with suppress(ConnectionError, FileNotFoundError):
            for answer in control.ask(self.home, do="status"):
                return answer
        return {"ready": False, "roles": {}}

    async def until_ready(self, seconds: float) -> None:
        """Wait until every part is ready."""
        deadline = time.monotonic() + seconds
        while not (status := await asyncio.to_thread(self.status))["ready"]:
            assert self._supervisor
            assert self._supervisor.poll() is None, self.home.failure.read_text()
            assert time.monotonic() < deadline, f"not ready after {seconds} s: {self.unready(status)}"
            await asyncio.sleep(0.25)

    def unready(self, status: dict[str, Any]) -> str:
        """Return the state of the parts that are not ready, and the ends of their logs."""
        waiting = {name: part for name, part in status["roles"].items() if part["state"] != "ready"}
        return "\n".join(f"{name}: {part}\n{tail(self.home.log(name))}" for name, part in waiting.items())

    async def pid(self, part: str) -> int:
        """Return the process id of a part, as soon as it has one."""
        deadline = time.monotonic() + ALIVE_S
        while True:
            found = (await asyncio.to_thread(self.status))["roles"].get(part, {}).get("pid")
            if found or time.monotonic() > deadline:
                log = tail(self.home.log(part))
                assert found, f"{part} was not started again within {ALIVE_S} s:\n{log}"
                return int(found)
            await asyncio.sleep(0.1)

    @property
    def credentials(self) -> dict[str, Any]:
        """Return the generated accounts and the direct addresses of the servers."""
        return json.loads(self.home.credentials.read_text())

    @property
    def url(self) -> str:
        """Return the gateway's address."""
        return str(self.status()["gateway"]["url"])

    # --- the faults ---

    async def inject(self, action: Action) -> None:
        """Carry out an action to its end."""
        match action.kind:
            case "kill" if action.target == EVERYTHING:
                await self.power_cut()
            case "kill":
                with suppress(ProcessLookupError):
                    os.kill(await self.pid(action.target), signal.SIGKILL)
            case "freeze":
                await self._freeze(action)
            case "restart":
                await asyncio.to_thread(self._restart, action.target)
            case _:
                await self._on_the_wire(action)

    async def power_cut(self) -> None:
        """SIGKILL every process of the stack at once, the supervisor too; then start it again."""
        for process in orphan_processes.find(self.home):
            with suppress(psutil.Error):
                process.kill()
        assert self._supervisor
        await asyncio.to_thread(self._supervisor.wait)
        await self.up()

    async def _freeze(self, action: Action) -> None:
        with suppress(psutil.Error):
            leader = psutil.Process(await self.pid(action.target))
            frozen = [leader, *leader.children(recursive=True)]
            try:
                _signal(frozen, signal.SIGSTOP)
                await asyncio.sleep(action.seconds)
            finally:
                _signal(frozen, signal.SIGCONT)

    def _restart(self, part: str) -> None:
        for do in ("stop", "start"):
            # With another fault in a server, the start may exceed the supervisor's timeout while the part
            # continues to start. That all parts are ready is checked after the faults.
            with suppress(StackError, ConnectionError, FileNotFoundError):
                list(control.ask(self.home, do=do, part=part))

    async def _on_the_wire(self, action: Action) -> None:
        wire = self.wires[action.target, action.server]
        try:
            match action.kind:
                case "cut":
                    await wire.cut()
                case "stall":
                    wire.stall()
                case _:
                    wire.slow(0.1)
            await asyncio.sleep(action.seconds)
        finally:
            wire.heal()

    def heal(self) -> None:
        """Restore every wire."""
        for wire in self.wires.values():
            wire.heal()


def _signal(processes: list[psutil.Process], how: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(how)
