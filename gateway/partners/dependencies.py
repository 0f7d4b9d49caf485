"""The dependencies of the partner routes."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from gateway.partners.grants import KafkaQuotas
from gateway.partners.group_limit import GroupLimit
from gateway.partners.kafka_admin import Cluster
from gateway.partners.lifecycle import Lifecycle
from gateway.partners.repository import PartnerStore
from gateway.partners.secret_users import SecretUsers
from gateway.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class PartnerDependencies:
    """The dependencies of one application."""

    partners: PartnerStore
    lifecycle: Lifecycle
    group_limit: GroupLimit


def build(pool: asyncpg.Pool, settings: Settings) -> PartnerDependencies:
    """Return the dependencies; the caller must run ``lifecycle`` and ``group_limit``."""
    own, partners = settings.partners, PartnerStore(pool)
    quotas = KafkaQuotas(
        produce_bytes=own.produce_bytes,
        consume_bytes=own.consume_bytes,
        request_percent=own.request_percent,
    )
    managed = settings.kafka_users.cluster_arn is not None
    cluster = Cluster(settings.kafka, SecretUsers(settings.kafka_users) if managed else None)
    return PartnerDependencies(
        partners=partners,
        lifecycle=Lifecycle(partners, cluster, quotas, keep_s=own.remove_after_seconds),
        group_limit=GroupLimit(pool, cluster, limit=own.consumer_groups),
    )
