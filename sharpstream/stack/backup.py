"""What a backup holds of this home beside its servers' data: passwords, the first account's key, settings.

`ledger backup` copies the database and the objects. Ports, certificates and logs are made anew by a restore.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from sharpstream.stack import environment
from sharpstream.stack.errors import StackError
from sharpstream.stack.state_dir import Home, Memory, write_private

FILE: Final = "home.json"
FACTS: Final = ("admin_password", "api_key")


def write(home: Home, folder: Path) -> None:
    """Begin a backup with this home's part. Raises `StackError` where the folder is in use."""
    memory = Memory(home)
    if not memory.exists:
        raise StackError(f"{home.root} holds no system: there is nothing to back up.")
    settings = home.root / environment.SETTINGS
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if {path.name for path in folder.iterdir()} - {FILE}:
            raise StackError(f"{folder} is not empty: name a new folder for the backup.")
        write_private(
            folder / FILE,
            {
                "secrets": memory.secrets,
                "facts": {name: known for name in FACTS if (known := memory.known_fact(name)) is not None},
                "settings": settings.read_text("utf-8") if settings.exists() else None,
            },
        )
    except OSError as error:
        raise StackError(f"{folder} cannot be written: {error.strerror or error}.") from error


def read(folder: Path) -> dict[str, Any]:
    """Return a home's part. Raises `StackError` for a backup that is of no home."""
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise StackError(
            f"{folder} is a backup of servers of your own, without passwords: restore it by `python -m ledger"
            " restore`."
        ) from None
    except (OSError, ValueError) as error:
        raise StackError(f"{folder / FILE} cannot be read: {error}.") from error
    if not isinstance(found, dict) or not {"secrets", "facts"} <= found.keys():
        raise StackError(f"{folder / FILE} is not what `sharpstream backup` writes.")
    return found
