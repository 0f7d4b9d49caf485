"""Passwords: the rules for new ones, and bcrypt in its own thread pool.

bcrypt takes a quarter of a second of one core on purpose; it releases the GIL.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

import bcrypt

from gateway.errors import DomainError

T = TypeVar("T")

MIN_CHARACTERS: Final = 10
MAX_BYTES: Final = 72
"""bcrypt ignores any further bytes; a longer password would be truncated silently."""
SIGN_IN_THREADS: Final = 4
"""Bounds how much CPU a burst of sign-ins may take."""
NICE: Final = 10
"""Added to the niceness of these threads: a tenth of the processor time of one that waits for it too."""
REGISTER_THREADS: Final = 1
"""Of their own, so that a flood of new accounts does not keep people from signing in."""
WAITING_A_THREAD: Final = 16
"""About 4 s of work; further requests are refused, because clients would time out before their turn."""


class _Threads:
    """A thread pool with a bounded queue."""

    def __init__(self, count: int, name: str, sentence: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_give_way)
        self._most, self._sentence, self.waiting = count * WAITING_A_THREAD, sentence, 0

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def run(self, function: Callable[..., T], *arguments: bytes) -> T:
        if self.waiting >= self._most:
            raise DomainError("busy", self._sentence, retry_after_s=3)
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        finally:
            self.waiting -= 1


def _give_way() -> None:
    """Lower this thread's priority (Linux has one for each): strangers' passwords delay no request."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICE)


class Passwords:
    """Hashes and verifies passwords; `close` ends its threads."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._sign_in = _Threads(
            SIGN_IN_THREADS, "bcrypt", "Too many people sign in at once; try again in a moment."
        )
        self._register = _Threads(
            REGISTER_THREADS, "bcrypt-new", "Too many people register at once; try again in a moment."
        )
        self._dummy_hash: bytes | None = None

    def close(self) -> None:
        """End the threads."""
        self._sign_in.close()
        self._register.close()

    async def hash(self, password: str) -> str:
        """Return the bcrypt hash of an acceptable password."""
        return (await self._sign_in.run(self._hash, password.encode())).decode()

    async def hash_new(self, password: str) -> str:
        """Return the hash for an account that is being made."""
        return (await self._register.run(self._hash, password.encode())).decode()

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether the password matches; an unknown user (None) takes the same time."""
        raw = password.encode()
        if hashed is None or len(raw) > MAX_BYTES:
            if self._dummy_hash is None:
                self._dummy_hash = await self._sign_in.run(self._hash, secrets.token_bytes(32))
            await self._sign_in.run(bcrypt.checkpw, raw[:MAX_BYTES], self._dummy_hash)
            return False
        return await self._sign_in.run(bcrypt.checkpw, raw, hashed.encode())

    def _hash(self, raw: bytes) -> bytes:
        return bcrypt.hashpw(raw, bcrypt.gensalt(self._rounds))


def require_acceptable(password: str, email: str) -> None:
    """Raise `DomainError` with the reason if the password is not acceptable."""
    raw = password.encode()
    if len(password) < MIN_CHARACTERS:
        reason = f"Use at least {MIN_CHARACTERS} characters; a short sentence is easy to remember."
    elif len(raw) > MAX_BYTES:
        reason = f"Use at most {MAX_BYTES} bytes; this one has {len(raw)} (letters with accents count twice)."
    elif "\0" in password:
        reason = "Leave out the NUL character."
    elif password.casefold() in {email.casefold(), email.casefold().partition("@")[0]}:
        reason = "Use something else than your e-mail address."
    elif len(set(password)) < 4:
        reason = "Use more than three different characters."
    else:
        return
    raise DomainError("password_unsuitable", reason, fields=[{"field": "password", "message": reason}])
