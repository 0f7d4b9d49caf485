"""The bridges' connections to Kafka: every option is explicit here, independent of a library's defaults.

The admin clients set their own. The bridges use aiokafka's clients directly; the projector's subscribers use
a FastStream broker.
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from bus.contract.limits import MAX_MESSAGE_BYTES
from bus.kafka import fetcher, static_membership  # noqa: F401  (for every consumer, FastStream's too)
from bus.kafka.batch_middleware import BatchMiddleware
from bus.runtime.settings import KafkaSettings

COMPRESSION: Final = "lz4"
"""JSON of a few hundred bytes in batches: lz4 halves it at negligible cost."""
EVERYWHERE: Final = "gzip"
"""What every client of Kafka reads without extra packages, in any language."""


def producer(
    kafka: KafkaSettings,
    *,
    client_id: str,
    transactional_id: str | None = None,
    linger_ms: int = 0,
    compression: str = COMPRESSION,
) -> AIOKafkaProducer:
    """Return an idempotent producer, not started; transactional where an id is given.

    ``linger_ms``: how long a record waits for others to fill its batch.
    """
    return AIOKafkaProducer(
        **kafka.client_options(),
        client_id=client_id,
        transactional_id=transactional_id,
        enable_idempotence=True,
        acks="all",
        compression_type=compression,
        linger_ms=linger_ms,
        # One round trip for a transaction's records of a partition; 16 KiB, the default, needs many.
        max_batch_size=256 * 1024,
        max_request_size=2 * MAX_MESSAGE_BYTES,
        request_timeout_ms=15_000,
        transaction_timeout_ms=60_000,
    )


def consumer(kafka: KafkaSettings, *, client_id: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer, not started, that reads only committed records and never commits by itself."""
    stated: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "request_timeout_ms": 15_000,
    }
    return AIOKafkaConsumer(**kafka.client_options(), client_id=client_id, **(stated | options))


def create_broker(kafka: KafkaSettings, *, client_id: str) -> KafkaBroker:
    """Return a FastStream broker, not connected, whose batches are logged, measured and traced."""
    return KafkaBroker(
        kafka.bootstrap_servers.split(","),
        client_id=client_id,
        security=_security(kafka),
        enable_idempotence=True,
        acks="all",
        logger=None,
        middlewares=[BatchMiddleware],
    )


def _security(kafka: KafkaSettings) -> BaseSecurity:
    options = kafka.client_options()
    context = options.get("ssl_context")
    use_ssl = kafka.security_protocol.endswith("SSL")
    if not kafka.security_protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context, use_ssl=use_ssl)
    kind = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    return kind[kafka.sasl_mechanism](
        username=options["sasl_plain_username"] or "",
        password=options["sasl_plain_password"] or "",
        ssl_context=context,
        use_ssl=use_ssl,
    )
