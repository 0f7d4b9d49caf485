"""The dependencies of the partner routes."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from gateway.partners.grants import KafkaQuotas
from gateway.partners.kafka_admin import Cluster
from gateway.partners.lifecycle import Lifecycle
from gateway.partners.repository import PartnerStore
from gateway.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class PartnerDependencies:
    """The dependencies of one application."""

    partners: PartnerStore
    lifecycle: Lifecycle


def build(pool: asyncpg.Pool, settings: Settings) -> PartnerDependencies:
    """Return the dependencies; the caller must run ``lifecycle``."""
    own, partners = settings.partners, PartnerStore(pool)
    quotas = KafkaQuotas(
        produce_bytes=own.produce_bytes,
        consume_bytes=own.consume_bytes,
        request_percent=own.request_percent,
    )
    cluster = Cluster(settings.kafka)
    return PartnerDependencies(
        partners=partners, lifecycle=Lifecycle(partners, cluster, quotas, keep_s=own.remove_after_seconds)
    )
