"""Runs the three servers alone, in the foreground: ``python -m sharpstream.stack.infra DIR`` until SIGTERM.

Writes their addresses to ``DIR/state.json`` (mode 600) once all are ready; the tests attach to it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bus.runtime import logs, process
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.postgres import Postgres
from sharpstream.stack.s3 import S3
from sharpstream.stack.state_dir import Home, Memory, write_private
from sharpstream.stack.supervisor import Supervisor


def plain(settings: Any, *keys: str) -> dict[str, Any]:
    """Return these fields of a settings object with secrets in plain text, for a private file."""
    values = {key: getattr(settings, key) for key in keys}
    return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in values.items()}


def addresses(kafka: Kafka, postgres: Postgres, s3: S3) -> dict[str, Any]:
    """Return the servers' addresses; each part matches the settings class of the same name."""
    return {
        "kafka": plain(
            kafka.settings,
            "bootstrap_servers",
            "security_protocol",
            "sasl_mechanism",
            "username",
            "password",
            "topic_epoch",
        ),
        "kafka_partners": {"bootstrap_servers": kafka.partners, "security_protocol": kafka.listener.protocol},
        "database_url": postgres.url,
        "s3": plain(s3.settings, "endpoint_url", "region", "access_key_id", "secret_access_key", "bucket"),
    }


async def serve(home: Home) -> None:
    """Run the servers until SIGTERM or SIGINT. Nothing is synced to disk, as the data is temporary."""
    home.create()
    memory = Memory(home)
    memory.forget_taken_ports()
    kafka, postgres, s3 = (
        Kafka(home, memory, durable=False),
        Postgres(home, memory, durable=False),
        S3(home, memory),
    )
    supervisor = Supervisor(home, [kafka, postgres, s3])
    asked_to_stop = asyncio.Event()
    async with process.stop_on_signal(asked_to_stop.set):
        try:
            await supervisor.start(supervisor.parts)
            postgres.create_database()
            write_private(home.root / "state.json", addresses(kafka, postgres, s3))
            await asked_to_stop.wait()
        finally:
            (home.root / "state.json").unlink(missing_ok=True)
            await supervisor.stop()


if __name__ == "__main__":
    logs.configure("infra")
    asyncio.run(serve(Home(Path(sys.argv[1]).resolve())))
