"""The dependencies of live streams."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from bus.contract import topics
from gateway.accounts.quotas import Quotas
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.streaming.event_log import History
from gateway.streaming.event_tail import Tail
from gateway.streaming.hub import Hub
from gateway.streaming.stream_opener import StreamOpener
from gateway.streaming.subscriber import StreamLimits
from gateway.streaming.supervisor import StreamSupervisor
from gateway.streaming.waiters import Waiters


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamDependencies:
    """The instances of one application."""

    hub: Hub
    history: History
    tail: Tail
    stream_supervisor: StreamSupervisor
    waiters: Waiters
    streams: StreamOpener


def build(pool: asyncpg.Pool, settings: Settings, quotas: Quotas, metrics: Metrics) -> StreamDependencies:
    """Return the dependencies. The caller runs ``tail`` and ``stream_supervisor``."""
    own = settings.gateway
    epoch, partitions = settings.kafka.topic_epoch, topics.EVENTS.partitions
    lag = StreamLimits(events=own.reader_queue, bytes=own.reader_bytes, stall_s=own.reader_stall_seconds)
    hub = Hub(
        epoch=epoch,
        partitions=partitions,
        ring_events=own.ring_events,
        limits=lag,
        past_at_once=max(1, settings.database.pool_size // 2),  # the rest is for requests
    )
    history = History(pool, epoch=epoch, partitions=partitions)
    tail = Tail(settings.kafka, hub, history.floors, history.topic_id)
    waiters = Waiters()
    hub.listeners.append(waiters.hear)
    return StreamDependencies(
        hub=hub,
        history=history,
        tail=tail,
        stream_supervisor=StreamSupervisor(
            hub,
            pool,
            heartbeat_s=own.heartbeat_seconds,
            longest_s=own.stream_seconds,
            signed_in_s=own.access_token_seconds,
        ),
        waiters=waiters,
        streams=StreamOpener(hub, history, tail, quotas, metrics),
    )
