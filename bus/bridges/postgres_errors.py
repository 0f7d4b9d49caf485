"""Classifies the errors of Postgres: those that the bridges may retry."""

from __future__ import annotations

from typing import Final

import asyncpg

UNREACHABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised where the server was killed during a statement
    asyncpg.OperatorInterventionError,  # the server shuts down, or ended our session
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process was frozen in a transaction
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, until a failover is complete
    OSError,
    TimeoutError,
)
"""Raised while the database cannot be reached: retry with a new connection."""
PASSING: Final = (
    *UNREACHABLE,
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
)
"""Raised for conflicts: a retry of the same transaction may succeed."""
