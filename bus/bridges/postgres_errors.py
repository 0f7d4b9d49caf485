"""What the bridges must know of Postgres' errors: which pass by themselves."""

from __future__ import annotations

from typing import Final

import asyncpg

UNREACHABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says where the server was killed in the middle of a statement
    asyncpg.OperatorInterventionError,  # the server shuts down, or ended our session
    asyncpg.IdleInTransactionSessionTimeoutError,  # we were frozen in a transaction
    asyncpg.InsufficientResourcesError,
    OSError,
    TimeoutError,
)
"""Raised while the database cannot be reached: try again with a new connection."""
PASSING: Final = (
    *UNREACHABLE,
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
)
"""Raised for what another attempt at the same transaction may not meet."""
