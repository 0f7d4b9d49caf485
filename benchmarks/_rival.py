"""Starts what a user would pick instead: FastAPI, Celery and Redis beside the same Postgres and S3 server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _stack import Stack

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Rival:
    """Its address, and its processes by name."""

    url: str
    pids: dict[str, int]

    @property
    def status(self) -> dict[str, Any]:
        """What `_processor_time.read` takes: the alternative's own parts."""
        supervisor, *rest = self.pids.items()
        return {"supervisor": {"pid": supervisor[1]}, "roles": {name: {"pid": pid} for name, pid in rest}}


@contextmanager
def installed() -> Iterator[Path]:
    """Install its packages, pinned by hash, into a temporary folder; yield the folder."""
    folder = Path(tempfile.mkdtemp(prefix="sharpstream-rival-", dir="/var/tmp"))
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        pip = [folder / "venv/bin/python", "-m", "pip", "install", "-q", "--require-hashes"]
        subprocess.run([*pip, "-r", HERE / "_fastapi_celery.txt"], check=True, stdout=sys.stderr)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(folder: Path, stack: Stack, *, workers: int, **environment: str) -> Iterator[Rival]:
    """Start Redis, one uvicorn and, unless ``workers`` is 0, Celery with so many processes."""
    python, started = folder / "venv/bin/python", []
    broker, port = free_port(), free_port()
    s3 = stack.credentials["s3"]
    env = os.environ | {f"S3_{name.upper()}": str(s3[name]) for name in s3 if s3[name] is not None}
    env |= {"DATABASE_URL": stack.credentials["database_url"], "RIVAL_KEY": stack.api_key}
    env |= {"BROKER_URL": f"redis://127.0.0.1:{broker}/0"} | environment
    redis = shutil.which("redis-server") or str(folder / "venv/bin/redis-server")
    commands: dict[str, list[Any]] = {
        "redis": [redis, "--port", broker, "--bind", "127.0.0.1", "--appendonly", "yes"],
        "uvicorn": [python, "-m", "uvicorn", "_fastapi_celery:app", "--port", port, "--log-level", "warning"],
    }
    commands["redis"] += ["--appendfsync", "everysec", "--dir", folder]
    commands["uvicorn"] += ["--no-access-log", "--loop", "uvloop"]
    if workers:
        commands["celery"] = [python, "-m", "celery", "-A", "_fastapi_celery:queue", "worker"]
        commands["celery"] += ["--concurrency", workers, "--loglevel", "WARNING", "--without-mingle"]
        commands["celery"] += ["--without-gossip", "--prefetch-multiplier", "1"]
    try:
        for command in commands.values():
            line = [str(each) for each in command]
            started.append(subprocess.Popen(line, cwd=HERE, env=env, stdout=subprocess.DEVNULL))
        for each in (broker, port):
            wait_for(each)
        pids = {name: process.pid for name, process in zip(commands, started, strict=True)}
        yield Rival(f"http://127.0.0.1:{port}", pids)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_for(port: int) -> None:
    """Return once something listens there."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
