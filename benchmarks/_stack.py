"""A whole system for one benchmark, in a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The system's address and API key."""

    url: str
    api_key: str
    status: dict[str, Any]
    credentials: dict[str, Any]


@contextmanager
def own_stack(**settings: str) -> Iterator[Stack]:
    """Start a stack with these environment keys; stop it and remove its data."""
    home = tempfile.mkdtemp(prefix="sharpstream-bench-", dir="/var/tmp")
    Path(home).chmod(0o755)  # Postgres runs as another user if we are root
    ours = {"SHARPSTREAM_HOME": home, "LOG_LEVEL": "WARNING", "WEBHOOKS_LOOPBACK_PORTS": "1024-65535"}
    env = os.environ | ours | settings
    command = [sys.executable, "-m", "sharpstream"]
    try:
        subprocess.run([*command, "up"], env=env, check=True, stdout=sys.stderr)
        answer = subprocess.run([*command, "status", "--json"], env=env, check=True, capture_output=True)
        status = json.loads(answer.stdout)
        credentials = json.loads(Path(status["credentials_file"]).read_text())
        yield Stack(
            url=status["gateway"]["url"],
            api_key=credentials["api_key"],
            status=status,
            credentials=credentials,
        )
    finally:
        subprocess.run([*command, "down"], env=env, check=False, stdout=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
