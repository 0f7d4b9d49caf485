"""The composition root of the stack: which parts there are, and in which order they start."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import structlog

from bus.contract import role_rights
from sharpstream.stack import (
    checks,
    data_check,
    java,
    own_commands,
    roles,
    web_build,
)
from sharpstream.stack.errors import StackError
from sharpstream.stack.infra import addresses
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.logfiles import Limits, expire, last_line, progress_in, shorten
from sharpstream.stack.partner_listener import PartnerListener
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.postgres import Postgres
from sharpstream.stack.s3 import S3
from sharpstream.stack.state_dir import Home, Memory, write_private
from sharpstream.stack.supervisor import Supervisor

T = TypeVar("T")
log = structlog.get_logger(__name__)
Progress = Callable[[str], None]

ADMIN_EMAIL: Final = "admin@sharpstream.example"
_KEY_NAME: Final = "first key"
_LOG_CHECK_INTERVAL_S: Final = 60
_TIMEOUT_S: Final = 10
"""After so long without news a start reports its progress."""


class System:
    """All parts of one home. `bring_up` once, then `status` and `supervisor` until `stop`."""

    kafka: type[Kafka] = Kafka
    """The class of the broker; tests give each role a listener of its own, or TLS."""
    postgres: type[Postgres] = Postgres
    s3: type[S3] = S3

    def __init__(self, home: Home, progress: Progress) -> None:
        self.supervisor = Supervisor(home)
        self.up = False
        self._home, self._say = home, progress
        self._memory = Memory(home)
        self._background: list[asyncio.Task[None]] = []
        self._log_limits = Limits()

    async def bring_up(self) -> None:
        """Check, start the servers, prepare their content, start the roles. Raises `StackError`."""
        checks.disk(self._home.root)
        if sentence := checks.network_disk(self._home.root):
            self._say(sentence)
        self._log_limits = Limits.read(os.environ)
        data_check.require_whole(self._home)
        data_check.begin_start(self._home, self._memory)
        for name in await checks.assign_ports(self._memory, os.environ):
            self._say(f"the port of {name} was taken meanwhile; it gets a new one")
        if not java.fetched():
            self._say("fetching Kafka, once (43 MB)")
        await asyncio.to_thread(checks.tools, self._say_from_thread())
        building = asyncio.create_task(self._build_page())
        try:
            servers = await self._start_servers()
            await building
        finally:
            building.cancel()
        await self._start_roles(servers)
        # Only now: Kafka makes the folders of new topics after it has said that they exist.
        self._remember("kafka", topics=data_check.own_topics(self._home))
        self._background.append(asyncio.create_task(self._keep_logs_short()))
        self.up = True

    async def stop(self) -> None:
        """Stop everything, roles first."""
        for task in self._background:
            task.cancel()
        await self.supervisor.stop()

    def status(self) -> dict[str, Any]:
        """Return what `sharpstream status --json` prints."""
        parts = self.supervisor.report()
        return {
            "ready": self.up and all(part["state"] == "ready" for part in parts.values()),
            "page": {"built": web_build.built() is not None, "note": web_build.note()},
            "gateway": {"url": f"http://{LOOPBACK}:{self._memory.port('gateway')}"},
            "kafka": {
                "bootstrap_servers": f"{LOOPBACK}:{self._memory.port('kafka_internal')}",
                "sasl_bootstrap_servers": PartnerListener.read().address(self._memory.port("kafka_partners")),
            },
            "model": roles.model(),
            "webhooks": roles.webhooks_note(),
            "roles": parts,
            "credentials_file": str(self._home.credentials),
            "home": str(self._home.root),
            "supervisor": {"pid": os.getpid()},
        }

    async def _start_servers(self) -> roles.Servers:
        """Start the three together; each one's content is prepared as soon as it is ready."""
        where = (self._home, self._memory)
        kafka, postgres, s3 = self.kafka(*where), self.postgres(*where), self.s3(*where)
        self.supervisor.add(kafka)
        self.supervisor.add(postgres)
        self.supervisor.add(s3)
        servers = roles.Servers(
            kafka=kafka.settings,
            s3=s3.settings,
            database_url=postgres.url,
            own={
                role: roles.Servers(
                    kafka=kafka.settings_of(role),
                    s3=s3.settings_of(role),
                    database_url=postgres.url_for(role),
                )
                for role in role_rights.ROLES
            },
        )
        everything = servers.variables() | roles.password_variables(self._memory)

        async def prepare_database() -> None:
            await self._start("postgres")
            self._remember("postgres")
            await asyncio.to_thread(postgres.create_database)
            await self._run(everything, "ledger", "migrate")
            await self._make_admin(servers, addresses(kafka, postgres, s3))

        async def prepare_kafka() -> None:
            await self._start("kafka")
            await self._run(everything, "gateway", "grant-roles")
            await self._run(servers.variables(), "bus.kafka.admin")
            self._remember("kafka")

        async def prepare_s3() -> None:
            await self._start("s3")
            await self._run(servers.variables(), "bus.blobs")
            self._remember("s3", names=data_check.names_in(self._home.root / "s3" / "data"))

        await _all(prepare_database(), prepare_kafka(), prepare_s3())
        await self._republish(everything)
        return servers

    async def _republish(self, variables: dict[str, str]) -> None:
        """Publish the events of a lost log again, once, before any role runs."""
        epoch = self._memory.topic_epoch
        if epoch == 1 or self._memory.known_fact("republished") == str(epoch):
            return
        self._say("publishing the log of events again")
        said = (await self._run(variables, "ledger", "republish", capture=True)).splitlines()[-1]
        if done := json.loads(said):
            self._say(f"{done['events']} events are published again; {done['ended']} unfinished jobs ended")
            if done["partners"]:
                slugs = ", ".join(done["partners"])
                self._say(f"these partners need new passwords (sharpstream partners rotate ID): {slugs}")
        self._memory.change_fact("republished", str(epoch))

    def _remember(self, part: str, **more: object) -> None:
        data_check.remember(self._home, self._memory, part, **more)

    async def _start_roles(self, servers: roles.Servers) -> None:
        for role in self._roles(servers):
            self.supervisor.add(role)
        mine = [name for name, part in self.supervisor.parts.items() if not part.is_server]
        await _all(*(self._start(name) for name in mine))

    def _roles(self, servers: roles.Servers) -> list[roles.Role]:
        return roles.roles(self._home, self._memory, servers)

    def _say_from_thread(self) -> Progress:
        loop = asyncio.get_running_loop()

        def say(line: str) -> None:
            loop.call_soon_threadsafe(self._say, line)

        return say

    async def _build_page(self) -> None:
        try:
            await asyncio.to_thread(web_build.build, self._say_from_thread())
        except StackError as error:  # everything else works without it
            self._say(f"the web page is not built: {error.message}")

    async def _start(self, name: str) -> None:
        began = asyncio.get_running_loop().time()
        reporting = asyncio.create_task(self._report_progress(name))
        try:
            await self.supervisor.start([name])
        finally:
            reporting.cancel()
        self._say(f"{name} is ready ({asyncio.get_running_loop().time() - began:.1f} s)")

    async def _report_progress(self, name: str) -> None:
        while True:
            await asyncio.sleep(_TIMEOUT_S)
            self._say(f"{name} is still starting: {progress_in(last_line(self._home.log(name)))}")

    async def _make_admin(self, servers: roles.Servers, reach: dict[str, Any]) -> None:
        """Create the first account once; its key is shown only then, so it is stored immediately.

        A start that was interrupted between the two has an account and no key; `--reset` makes a new one.
        """
        variables = roles.gateway_variables(self._memory, servers)
        password = self._memory.fact("admin_password", lambda: secrets.token_urlsafe(15))  # 20 characters
        if self._memory.known_fact("api_key") is None:
            env = variables | {"SHARPSTREAM_ADMIN_PASSWORD": password}
            arguments = ("create-admin", "--email", ADMIN_EMAIL, "--api-key-name", _KEY_NAME, "--reset")
            said = await self._run(env, "gateway", *arguments, capture=True)
            key = str(json.loads(said.splitlines()[-1])["api_key"])
            self._memory.fact("api_key", lambda: key)
            self._say("the first account is made")
        person = {
            "email": ADMIN_EMAIL,
            "password": password,
            "api_key": self._memory.known_fact("api_key"),
        }
        write_private(self._home.credentials, person | reach)

    async def _run(self, env: dict[str, str], *command: str, capture: bool = False) -> str:
        """Run one of our own commands to its end; with ``capture`` return its output, else it is logged."""
        return await own_commands.run(self._home, env, *command, capture=capture)

    async def _keep_logs_short(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_INTERVAL_S)
            try:
                expire(self._home.logs, self._log_limits)
                for path in self._home.logs.glob("*.log"):
                    shorten(path, self._log_limits)
            except Exception as error:  # noqa: BLE001  (a full disk, for one; the next round may succeed)
                log.warning("logs_not_shortened", error=repr(error))


async def _all(*work: Awaitable[None]) -> None:
    """Wait for all; the first failure cancels the others and is raised as itself, not in a group."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
