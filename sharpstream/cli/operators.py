"""Runs a role's own command for an operator who has access to that role's servers, Kafka and Postgres.

Servers named by the environment are used, else those that `sharpstream up` runs here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from sharpstream.client.errors import ServiceError


def run(*command: str, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run ``python -m COMMAND``; ``on_progress`` gets its log lines, the last line of stdout is returned.

    Raises `ServiceError` with the command's own message.
    """
    argv = [sys.executable, "-P", "-m", *command]
    with subprocess.Popen(  # noqa: S603  (our own modules)
        argv, env=os.environ | _reach(), stdout=subprocess.PIPE, text=True
    ) as process:
        last: dict[str, Any] = {}
        for line in process.stdout or ():
            if (found := _read(line)) is not None:
                last = found
                on_progress(found)
    if process.returncode != 0:
        raise ServiceError("command_failed", f"`{' '.join(command[:2])}` failed; see above.")
    return last


def _read(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _reach() -> dict[str, str]:
    """Return the local system's settings, none where the environment has its own."""
    from sharpstream.stack.state_dir import Home, default_root  # noqa: PLC0415

    if "DATABASE_URL" in os.environ:
        return {}
    path = Home(default_root()).credentials
    if not path.exists():
        raise ServiceError(
            "not_running",
            "Nothing runs here: `sharpstream up` first, or set DATABASE_URL and KAFKA_...",
        )
    known = json.loads(path.read_text())
    kafka = {f"KAFKA_{key.upper()}": str(value) for key, value in known["kafka"].items() if value is not None}
    return kafka | {"DATABASE_URL": str(known["database_url"])}
