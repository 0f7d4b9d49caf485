"""The ledger's database and stories serve the exports too."""

from __future__ import annotations

from tests.ledger.conftest import connection, pool, story

__all__ = ["connection", "pool", "story"]
