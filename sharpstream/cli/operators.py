"""Runs a role's own command for an operator who has access to that role's servers, Kafka and Postgres.

Servers named by the environment are used, else those that `sharpstream up` runs here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sharpstream.client.errors import ServiceError


def run(
    *command: str, on_progress: Callable[[dict[str, Any]], None], env: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run ``python -m COMMAND``; ``on_progress`` gets its log lines, the last line of stdout is returned.

    ``env``: its settings, where those of the servers in reach are not meant.

    Raises `ServiceError` with the command's own message.
    """
    argv = [sys.executable, "-P", "-m", *command]
    with subprocess.Popen(  # noqa: S603  (our own modules)
        argv, env=os.environ | (_reach() if env is None else env), stdout=subprocess.PIPE, text=True
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


def has_own_servers() -> bool:
    """Return whether the environment names the servers, so that those of this machine are not meant."""
    return "DATABASE_URL" in os.environ


def _reach() -> dict[str, str]:
    """Return the local system's settings, none where the environment has its own."""
    from sharpstream.stack.state_dir import Home, default_root  # noqa: PLC0415

    if has_own_servers():
        return {}
    path = Home(default_root()).credentials
    if not path.exists():
        raise ServiceError(
            "not_running",
            "Nothing runs here: `sharpstream up` first, or set DATABASE_URL and KAFKA_...",
        )
    known = json.loads(path.read_text())
    kafka = {f"KAFKA_{key.upper()}": str(value) for key, value in known["kafka"].items() if value is not None}
    s3 = {f"S3_{key.upper()}": str(value) for key, value in known["s3"].items() if value is not None}
    return kafka | s3 | {"DATABASE_URL": str(known["database_url"])}
