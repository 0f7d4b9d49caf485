"""Jobs that failed after their last attempt."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class DeadLetter(Table, tablename="dead_letters", db=POSTGRES):
    """A record of a dead-letter topic and how it was settled; unique by its position in Kafka."""

    id = UUID(primary_key=True, default=None)
    epoch = Integer(default=None)
    topic = Text(default=None)
    partition = Integer(default=None)
    offset = BigInt(default=None)
    origin_topic = Text(default=None, null=True)
    subject = UUID(default=None, null=True)
    account_id = UUID(default=None, null=True)
    code = Text(default=None)
    reason = Text(default=None)
    attempts = Integer(default=None)
    key = Bytea(default=None, null=True)
    headers = JSONB(default=None)
    value = Bytea(default=None, null=True)
    dead_at = Timestamptz(default=None)
    state = Text(default=None)
    settled_at = Timestamptz(default=None, null=True)
    settled_by = UUID(default=None, null=True)
    redriven_as = UUID(default=None, null=True)
