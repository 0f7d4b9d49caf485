"""Begins a part's data anew; what was there is renamed and stays."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sharpstream.stack import data_check
from sharpstream.stack.aside import set_aside
from sharpstream.stack.errors import StackError
from sharpstream.stack.lock import only_one
from sharpstream.stack.state_dir import Home, Memory

LOSES: Final = {
    "kafka": "the queue: unfinished jobs end as failed, and what partners sent and was not read is gone."
    " Accounts, scenes, files, usage and the log of events stay. The events are published again, so partners"
    " get all of them anew; they need new passwords",
    "s3": "the files of all scenes: photos, splats, exports. Accounts, scenes and usage stay, without files",
    "postgres": "all accounts, scenes, keys, webhooks, partners and usage, and with them the log of events"
    " and the files, which nobody can reach without them. Passwords and ports of the servers stay",
    "all": "everything in this home: accounts, scenes, files, the log of events, passwords and ports",
}
"""Part -> what is lost, for people."""
_ADMIN: Final = ("admin_password", "api_key")


def reset(home: Home, part: str) -> list[Path]:
    """Set the data aside and forget that it was made; return its new names.

    Raises `StackError` while the stack runs.
    """
    home.create()
    with only_one(home) as alone:
        if not alone:
            raise StackError("The stack runs. Stop it first: sharpstream down.")
        if part == "all":
            names = ("memory.json", "credentials.json", "postgres", "kafka", "s3")
            return [aside for name in names if (aside := set_aside(home.root / name))]
        memory = Memory(home)
        chosen = {part} if part in {"s3", "kafka"} else {"postgres", "kafka", "s3"}
        data = [folder for folder in data_check.folders(home, memory) if folder.part in chosen]
        # Set aside first: cut off after that, the next start refuses, and a further reset goes on.
        renamed = [aside for folder in data if (aside := set_aside(folder.path))]
        epoch = {"topic_epoch": str(memory.topic_epoch + 1)} if part == "kafka" else {}
        memory.forget_made(chosen, facts=_ADMIN if part == "postgres" else (), changes=epoch)
        return renamed
