"""Classifies the errors of Postgres: those that the bridges may retry."""

from __future__ import annotations

from typing import Final

import asyncpg

from bus.runtime import tls

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


def rolled_back(error: BaseException) -> bool:
    """Whether a transaction that ended with this error has certainly changed nothing.

    One that lost its connection, or was cancelled, may have been committed without our hearing of it.
    """
    return isinstance(error, Exception) and not isinstance(error, UNREACHABLE)


def tls_sentence(error: BaseException) -> str | None:
    """Return what failed in TLS with Postgres and what to change; None where TLS is not the reason."""
    if isinstance(error, FileNotFoundError | PermissionError):
        return (
            "A file that DATABASE_URL names (sslrootcert, sslcert, sslkey) cannot be read: correct the path."
        )
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return tls.no_tls(tls.POSTGRES)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and "no encryption" in str(error):
        return tls.wants_tls(tls.POSTGRES)
    return tls.sentence(error, tls.POSTGRES)
