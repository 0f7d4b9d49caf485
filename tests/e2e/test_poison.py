"""Invalid records on every consumed topic: they are kept, and processing continues."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from bus.contract import envelope, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import GenerationDeleted, GenerationRequested
from bus.contract.topics import Topic
from bus.kafka import broker
from ledger import dead_letters, progress, projection
from sharpstream.client import Client
from tests.e2e import photos
from tests.e2e.system import System

pytestmark = pytest.mark.stack

Poison = tuple[bytes | None, envelope.Headers]
READ: Final = [topic for topic in topics.ALL if topic is not topics.RELAY_CURSOR]
# Which consumer keeps the invalid records of which topics: dead letters by topic, parked events by projector.
DEAD: Final = {
    topics.GENERATION_DEAD.name: (
        topics.COMMANDS_INTERACTIVE,
        topics.COMMANDS_BULK,
        *topics.GENERATION_RETRIES,
        topics.GENERATION_DEAD,
    ),
    topics.EXPORT_DEAD.name: (
        topics.EXPORT_COMMANDS,
        topics.BACKGROUND_COMMANDS,
        *topics.EXPORT_RETRIES,
        *topics.BACKGROUND_RETRIES,
        topics.EXPORT_DEAD,
    ),
    topics.PARTNERS_DEAD.name: (topics.EVENTS, topics.PARTNERS_DEAD),
}
PARKED: Final = {
    projection.PROJECTOR: (topics.EVENTS,),
    progress.PROJECTOR: (topics.PROGRESS,),
    "export.jobs": (topics.EVENTS, topics.BACKGROUND_ENDINGS),
}
WAIT_S: Final = 240.0  # only turns a hang into a failure: the export role gives way to others


def poisons() -> list[Poison]:
    """Return records that break the contract, each for another reason."""
    account = uuid4()
    photo = BlobRef(key="originals/x", sha256="aa" * 32, bytes=1, media_type="image/jpeg")
    asked = GenerationRequested(generation_id=uuid4(), account_id=account, source=photo)
    good = envelope.record(topics.EVENTS, asked, key=account, source="/tests")
    gone = GenerationDeleted(generation_id=uuid4(), account_id=account)
    other = envelope.record(topics.EVENTS, gone, key=account, source="/tests")
    headers: envelope.Headers = list(good.headers)
    return [
        (None, headers),
        (b"", []),
        (b"\x00\xff\xfe" * 300, [("ce_type", b"\xff"), ("retry_attempt", b"many")]),
        (b"[" * 200_000, headers),
        (good.value, [each for each in headers if each[0] != "ce_id"]),
        (good.value.replace(b'"generation.requested.v1"', b'"generation.dreamt.v9"'), headers),
        (other.value, headers),  # two types in one record
    ]


async def spoil(system: System) -> None:
    """Write each invalid record into every partition of every topic."""
    producer = broker.producer(system.kafka(), client_id="tests")
    await producer.start()
    try:
        for topic in READ:
            for partition in range(topic.partitions):
                for value, headers in poisons():
                    await producer.send(topic.name, value, b"\xff", partition, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


async def test_poison_is_parked_and_blocks_no_other_record(system: System, tmp_path: Path) -> None:
    before = await kept(system)
    await spoil(system)
    with Client(system.url, system.credentials["api_key"]) as client:
        photo = photos.landscape(tmp_path)
        jobs = [
            client.generate(photo, priority=priority).generation_id
            for priority in ("interactive", "bulk") * 12
        ]
        endings = [[event.type for event in client.follow(job)][-1] for job in jobs]
        assert set(endings) == {"generation.completed.v1"}
        scene = jobs[0]
        export = client.export(scene, "GLTF").export_id
        system.wait(lambda: client.get_export(export).status, lambda status: status == "completed")
        system.wait(lambda: client.scene(scene, views=True), lambda seen: bool(seen.preview_url))
    each = len(poisons())
    expected = Counter(
        {name: each * sum(topic.partitions for topic in of) for name, of in (DEAD | PARKED).items()}
    )
    deadline = time.monotonic() + WAIT_S
    while (more := await kept(system) - before) != expected:
        assert time.monotonic() < deadline, (expected - more, more - expected)
    await let_go(system)


async def kept(system: System) -> Counter[str]:
    """Count the kept records, by dead-letter topic or projector."""
    rows = await system.fetch(
        "SELECT topic AS place, count(*) AS n FROM dead_letters WHERE reason <> '' GROUP BY 1"
        " UNION ALL SELECT projector, count(*) FROM parked_events WHERE reason <> '' GROUP BY 1"
    )
    return Counter({row["place"]: row["n"] for row in rows})


async def let_go(system: System) -> None:
    """Discard all kept records, for the tests that follow."""
    await system.fetch("UPDATE dead_letters SET state = 'discarded', settled_at = now() WHERE state = 'open'")
    await system.fetch("DELETE FROM parked_events")


def test_every_consumed_topic_is_covered() -> None:
    """A new topic needs an entry here. Topics whose readers keep nothing are listed apart."""
    elsewhere: tuple[Topic, ...] = (
        topics.CANCELLATIONS,
    )  # a cancel request is no job: the worker only logs it
    assert {topic.name for of in (DEAD | PARKED).values() for topic in of} | {
        topic.name for topic in elsewhere
    } == {topic.name for topic in READ}
    assert {topic.name for topic in dead_letters.TOPICS} == set(DEAD)
