"""One processor that copies numbers. Number and attempt alone decide which attempts fail on purpose."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

from bus.contract.envelope import OutRecord
from bus.contract.topics import EVENTS
from bus.kafka.processor import Processor, Record
from bus.runtime import logs
from bus.runtime.errors import FencedError, SharpstreamError, TransientError
from bus.runtime.settings import KafkaSettings, load

WORK_S = float(os.environ["WORK_SECONDS"])
OUT = os.environ["TOPIC_OUT"]
DEADLY = int(os.environ.get("DEADLY", "-1"))
"""The number that kills its process at each attempt."""


async def handle(record: Record) -> Sequence[OutRecord]:
    number = int(record.value or b"")
    if number == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(random.uniform(0.2, 1.8) * WORK_S)
    if number % 20 == 0 and DEADLY < 0 and record.attempt == 1:
        raise TransientError("every twentieth fails once")
    return [OutRecord(topic=OUT, key=record.key or b"", value=record.value or b"", headers=[])]


def give_up(record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
    if int(record.value or b"") != DEADLY:
        raise AssertionError(f"nothing else is given up on here: {record} {error}")
    return []


async def main() -> int:
    worker = os.environ["WORKER"]
    processor = Processor(
        load(KafkaSettings),
        group=os.environ["GROUP"],
        topics=[replace(EVENTS, name=os.environ["TOPIC_IN"])],
        retries=[replace(EVENTS, name=os.environ["TOPIC_RETRY"], delay_ms=500)],
        dead=replace(EVENTS, name=os.environ["TOPIC_DEAD"]),
        handle=handle,
        give_up=give_up,
        instance_id=f"{os.environ['GROUP']}-{worker}",
        max_in_flight=int(os.environ["MAX_IN_FLIGHT"]),
        session_timeout_s=float(os.environ["SESSION_SECONDS"]),
        heartbeat_s=0.5,
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(processor.stop()))
    try:
        await processor.run()
    except FencedError as error:
        logging.getLogger(__name__).error("fenced: %s", error.message)
        return 3
    return 0


if __name__ == "__main__":
    logs.configure(f"processor-{os.environ['WORKER']}")
    sys.exit(asyncio.run(main()))
