"""A partner's client, independent of our code: confluent-kafka, with only what a partner receives."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from kafka import KafkaConsumer

Texts = dict[str, str | None]
TIMEOUT_S = 60.0
"""Only turns a hang into a failure."""
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}


@dataclass(frozen=True)
class Outside:
    """A partner's own program. Its methods block, so they must be called in a thread."""

    slug: str
    bootstrap: str
    username: str
    password: str

    @property
    def commands(self) -> str:
        return f"partner.{self.slug}.commands.v1"

    @property
    def events(self) -> str:
        return f"partner.{self.slug}.events.v1"

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.username,
            "sasl.password": self.password,
            "log_level": 0,
        } | more

    def plainly_read(self, group: str, count: int) -> list[bytes]:
        """Read events with a client that has Python's own codecs alone: kafka-python as it comes."""
        consumer = KafkaConsumer(
            self.events,
            bootstrap_servers=self.bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=self.username,
            sasl_plain_password=self.password,
            group_id=group,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            consumer_timeout_ms=int(TIMEOUT_S * 1000),
        )
        try:
            return [record.value for record in itertools.islice(consumer, count)]
        finally:
            consumer.close()

    def admin(self) -> AdminClient:
        return AdminClient(self.options())

    def send(
        self,
        value: bytes | None,
        *,
        topic: str | None = None,
        headers: dict[str, str | None],
        key: bytes | None = None,
    ) -> Message:
        """Write one record and return it acknowledged. Raises `KafkaException`."""
        return self.send_all([(value, headers)], topic=topic)[0]

    def send_all(
        self,
        records: list[tuple[bytes | None, dict[str, str | None]]],
        *,
        topic: str | None = None,
        key: bytes | None = None,
    ) -> list[Message]:
        """Write records and return them acknowledged. Raises `KafkaException` for the first refusal."""
        acknowledged: list[Message] = []
        failed: list[KafkaError] = []

        def receipt(error: KafkaError | None, message: Message) -> None:
            (failed if error else acknowledged).append(error or message)  # type: ignore[arg-type]

        producer = Producer(self.options(**{"message.max.bytes": 4_000_000, "message.timeout.ms": 60_000}))
        for value, headers in records:
            while True:
                try:
                    producer.produce(
                        topic or self.commands,
                        value,
                        key=key,
                        headers=list(headers.items()),
                        on_delivery=receipt,
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush(60)
        if failed:
            raise KafkaException(failed[0])
        assert len(acknowledged) == len(records)
        return acknowledged

    def read(
        self,
        enough: Callable[[list[Message]], bool],
        *,
        topic: str | None = None,
        group: str | None = None,
        timeout_s: float = TIMEOUT_S,
        **more: Any,
    ) -> list[Message]:
        """Read from the group's position until it is enough, and commit. Raises `KafkaException`."""
        consumer = Consumer(
            self.options(
                **{
                    "group.id": group or f"partner.{self.slug}.test",
                    "auto.offset.reset": "earliest",
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                }
                | more
            )
        )
        found: list[Message] = []
        try:
            consumer.subscribe([topic or self.events])
            deadline = time.monotonic() + timeout_s
            while not enough(found):
                assert time.monotonic() < deadline, [(m.headers(), m.value()) for m in found]
                message = consumer.poll(0.2)
                if message is None:
                    continue
                if message.error():
                    raise KafkaException(message.error())
                found.append(message)
            if found:
                consumer.commit(message=found[-1], asynchronous=False)
            return found
        finally:
            consumer.close()

    def rewind(self, group: str) -> None:
        """Reset the group to the beginning, as `kafka-consumer-groups --reset-offsets` does."""
        consumer = Consumer(self.options(**{"group.id": group, "enable.auto.commit": False}))
        try:
            low, _ = consumer.get_watermark_offsets(TopicPartition(self.events, 0), timeout=TIMEOUT_S)
            consumer.commit(offsets=[TopicPartition(self.events, 0, low)], asynchronous=False)
        finally:
            consumer.close()


def texts(message: Message) -> dict[str, str]:
    """Return the headers of a record as text."""
    return {name: (value or b"").decode() for name, value in message.headers() or []}


def denied(work: Callable[[], Any]) -> int:
    """Run an operation that must fail; return Kafka's error code, or 0 for a timeout."""
    try:
        done = work()
    except KafkaException as error:
        return int(error.args[0].code())
    except TimeoutError:
        return 0
    raise AssertionError(f"this was allowed: {done!r}")
