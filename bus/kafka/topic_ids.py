"""Topic ids: random at each making of a topic (KIP-516), so they set a log apart from another of its name.

aiokafka speaks version 5 of Metadata; ids come with version 12, of Kafka 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

log = structlog.stdlib.get_logger(__name__)

_NONE: Final = UUID(int=0)
_TAGS: Final[tuple[str, Any]] = ("tags", TaggedFields)


class _Uuid(AbstractType[UUID]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                _TAGS,
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[tuple[UUID, str, dict[int, bytes]]] = [(_NONE, name, {}) for name in topics]

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class(self._topics, False, False, {})


async def read(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of those topics that exist; none at all where the broker knows no ids.

    ``consumer`` must be started. Raises `KafkaError`.
    """
    return {topic["name"]: topic["topic_id"] for topic in await _described(consumer, topics)}


async def partitions(consumer: AIOKafkaConsumer, topic: str) -> int:
    """Return the topic's number of partitions; 0 where it does not exist. Raises `KafkaError`."""
    return sum([len(each["partitions"]) for each in await _described(consumer, [topic])])


async def _described(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[dict[str, Any]]:
    client = consumer._client  # noqa: SLF001  (its own API has no ids)
    try:
        answer = await client.send(client.get_random_node(), _MetadataRequest(sorted(topics)))
    except (IncompatibleBrokerVersion, NotImplementedError):
        log.warning("topic_ids_unknown")
        return []
    return [topic for topic in answer.to_object()["topics"] if topic["topic_id"] != _NONE]
