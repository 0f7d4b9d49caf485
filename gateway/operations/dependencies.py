"""The instances of operations: dead letters, stored objects, invariants."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from bus.blobs import BlobStore
from gateway.operations.blob_deletion import Removals
from gateway.operations.dead_letters import DeadLetterStore
from gateway.operations.invariants_cache import InvariantsCache
from gateway.operations.orphan_objects import Orphans
from gateway.operations.redrive import Redriver


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationDependencies:
    """The instances of one application."""

    dead_letters: DeadLetterStore
    redriver: Redriver
    removals: Removals
    orphans: Orphans
    invariants_cache: InvariantsCache


def build(pool: asyncpg.Pool, blobs: BlobStore) -> OperationDependencies:
    """Return the instances."""
    dead_letters = DeadLetterStore(pool)
    return OperationDependencies(
        dead_letters=dead_letters,
        redriver=Redriver(blobs, blobs.bucket, dead_letters),
        removals=Removals(pool, blobs),
        orphans=Orphans(pool, blobs, blobs.bucket),
        invariants_cache=InvariantsCache(pool),
    )
