"""The client's credentials: an API key, or a person's sign-in that renews itself.

A refresh token is valid once, and a second use ends the whole sign-in. A client therefore renews only under
the store's lock, after it has checked that no other process has renewed meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from sharpstream.client.errors import SIGNED_OUT, ServiceError
from sharpstream.client.models import SignIn

EARLY_S: Final = 30.0
"""A token that expires sooner than this is renewed before it is used."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in; ``expires_at`` is when the access token ends, seconds since 1970."""

    access_token: str
    refresh_token: str
    expires_at: float

    @classmethod
    def of(cls, answer: SignIn) -> Tokens:
        """Return the tokens of an answer received just now."""
        until = time.time() + answer.expires_in
        return cls(access_token=answer.access_token, refresh_token=answer.refresh_token, expires_at=until)


class Store(Protocol):
    """Storage of a sign-in; the command line keeps it in a file that other commands use at the same time."""

    def alone(self) -> AbstractContextManager[object]:
        """Return a lock, so that one client at a time renews."""
        ...

    def load(self) -> Tokens | None:
        """Return the current tokens, None once the sign-in has ended."""
        ...

    def save(self, tokens: Tokens | None) -> None:
        """Replace the tokens; None ends the sign-in."""
        ...


class Memory:
    """Keeps a sign-in in memory, for the life of the process."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens: Tokens | None = tokens
        self._lock = threading.Lock()

    def alone(self) -> AbstractContextManager[object]:
        """Lock out other threads."""
        return self._lock

    def load(self) -> Tokens | None:
        """Return the tokens."""
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        """Replace them."""
        self._tokens = tokens


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of `POST /api-keys`."""

    key: str

    def headers(self, renew: Renew, *, refused: str | None = None) -> dict[str, str]:
        """Return the header; a refused key cannot be renewed."""
        del renew, refused
        return {"X-API-Key": self.key}


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person."""

    store: Store

    def headers(self, renew: Renew, *, refused: str | None = None) -> dict[str, str]:
        """Return the header, after renewing an access token that has expired or is ``refused``.

        Raises `ServiceError` signed_out where the sign-in has ended. May wait for a lock and the network.
        """
        tokens = self.store.load()
        if tokens is None or _spent(tokens, refused):
            with self.store.alone():
                tokens = self.store.load()
                if tokens is None:
                    raise ServiceError(SIGNED_OUT, "You are not signed in; sign in first.")
                if _spent(tokens, refused):
                    tokens = self._renewed(tokens, renew)
        return {"Authorization": f"Bearer {tokens.access_token}"}

    def _renewed(self, tokens: Tokens, renew: Renew) -> Tokens:
        try:
            fresh = Tokens.of(renew(tokens.refresh_token))
        except ServiceError as error:
            if error.status != 401:
                raise
            self.store.save(None)
            raise ServiceError(SIGNED_OUT, "Your sign-in has ended; sign in again.", status=401) from error
        self.store.save(fresh)
        return fresh


Credentials = ApiKey | Session
Renew = Callable[[str], SignIn]
"""Exchanges a refresh token for a new sign-in."""


def _spent(tokens: Tokens, refused: str | None) -> bool:
    return tokens.access_token == refused or tokens.expires_at - EARLY_S < time.time()
