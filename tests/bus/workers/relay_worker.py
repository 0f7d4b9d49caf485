"""One relay, as `python -m gateway relay` runs it; settings from the environment."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from bus.bridges.relay import Relay
from bus.runtime import logs
from bus.runtime.errors import FencedError
from bus.runtime.settings import KafkaSettings, load


async def main() -> int:
    relay = Relay(
        load(KafkaSettings),
        os.environ["DATABASE_URL"],
        name=os.environ["RELAY_NAME"],
        lease_s=float(os.environ["RELAY_LEASE_SECONDS"]),
        max_rows=int(os.environ["RELAY_MAX_ROWS"]),
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(relay.stop()))
    try:
        await relay.run()
    except FencedError as error:
        logging.getLogger(__name__).error("fenced: %s", error.message)
        return 3
    return 0


if __name__ == "__main__":
    logs.configure(f"relay-{os.environ['WORKER']}")
    sys.exit(asyncio.run(main()))
