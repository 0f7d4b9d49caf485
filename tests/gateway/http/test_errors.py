"""Which errors say `come again`: whatever a dependency raises that is killed, cut off or started again."""

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
        asyncpg.TooManyConnectionsError("full"),
        ConnectionRefusedError(),
        socket.gaierror("no such host"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_dependency_that_is_away_is_no_fault_of_ours(error: Exception) -> None:
    known = _known(error)
    assert isinstance(known, DomainError)
    assert known.code == "temporarily_unavailable"


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError("x"), asyncpg.UndefinedTableError("x")])
def test_our_own_faults_are(error: Exception) -> None:
    assert _known(error) is None
