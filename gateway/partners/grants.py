"""A partner's rights in Kafka, as data: write its commands, read its events, in its own consumer groups.

Everything else is denied by default: other topics, other groups, transactional ids (an open transaction would
hold up its partition) and cluster operations. `gateway.partners.kafka_admin` applies the rights to Kafka.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from bus.contract.partners import Names

ANYWHERE: Final = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class KafkaQuotas:
    """Bytes a second in and out, and the broker's thread time in percent of one thread."""

    produce_bytes: int
    consume_bytes: int
    request_percent: int

    def as_kafka(self) -> dict[str, float]:
        """Return the quotas by Kafka's names."""
        return {
            "producer_byte_rate": float(self.produce_bytes),
            "consumer_byte_rate": float(self.consume_bytes),
            "request_percentage": float(self.request_percent),
        }


def rights(names: Names) -> list[ACL]:
    """Return all rights of a partner. Reading and writing imply describing a topic."""
    literal, prefixed = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED
    return [
        _allow(names, ResourceType.TOPIC, names.commands.name, literal, ACLOperation.WRITE),
        _allow(names, ResourceType.TOPIC, names.events.name, literal, ACLOperation.READ),
        _allow(names, ResourceType.GROUP, names.prefix, prefixed, ACLOperation.READ),
        _allow(names, ResourceType.GROUP, names.prefix, prefixed, ACLOperation.DELETE),
    ]


def all_of(names: Names) -> ACLFilter:
    """Return the filter that matches every right granted to a partner."""
    return ACLFilter(
        principal=f"User:{names.user}",
        host=None,
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )


def _allow(
    names: Names, kind: ResourceType, name: str, pattern: ACLResourcePatternType, operation: ACLOperation
) -> ACL:
    return ACL(
        principal=f"User:{names.user}",
        host=ANYWHERE,
        operation=operation,
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(kind, name, pattern),
    )
