"""Hashing strangers' passwords gives way to requests: its threads have a lower priority."""

from __future__ import annotations

import os
import threading

from gateway.accounts.passwords import NICE, Passwords


def niceness(*_: bytes) -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def test_hashing_gives_way_to_everything_else() -> None:
    passwords = Passwords(4)
    try:
        for threads in (passwords._sign_in, passwords._register):
            assert await threads.run(niceness) == min(19, niceness() + NICE)
    finally:
        passwords.close()
