"""Three Kafka nodes on one machine, each broker and controller, for tests of the loss of a node.

Every record has three copies and is acknowledged by two. On one machine this has no use beyond tests, since
all three nodes share its disk.
"""

from __future__ import annotations

from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from bus.runtime.settings import KafkaSettings
from sharpstream.stack import java, ports
from sharpstream.stack.kafka import ADMIN, Kafka, cluster_id
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.state_dir import Home, Memory, write_private_text

NODES: Final = (1, 2, 3)
COPIES: Final = 3
ENOUGH: Final = 2
"""A write waits for this many copies, so that any one broker may fail at any time."""


class Node(Kafka):
    """One of the three nodes. They share passwords and cluster id; folder and ports are separate."""

    def __init__(self, home: Home, memory: Memory, number: int, *, durable: bool = True) -> None:
        super().__init__(home, memory, durable=durable)
        self.number = number
        self.name = f"kafka{number}"
        self._folder = home.root / self.name

    def prepare(self) -> None:
        """Write the properties, and format at the first start. The other two nodes do the fencing."""
        java.java()
        java.jars()
        self._folder.mkdir(exist_ok=True, mode=0o700)
        write_private_text(self._properties, "".join(f"{k}={v}\n" for k, v in self._options().items()))
        if not (self._folder / "data" / "meta.properties").exists():
            self._format()

    async def ready(self) -> bool:
        """Return whether this node accepts a login and is a member of the cluster."""
        port = self._memory.port(f"{self.name}_internal")
        if not await ports.answers(port):
            return False
        client = AIOKafkaClient(
            **self.settings.client_options(), client_id="sharpstream-stack", request_timeout_ms=2000
        )
        try:
            await client.bootstrap()
            return any(broker.port == port for broker in client.cluster.brokers())
        except (KafkaError, OSError):
            return False
        finally:
            await client.close()

    def options(self) -> dict[str, object]:
        """Return the node's properties."""
        return self._options()

    def _address(self, listener: str) -> str:
        return f"{LOOPBACK}:{self._memory.port(f'{self.name}_{listener}')}"

    def _listeners(self) -> dict[str, object]:
        voters = [f"{n}@{LOOPBACK}:{self._memory.port(f'kafka{n}_controller')}" for n in NODES]
        return super()._listeners() | {
            "node.id": self.number,
            "controller.quorum.voters": ",".join(voters),
            "metadata.max.idle.interval.ms": 500,  # Kafka's default, because here the leader has followers
        }

    def _storage(self) -> dict[str, object]:
        return super()._storage() | {"default.replication.factor": COPIES, "min.insync.replicas": ENOUGH}

    def _internal_topics(self) -> dict[str, object]:
        options = super()._internal_topics()
        options |= {name: COPIES for name in options if name.endswith("replication.factor")}
        return options | {name: ENOUGH for name in options if name.endswith("min.isr")}


def nodes(home: Home, memory: Memory, *, durable: bool = True) -> list[Node]:
    """Return the three nodes, to be started together: none is ready before a second one runs."""
    # Ports, passwords and the cluster's id are chosen here, because the three are prepared concurrently, each
    # in its own thread, and would store different ones.
    memory.fact("kafka_cluster_id", cluster_id)
    made = [Node(home, memory, number, durable=durable) for number in NODES]
    for node in made:
        node.options()
    return made


def settings(memory: Memory) -> KafkaSettings:
    """Return the connection settings of the roles, with the admin user."""
    return KafkaSettings(
        bootstrap_servers=",".join(f"{LOOPBACK}:{memory.port(f'kafka{n}_internal')}" for n in NODES),
        username=ADMIN,
        password=SecretStr(memory.secret("kafka_admin")),
        replication_factor=COPIES,
    )
