"""A job's submission: its command, and the records published in the transaction that writes the job's row.

Decides which topic a command goes to and which event is published with it, for a job that is accepted
(`gateway.scenes.accept_generation`, `gateway.scenes.exports`) and one that is redriven
(`gateway.operations.redrive`). Writes no row: those callers write it from ``command``, each under its own
conditions (quota, the same export once, the dead letter settled once).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from msgspec.structs import replace

from bus.contract import topics
from bus.contract.envelope import OutRecord
from bus.contract.messages import ExportRequested, ExportScene, GenerateScene, GenerationRequested
from gateway.outbox import outbox_record
from gateway.trace import Trace

Command = TypeVar("Command", GenerateScene, ExportScene)


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission(Generic[Command]):
    """A job's command as published, with its expiry set, and its ``records``.

    ``records``: the command, then the event for the log of record. ``held``: the same as
    two publications, for a command that waits.
    """

    command: Command
    expires_at: datetime
    records: list[OutRecord]

    @property
    def held(self) -> tuple[list[OutRecord], list[OutRecord]]:
        """The publication of now, and the one of later."""
        command, *events = self.records
        return events, [command]


def generation(
    command: GenerateScene, *, api_key_id: UUID | None, trace: Trace, retry_of: UUID | None = None
) -> Submission[GenerateScene]:
    """Return the submission of a generation; ``retry_of`` is the generation that it repeats."""
    topic, at = topics.commands_topic(command.priority), command.requested_at
    expires_at = topics.expiry(topic, at)
    command = replace(command, expires_at=expires_at)
    event = GenerationRequested(
        generation_id=command.generation_id,
        account_id=command.account_id,
        source=command.source,
        priority=command.priority,
        api_key_id=api_key_id,
        retry_of=retry_of,
    )
    records = [
        outbox_record(topic, command, key=command.generation_id, time=at, trace=trace),
        outbox_record(topics.EVENTS, event, key=command.account_id, time=at, trace=trace),
    ]
    return Submission(command=command, expires_at=expires_at, records=records)


def export(command: ExportScene, *, api_key_id: UUID | None, trace: Trace) -> Submission[ExportScene]:
    """Return the submission of an export; the system's own exports (with a ``purpose``) have no event."""
    topic = topics.EXPORT_COMMANDS if command.purpose is None else topics.BACKGROUND_COMMANDS
    at = command.requested_at
    expires_at = topics.expiry(topic, at)
    command = replace(command, expires_at=expires_at)
    records = [outbox_record(topic, command, key=command.export_id, time=at, trace=trace)]
    if command.purpose is None:
        event = ExportRequested(
            export_id=command.export_id,
            generation_id=command.generation_id,
            account_id=command.account_id,
            format=command.format,
            api_key_id=api_key_id,
            options=command.options,
        )
        records.append(outbox_record(topics.EVENTS, event, key=command.account_id, time=at, trace=trace))
    return Submission(command=command, expires_at=expires_at, records=records)
