"""``python -m tests.sharpstream.stack.own_postgres HOME``: makes a database there and asks it for 42."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sharpstream.stack.postgres import Postgres, psql
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor


async def main() -> None:
    home = Home(Path(sys.argv[1]))
    home.create()
    postgres = Postgres(home, Memory(home), durable=False)
    supervisor = Supervisor(home, [postgres])
    await supervisor.start(["postgres"])
    try:
        postgres.create_database()
        answer = psql(postgres.url, "SELECT 40 + 2")
    finally:
        await supervisor.stop()
    sys.stdout.write(f"{os.geteuid()}: {answer}\n")


if __name__ == "__main__":
    asyncio.run(main())
