"""The contract with partners: their two topics, their commands, and the limits of both.

A partner writes commands to one topic and reads events from the other, and has no other access to Kafka. The
slug is part of every name and has no dots, so ``partner.acme.`` is no prefix of another partner's names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from bus.contract import messages, topics
from bus.contract.messages import Priority
from bus.contract.topics import DAY, Topic

SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
"""1 to 40 lower-case letters, digits and inner hyphens."""
COMMANDS: Final = re.compile(r"partner\.([a-z0-9-]{1,40})\.commands\.v1")
"""The name of a commands topic; the group is the slug."""
OWNED: Final = re.compile(r"partner\.([a-z0-9-]{1,40})\.")
"""How every name in Kafka begins that is a partner's, as `Names.prefix`; the group is the slug."""
GENERATE: Final = "generation.generate.v1"
"""The ``ce_type`` of the only command."""
MAX_PHOTO_BYTES: Final = 1024 * 1024
"""Bytes of a photo within a command, before base64; larger ones use ``image_url`` or ``upload_key``."""
MAX_COMMAND_BYTES: Final = 2 * 1024 * 1024
"""Bytes of a (compressed) record that Kafka accepts: base64 makes a photo a third larger. Also the bytes of a
record after decompression, with its headers."""
MAX_HEADERS: Final = 100
"""Headers of a record."""
MAX_ID_BYTES: Final = 256
"""Bytes of ``ce_id`` and of ``ce_subject``."""
COMMAND_ID: Final = "ce_commandid"
"""Header of every event that a partner's command caused: that command's ``ce_id``."""


class GenerateCommand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turn the photo into a scene. Exactly one of ``image_base64``, ``image_url``, ``upload_key``.

    ``image_base64``: the photo itself, at most 1 MiB before base64. ``image_url``: public http(s), no
    redirects. ``upload_key``: the ``upload_id`` of ``POST /api/v1/uploads``. The rest is as in
    ``POST /api/v1/scenes/generate``.
    """

    image_base64: bytes | None = None
    image_url: str | None = None
    upload_key: UUID | None = None
    metadata: dict[str, Any] | None = None
    priority: Priority = Priority.INTERACTIVE
    focal_length_px: float | None = None
    focal_length_mm: float | None = None
    webhook_url: str | None = None
    delete_after_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """The names in Kafka that belong to one partner."""

    slug: str

    @property
    def user(self) -> str:
        """The SCRAM user."""
        return f"partner.{self.slug}"

    @property
    def prefix(self) -> str:
        """The prefix that its consumer groups must have."""
        return f"partner.{self.slug}."

    @property
    def commands(self) -> Topic:
        """The topic it writes. Three partitions; each one's commands are taken in order."""
        return Topic(
            name=f"partner.{self.slug}.commands.v1",
            key="any",
            partitions=3,
            retention_ms=7 * DAY,
            union=GenerateCommand,
            producers=("partner",),
            consumers=("partners",),
            description="Commands of one partner.",
            config={
                "max.message.bytes": str(MAX_COMMAND_BYTES),
                # The broker's clock: retention and waiting must not depend on a partner's timestamps.
                "message.timestamp.type": "LogAppendTime",
            },
        )

    @property
    def events(self) -> Topic:
        """The topic it reads. One partition: an account has one history, in one order."""
        return Topic(
            name=f"partner.{self.slug}.events.v1",
            key="account id",
            partitions=1,
            retention_ms=30 * DAY,
            union=messages.Event,
            producers=("partners",),
            consumers=("partner",),
            description="Every durable event of one partner's account.",
            config=topics.HISTORY_ROOM,
        )
