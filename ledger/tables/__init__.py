"""The tables as Piccolo sees them, for ordinary queries; the schema itself is made by `ledger.migrations`.

Every column that must be given says ``default=None``: else Piccolo would fill an omitted one in silence (a
random uuid, an empty text). Now it refuses, and so does the database. Indexes and checks live in the SQL; a
test holds both sides together. Where a key has several columns, the class names a unique one, or the first.
"""

from __future__ import annotations

from typing import Final

from piccolo.table import Table

from ledger.tables.accounts import ApiKey, RefreshToken, User
from ledger.tables.bridges import EventLog, EventLogFloor, Outbox, ParkedEvent, ProjectorOffset, RelayLease
from ledger.tables.chores import Chore
from ledger.tables.dead_letters import DeadLetter
from ledger.tables.intake import AccountQuota, IdempotencyKey, RateLimit, Upload
from ledger.tables.partners import Partner, PartnerCommand
from ledger.tables.removals import BlobRemoval
from ledger.tables.scenes import ExportJob, SceneGeneration, UsageLog
from ledger.tables.shares import Share
from ledger.tables.webhooks import WebhookAccountSecret, WebhookDelivery, WebhookEndpoint, WebhookMessage

TABLES: Final[tuple[type[Table], ...]] = (
    User,
    ApiKey,
    RefreshToken,
    SceneGeneration,
    ExportJob,
    UsageLog,
    Outbox,
    RelayLease,
    EventLog,
    EventLogFloor,
    ProjectorOffset,
    ParkedEvent,
    DeadLetter,
    Upload,
    IdempotencyKey,
    AccountQuota,
    RateLimit,
    BlobRemoval,
    Share,
    Chore,
    WebhookEndpoint,
    WebhookAccountSecret,
    WebhookMessage,
    WebhookDelivery,
    Partner,
    PartnerCommand,
)
"""Every table; `ledger.database.open_pool` binds them."""
