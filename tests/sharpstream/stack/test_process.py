"""A child's exit status is its own, however often it is sent a signal while it ends."""

from __future__ import annotations

import asyncio
import signal

from sharpstream.stack.process import signal_child


async def test_signals_to_a_child_that_ends_leave_its_exit_status() -> None:
    """Sent by asyncio's own `kill`, every third of these ends with 255."""
    for _ in range(30):
        child = await asyncio.create_subprocess_exec("sleep", "60")
        while child.returncode is None:
            signal_child(child, signal.SIGKILL)
            await asyncio.sleep(0)
        signal_child(child, signal.SIGKILL)  # of one that has ended
        assert child.returncode == -signal.SIGKILL
