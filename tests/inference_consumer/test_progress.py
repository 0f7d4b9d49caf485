from __future__ import annotations

import asyncio
from typing import Any

from bus.contract import envelope, ids, topics
from bus.contract.messages import GenerationProgress, GenerationStarted, Stage
from bus.runtime.settings import KafkaSettings
from bus.runtime.tasks import end
from inference_consumer import metrics
from inference_consumer.progress import CAPACITY, ProgressPublisher, record_of

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", security_protocol="PLAINTEXT")
ONE, ACCOUNT = ids.new_id(), ids.new_id()


def progress(stage: Stage = Stage.FETCH) -> GenerationProgress:
    return GenerationProgress(generation_id=ONE, account_id=ACCOUNT, stage=stage, fraction=0.0)


def id_of(message: Any, attempt: int = 1) -> str:
    out = record_of(message, attempt)
    assert out.key == str(ACCOUNT).encode()
    return envelope.decode(topics.PROGRESS, out.value, out.headers).id


def test_event_ids_differ_by_stage_and_attempt_and_repeat_otherwise() -> None:
    started = GenerationStarted(generation_id=ONE, account_id=ACCOUNT, worker="w")
    seen = {id_of(progress(stage), attempt) for stage in Stage for attempt in (1, 2)}
    assert len(seen | {id_of(started, 1), id_of(started, 2)}) == 2 * len(Stage) + 2
    assert id_of(progress()) == id_of(progress())


def dropped() -> float:
    return metrics.PROGRESS_DROPPED._value.get()


async def test_the_oldest_events_are_dropped_while_kafka_is_down() -> None:
    publisher = ProgressPublisher(NOWHERE, client_id="test")
    running = asyncio.ensure_future(publisher.run())
    before = dropped()
    for _ in range(CAPACITY):
        publisher(progress(), 1)
    publisher(progress(Stage.UPLOAD), 1)
    await asyncio.sleep(0)
    assert dropped() - before == 1
    assert len(publisher._waiting) == CAPACITY
    assert b'"upload"' in publisher._waiting[-1].value
    assert not running.done()
    await end([running])
