"""Every subscription of the ledger: its topic, its projector and the rows that it writes."""

from __future__ import annotations

import asyncpg
from faststream.kafka import KafkaBroker

from bus.bridges.projector import Projector, subscribe
from bus.contract import topics
from bus.kafka.fetcher import fixed
from ledger import dead_letters, progress
from ledger.batch_writer import Intake
from ledger.projection import PROJECTOR, EventProjection
from ledger.settings import Settings


def event_intake(settings: Settings) -> Intake:
    """Return the writer of `sharp.events.v1`; also used to unpark events."""
    epoch = settings.kafka.topic_epoch
    write = EventProjection(epoch=epoch, bucket=settings.s3.bucket).write
    return Intake(topics.EVENTS, projector=PROJECTOR, epoch=epoch, write=write)


def progress_intake(settings: Settings) -> Intake:
    """Return the writer of `sharp.progress.v1`."""
    epoch = settings.kafka.topic_epoch
    return Intake(topics.PROGRESS, projector=progress.PROJECTOR, epoch=epoch, write=progress.write)


def register(broker: KafkaBroker, pool: asyncpg.Pool, settings: Settings) -> list[Projector]:
    """Attach the subscribers to the broker, which must not have started, and return their projectors."""
    epoch, options = settings.kafka.topic_epoch, settings.ledger
    events = Projector(pool, name=PROJECTOR, epoch=epoch, apply=event_intake(settings).apply)
    started = Projector(pool, name=progress.PROJECTOR, epoch=epoch, apply=progress_intake(settings).apply)
    dead = Projector(
        pool, name=dead_letters.PROJECTOR, epoch=epoch, apply=dead_letters.DeadLetters(epoch=epoch).apply
    )
    for projector, read, group, gather_s in (
        (events, [topics.EVENTS], options.group, 0.02),
        (started, [topics.PROGRESS], f"{options.group}.progress", 0.1),
        (dead, dead_letters.TOPICS, f"{options.group}.dead", 0.1),
    ):
        subscribe(
            broker,
            projector,
            topics=read,
            group=group,
            instance_id=options.instance_id,
            max_records=options.max_records,
            gather_s=fixed(gather_s),
        )
    return [events, started, dead]
