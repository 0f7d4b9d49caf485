"""The tables as Piccolo classes; the schema itself is made by `ledger.db.migrations`.

The plain reads and writes of the gateway are queries on these classes, run by `ledger.db.queries.run`; no
table is bound to a database. The one-statement writes and the projections stay SQL.

Every required column has ``default=None``: otherwise Piccolo would fill an omitted one silently (a random
uuid, an empty text). With it, Piccolo refuses the query, and so does the database. Indexes and checks are in
the SQL; a test compares both sides. Where a key has several columns, the class names a unique one, or the
first.
"""

from __future__ import annotations

from typing import Final

from piccolo.table import Table

from ledger.db.tables.accounts import ApiKey, KnownAddress, OneTimeLink, RefreshToken, User
from ledger.db.tables.admin_acts import AdminAct
from ledger.db.tables.albums import Album, AlbumScene
from ledger.db.tables.chores import Chore
from ledger.db.tables.dead_letters import DeadLetter
from ledger.db.tables.invariant_checks import InvariantCheck
from ledger.db.tables.mails import Mail
from ledger.db.tables.outbox import EventLog, EventLogFloor, Outbox, ParkedEvent, ProjectorOffset, RelayLease
from ledger.db.tables.partners import Partner, PartnerCommand
from ledger.db.tables.removals import BlobRemoval
from ledger.db.tables.restores import Restore
from ledger.db.tables.retention import Erasure, RetentionPolicy
from ledger.db.tables.scenes import ExportJob, SceneGeneration, SceneRendition, UsageLog
from ledger.db.tables.shares import Share
from ledger.db.tables.uploads_and_idempotency import AccountQuota, IdempotencyKey, RateLimit, Upload
from ledger.db.tables.webhooks import WebhookAccountSecret, WebhookDelivery, WebhookEndpoint, WebhookMessage

TABLES: Final[tuple[type[Table], ...]] = (
    User,
    ApiKey,
    RefreshToken,
    KnownAddress,
    OneTimeLink,
    Mail,
    SceneGeneration,
    SceneRendition,
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
    Restore,
    Share,
    Album,
    AlbumScene,
    Chore,
    InvariantCheck,
    WebhookEndpoint,
    WebhookAccountSecret,
    WebhookMessage,
    WebhookDelivery,
    Partner,
    PartnerCommand,
    RetentionPolicy,
    Erasure,
    AdminAct,
)
"""Every table of the schema."""
