"""Cursors of lists: the position of the last item returned, so that new items do not shift the pages."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.errors import DomainError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORM: Final = struct.Struct(">q16s")


def encode(created_at: datetime, item_id: UUID) -> str:
    """Return the opaque cursor of an item, exact to the microsecond."""
    microseconds = (created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_FORM.pack(microseconds, item_id.bytes)).decode()


def decode(cursor: str) -> tuple[datetime, UUID]:
    """Return the position that ``cursor`` names. Raises `DomainError` cursor_invalid."""
    try:
        microseconds, raw = _FORM.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return _EPOCH + timedelta(microseconds=microseconds), UUID(bytes=raw)
    except (ValueError, struct.error, OverflowError) as error:
        raise DomainError(
            "cursor_invalid", "Send back next_cursor as it came, or leave cursor out."
        ) from error
