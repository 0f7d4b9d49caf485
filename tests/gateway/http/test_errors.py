"""Errors that ask the caller to retry: those of a dependency that is killed, disconnected or restarting."""

from __future__ import annotations

import socket

import asyncpg
import pytest

from gateway.http.errors import DomainError, _known


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.CrashShutdownError("another server process crashed"),
        asyncpg.AdminShutdownError("stopping"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("another operation (2) is in progress"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.TooManyConnectionsError("full"),
        ConnectionRefusedError(),
        socket.gaierror("no such host"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_an_unavailable_dependency_are_temporary(error: Exception) -> None:
    known = _known(error)
    assert isinstance(known, DomainError)
    assert known.code == "temporarily_unavailable"


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError("x"), asyncpg.UndefinedTableError("x")])
def test_other_errors_are_not_temporary(error: Exception) -> None:
    assert _known(error) is None
