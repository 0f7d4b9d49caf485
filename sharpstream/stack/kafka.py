"""Apache Kafka on one machine: one KRaft node, loopback only, every listener with passwords and ACLs."""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from bus.contract import role_rights
from bus.runtime.settings import KafkaSettings
from sharpstream.stack import fencing, java, ports, process
from sharpstream.stack.aside import set_aside
from sharpstream.stack.errors import StartError
from sharpstream.stack.partner_listener import PartnerListener
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.process import START_S, Launch
from sharpstream.stack.state_dir import Home, Memory, sync_file, sync_folder, write_private_text

ADMIN: Final = "sharpstream"
_TEN_YEARS_MINUTES: Final = 10 * 365 * 24 * 60
_QUICK: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Java's quick compiler (C1) only: a start takes half the CPU, and one machine's load does not need C2."""
_LOG4J: Final = java.POM.with_name("log4j2.properties")
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class Kafka:
    """Three listeners: CONTROLLER (itself, PLAIN), INTERNAL (our roles, SCRAM), PARTNERS (others, SCRAM)."""

    name = "kafka"
    is_server = True
    start_seconds = START_S
    note: str | None = None

    def __init__(
        self, home: Home, memory: Memory, *, durable: bool = True, listener: PartnerListener | None = None
    ) -> None:
        self._home, self._memory = home, memory
        self.listener = listener or PartnerListener.read()
        self._durable = durable
        self._folder = home.root / "kafka"
        self._password = memory.secret("kafka_admin")

    @property
    def settings(self) -> KafkaSettings:
        """The settings of the user who has all rights."""
        return KafkaSettings(
            bootstrap_servers=self._address("internal"),
            username=ADMIN,
            password=SecretStr(self._password),
            topic_epoch=self._memory.topic_epoch,
        )

    def settings_of(self, role: str) -> KafkaSettings:
        """Return a role's settings, with its own user (`bus.contract.role_rights`)."""
        mine = {"username": role_rights.user(role), "password": SecretStr(self._memory.role_password(role))}
        return self.settings.model_copy(update=mine)

    @property
    def partners(self) -> str:
        """``host:port`` of the partners' listener."""
        return self.listener.address(self._memory.port(f"{self.name}_partners"))

    def prepare(self) -> None:
        """Write the properties; at the first start, format the folder with the admin's password in it."""
        java.java()
        java.jars()
        self._folder.mkdir(exist_ok=True, mode=0o700)
        write_private_text(self._properties, "".join(f"{k}={v}\n" for k, v in self._options().items()))
        if not (self._folder / "data" / "meta.properties").exists():
            set_aside(self._folder / "data")  # left by a first start that was cut off
            self._format()
        elif fencing.was_killed(self._folder / "data"):
            self._fence()

    def launch(self) -> Launch:
        """One JVM with at most 512 MB of heap; about 400 MB resident."""
        argv = [*self._java("-Xms256m", "-Xmx512m", *_QUICK), "kafka.Kafka", str(self._properties)]
        return Launch(argv=argv, env=self._home.environment(self.name), cwd=self._folder, stop_seconds=30)

    async def ready(self) -> bool:
        """Log in and ask for metadata, as every client does."""
        if not await ports.answers(self._memory.port("kafka_internal")):
            return False  # avoids the client's log lines, ten a second
        client = AIOKafkaClient(
            **self.settings.client_options(), client_id="sharpstream-stack", request_timeout_ms=2000
        )
        try:
            await client.bootstrap()
        except (KafkaError, OSError):
            return False
        else:
            return bool(client.cluster.brokers())
        finally:
            await client.close()

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _address(self, listener: str) -> str:
        return f"{LOOPBACK}:{self._memory.port(f'kafka_{listener}')}"

    def _java(self, *options: str) -> list[str]:
        # Log4j's settings are a file. IPv4, because "127.0.0.1" would otherwise be tried as ::ffff:127.0.0.1.
        fixed = [
            f"-Dlog4j2.configurationFile={_LOG4J}",
            "-Djava.net.preferIPv4Stack=true",
            "-Djava.awt.headless=true",
            # Native codecs of Snappy and zstd are unpacked there; /tmp may forbid to execute files.
            f"-Djava.io.tmpdir={self._home.temporary}",
        ]
        return [java.java(), *options, *fixed, "-cp", f"{java.jars()}/*"]

    def _format(self) -> None:
        """Format a folder beside the log's place, and rename it once it is on the disk: a cut leaves none.

        Through an argument file, because every user can read a command line.
        """
        cluster = self._memory.fact("kafka_cluster_id", cluster_id)
        partial = self._folder / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        beside, arguments = self._folder / "format.properties", self._folder / "format.arguments"
        options = self._options() | {"log.dirs": partial}
        write_private_text(beside, "".join(f"{k}={v}\n" for k, v in options.items()))
        scram = f"SCRAM-SHA-512=[name={ADMIN},password={self._password}]"
        lines = ["format", "--config", beside, "--cluster-id", cluster, "--add-scram", scram]
        write_private_text(arguments, "".join(f"{line}\n" for line in lines))
        argv = [*self._java(*_QUICK), "kafka.tools.StorageTool", f"@{arguments}"]
        try:
            done = process.run(argv, env=self._home.environment(self.name), cwd=self._folder)
        finally:
            arguments.unlink()
            beside.unlink()
        if done.returncode != 0:
            raise StartError(
                f"Kafka could not format {self._folder}: {(done.stderr or done.stdout).strip()[-500:]}"
            )
        for path in partial.iterdir():
            sync_file(path)
        sync_folder(partial)
        partial.rename(self._folder / "data")
        sync_folder(self._folder)

    def _fence(self) -> None:
        """Run this node as a controller alone until it has fenced its killed broker."""
        of_brokers = {"advertised.listeners", "inter.broker.listener.name"}
        options = {name: value for name, value in self._options().items() if name not in of_brokers}
        options |= {
            "process.roles": "controller",
            "listeners": f"CONTROLLER://{self._address('controller')}",
            # The broker is certainly dead and no other may register, so there is no need to wait.
            "broker.session.timeout.ms": 100,
            "broker.heartbeat.interval.ms": 50,
        }
        alone = self._folder / "controller.properties"
        write_private_text(alone, "".join(f"{k}={v}\n" for k, v in options.items()))
        argv = [*self._java("-Xmx256m", *_QUICK), "kafka.Kafka", str(alone)]
        fencing.fence(argv, self._folder / "data", env=self._home.environment(self.name), cwd=self._folder)

    def _options(self) -> dict[str, object]:
        own = self._listeners() | self._logins() | self._storage() | self._internal_topics()
        return own | self.listener.options()

    def _listeners(self) -> dict[str, object]:
        internal, controller = (self._address(name) for name in ("internal", "controller"))
        partners = self.listener.listens(self._memory.port(f"{self.name}_partners"))
        protocols = {"PARTNERS": self.listener.protocol}
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"CONTROLLER://{controller},INTERNAL://{internal},PARTNERS://{partners}",
            "advertised.listeners": f"INTERNAL://{internal},PARTNERS://{self.partners}",
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocols.get(name, 'SASL_PLAINTEXT')}"
                for name in ("CONTROLLER", "INTERNAL", "PARTNERS")
            ),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            # After a kill it may register again only once its old session has timed out: 9 s by default.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            # No empty records. By default two a second show followers that their leader is alive; here there
            # are no followers, and each record is synced to the disk.
            "metadata.max.idle.interval.ms": 0,
        }

    def _logins(self) -> dict[str, object]:
        """Return the logins: SCRAM users are in the cluster, but each SCRAM listener needs one here too."""
        controller = self._memory.secret("kafka_controller")
        me = f'username="{ADMIN}" password="{self._password}"'
        it = f'username="controller" password="{controller}" user_controller="{controller}"'
        return {
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "sasl.mechanism.controller.protocol": "PLAIN",  # SCRAM users are known only once it runs
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": f"{_PLAIN} {it};",
            "listener.name.internal.scram-sha-512.sasl.jaas.config": f"{_SCRAM} {me};",
            "listener.name.partners.scram-sha-512.sasl.jaas.config": f"{_SCRAM};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{ADMIN};User:controller",
        }

    def _storage(self) -> dict[str, object]:
        # A cluster survives a power cut by its replicas, one machine only by its disk. Each batch is synced
        # before it is acknowledged for that reason (a transaction takes 17 ms, not 10). A *killed* process
        # loses nothing either way, because its writes are in the page cache.
        sync = {"log.flush.interval.messages": 1} if self._durable else {}
        return sync | {
            "log.dirs": self._folder / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "log.retention.check.interval.ms": 60_000,
            # After a kill the newest segment of each partition is read whole, 1 GB by default. Events are
            # kept for ever.
            "log.segment.bytes": 64 * 1024 * 1024,
            "group.initial.rebalance.delay.ms": 0,  # 3 s for each new group otherwise
            # With an expired offset all is read again, so offsets are kept longer than any topic's records.
            "offsets.retention.minutes": _TEN_YEARS_MINUTES,
        }

    def _internal_topics(self) -> dict[str, object]:
        """One replica each, and 12 partitions instead of 50: fewer files to open and recover after a kill."""
        options: dict[str, object] = {}
        for prefix in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            options[f"{prefix}.num.partitions"] = 12
            options[f"{prefix}.replication.factor"] = 1
            options[f"{prefix}.segment.bytes"] = 16 * 1024 * 1024
        for prefix in ("transaction.state.log", "share.coordinator.state.topic"):
            options[f"{prefix}.min.isr"] = 1
        return options


def cluster_id() -> str:
    """Make a KRaft cluster id: 16 random bytes, URL-safe base64 without padding, no leading dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):  # it would read as an option of the format tool
            return text
