"""What keeps a backup from being made or put back."""

from __future__ import annotations

from bus.runtime.errors import ConfigurationError


class BackupError(ConfigurationError):
    """The folder, the database or the store is not as the command needs it; nothing was changed."""

    code = "backup"


class BackupDamagedError(BackupError):
    """A file of the backup is missing, cut off, or not what was written."""

    code = "backup_damaged"
