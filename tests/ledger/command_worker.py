"""A worker for generation commands that stops itself (SIGSTOP), once, with the first one in flight.

``STOP_AT``: ``handler`` (the work is not done), ``before`` (the result exists, its transaction has not
begun), ``inside`` (the result is sent, its transaction is open), ``again`` (as ``before``; once resumed, its
attempt has an unknown outcome, so it reopens its producer), ``never``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer

from bus.contract import envelope, topics
from bus.contract.envelope import OutRecord
from bus.contract.messages import GenerationCompleted
from bus.kafka.processor import Processor, Record
from bus.kafka.transactions import OutcomeUnknownError, TransactionalProducer
from bus.runtime.errors import FencedError, SharpstreamError
from bus.runtime.settings import KafkaSettings, load
from tests.ledger.story import MODEL, SPLAT, TIMINGS

FENCED = 3
_left = [os.environ.get("STOP_AT", "never")]


def _stop(here: str) -> bool:
    if here not in _left:
        return False
    _left.clear()
    os.kill(os.getpid(), signal.SIGSTOP)
    return True


async def handle(record: Record) -> Sequence[OutRecord]:
    command = envelope.decode(record.topic, record.value, record.headers).message
    _stop("handler")
    ending = GenerationCompleted(
        generation_id=command.generation_id,
        account_id=command.account_id,
        result=SPLAT,
        gaussian_count=1,
        image_width=1,
        image_height=1,
        focal_length_px=1.0,
        input_sha256="",
        model=MODEL,
        timings=TIMINGS,
    )
    events = replace(topics.EVENTS, name=os.environ["TOPIC_EVENTS"])
    return [envelope.record(events, ending, key=command.account_id, source="/sharpstream/inference")]


def give_up(record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
    raise AssertionError(f"nothing is given up on here: {record} {error}")


def _stop_in_transactions() -> None:
    transact, commit = TransactionalProducer.transact, AIOKafkaProducer.commit_transaction

    async def stopping(self: TransactionalProducer, records: Any, offsets: Any) -> None:
        _stop("before")
        if _stop("again"):
            raise OutcomeUnknownError("The transaction took too long.")
        await transact(self, records, offsets)

    async def stopping_inside(self: AIOKafkaProducer) -> None:
        _stop("inside")
        await commit(self)

    TransactionalProducer.transact = stopping  # type: ignore[method-assign]
    AIOKafkaProducer.commit_transaction = stopping_inside


async def main() -> int:
    _stop_in_transactions()
    first, *retries = os.environ["TOPICS_IN"].split()
    processor = Processor(
        load(KafkaSettings),
        group=os.environ["GROUP"],
        topics=[replace(topics.COMMANDS_INTERACTIVE, name=first)],
        retries=[replace(topics.GENERATION_RETRIES[0], name=name) for name in retries],
        dead=replace(topics.GENERATION_DEAD, name=os.environ["TOPIC_EVENTS"]),
        handle=handle,
        give_up=give_up,
        instance_id=os.environ["GROUP"],
        max_in_flight=4,
    )
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: asyncio.ensure_future(processor.stop())
    )
    try:
        await processor.run()
    except FencedError:
        return FENCED
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
