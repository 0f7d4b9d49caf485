"""Encryption at rest, which the object store does: what each put and copy of ours says about it.

Nothing is encrypted here. An account may have a key of its own in the key service: with that key deleted, its
objects can be read nowhere any more, in backups and replicas neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from bus.runtime.errors import ConfigurationError, TransientError
from bus.runtime.settings import S3Settings

_KMS: Final = "aws:kms"


class Encryption:
    """The settings' choice, and the accounts' keys. Raises `ConfigurationError` for a file that is wrong."""

    def __init__(self, settings: S3Settings) -> None:
        self._named = _named(settings)
        self._path = Path(settings.account_keys_file) if settings.account_keys_file else None
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[UUID, str] = {}
        try:
            self._refresh()
        except TransientError as error:
            raise ConfigurationError(error.message) from error

    def of(self, owner: UUID | None) -> dict[str, Any]:
        """Return what a new object of this account says; nothing, where the bucket decides.

        Raises `TransientError` while the file of keys cannot be read: an object under another key than its
        account's would outlive that key.
        """
        self._refresh()
        if owner is None or (key := self._keys.get(owner)) is None:
            return self._named
        return _by_kms(key)

    def _refresh(self) -> None:
        """Read the file again where it is another one: keys come and go without a restart."""
        if self._path is None:
            return
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._keys = msgspec.json.decode(self._path.read_bytes(), type=dict[UUID, str])
                self._seen = seen
        except (OSError, msgspec.DecodeError) as error:
            raise TransientError(
                f"S3_ACCOUNT_KEYS_FILE names {self._path}, which must be readable JSON, account id to key id:"
                f" {error}."
            ) from error


def _named(settings: S3Settings) -> dict[str, Any]:
    if settings.encryption == "none":
        return {}
    return _by_kms(settings.kms_key_id) if settings.encryption == _KMS else {"ServerSideEncryption": "AES256"}


def _by_kms(key: str | None) -> dict[str, Any]:
    # A bucket key: one request to the key service for many objects.
    named: dict[str, Any] = {"ServerSideEncryption": _KMS, "BucketKeyEnabled": True}
    return named | {"SSEKMSKeyId": key} if key else named
