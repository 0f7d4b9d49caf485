"""The instances of retention."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from bus.contract.retention import Policy
from gateway.operations.blob_deletion import Removals
from gateway.retention.job import Retention
from gateway.retention.repository import Policies
from gateway.settings import GatewaySettings


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionDependencies:
    """The instances of one application."""

    policies: Policies
    retention: Retention


def build(pool: asyncpg.Pool, own: GatewaySettings, removals: Removals) -> RetentionDependencies:
    """Return the instances."""
    policies = Policies(pool, Policy.from_text(own.retention))
    return RetentionDependencies(policies=policies, retention=Retention(pool, policies, removals))
