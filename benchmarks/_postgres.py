"""A Postgres server for one benchmark, in a temporary folder, that syncs as in production."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from sharpstream.stack.postgres import Postgres
from sharpstream.stack.process import Launch
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor


class _Sized(Postgres):
    shared_buffers = ""

    def launch(self) -> Launch:
        reported = super().launch()
        return replace(reported, argv=[*reported.argv, "-c", f"shared_buffers={self.shared_buffers}"])


@asynccontextmanager
async def own_postgres(shared_buffers: str, *, folder: Path | None = None) -> AsyncIterator[str]:
    """Start a server and yield a database's URL; stop it and remove its data unless ``folder`` is set."""
    home = Home(folder or Path(tempfile.mkdtemp(prefix="sharpstream-bench-", dir="/var/tmp")))
    home.create()
    postgres = _Sized(home, Memory(home))
    postgres.shared_buffers = shared_buffers
    supervisor = Supervisor(home, [postgres])
    try:
        await supervisor.start(supervisor.parts)
        postgres.create_database()
        yield postgres.url
    finally:
        await supervisor.stop()
        if folder is None:
            shutil.rmtree(home.root, ignore_errors=True)
