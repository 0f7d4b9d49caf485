"""Shares the ledger's database and story fixtures with the export tests."""

from __future__ import annotations

from tests.ledger.conftest import connection, pool, story

__all__ = ["connection", "pool", "story"]
