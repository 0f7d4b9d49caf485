"""Create the declared topics; idempotent, run once before the roles start (``python -m bus.kafka.admin``)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from bus.contract import topics
from bus.kafka import tls_check
from bus.runtime import logs
from bus.runtime.errors import ConfigurationError, SharpstreamError, TransientError
from bus.runtime.settings import KafkaSettings, load

log = structlog.get_logger(__name__)


async def create_topics(kafka: KafkaSettings, declared: Sequence[topics.Topic] = topics.ALL) -> list[str]:
    """Create the missing topics and return their names. Existing topics are left unchanged."""
    admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="sharpstream-admin")
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [topic for topic in declared if topic.name not in present]
        if missing:
            answer = await admin.create_topics([_new(topic, kafka.replication_factor) for topic in missing])
            _check(answer.topic_errors)
        return [topic.name for topic in missing]
    finally:
        await admin.close()


def _check(results: Sequence[tuple[str, int, str | None]]) -> None:
    for name, code, reason in results:
        if code not in {NoError.errno, TopicAlreadyExistsError.errno}:  # another process may create them too
            raise ConfigurationError(f"Kafka refused to create the topic {name}: {reason or for_code(code)}")


def topic_config(topic: topics.Topic, replication_factor: int) -> dict[str, str]:
    """Return a topic's configuration in Kafka."""
    return {
        "retention.ms": str(topic.retention_ms),
        "cleanup.policy": "delete",
        # With three replicas a write waits for two of them, so that one broker may fail at any time.
        "min.insync.replicas": str(2 if replication_factor >= 3 else 1),
        **topic.config,
    }


def _new(topic: topics.Topic, replication_factor: int) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication_factor,
        topic_configs=topic_config(topic, replication_factor),
    )


async def _create() -> None:
    kafka = load(KafkaSettings)
    await tls_check.require(kafka)
    try:
        for name in await create_topics(kafka):
            log.info("topic_created", topic=name)
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer at {kafka.bootstrap_servers}: {error!r}") from error


def main() -> int:
    """Create the topics. Return 2 for a wrong setting, 1 if Kafka does not answer; one sentence each."""
    logs.configure("admin")
    try:
        asyncio.run(_create())
    except SharpstreamError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
