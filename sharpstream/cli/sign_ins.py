"""The user's sign-ins, in a file that only they can read, shared by all commands that run at once."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bus.runtime import owned_folder
from sharpstream.client import Tokens


class _Content(msgspec.Struct, kw_only=True):
    last: str | None = None
    services: dict[str, Tokens] = {}


def default_path() -> Path:
    """Return the file: below XDG_CONFIG_HOME, else ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME") or owned_folder.home() / ".config"
    return Path(base) / "sharpstream" / "sign-ins.json"


def last_url(path: Path) -> str | None:
    """Return the address that was signed in to last, if that sign-in is still there."""
    return _read(path).last


class SignIn:
    """The sign-in at one service; a `sharpstream.client.Store`."""

    def __init__(self, path: Path, url: str) -> None:
        self._path, self._url = path, url

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock out other commands."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)  # this also releases the lock

    def load(self) -> Tokens | None:
        """Return the tokens as they are in the file now."""
        return _read(self._path).services.get(self._url)

    def save(self, tokens: Tokens | None) -> None:
        """Replace them in the file; None removes them. Call it inside `alone`."""
        content = _read(self._path)
        content.services.pop(self._url, None)
        if tokens is not None:
            content.services[self._url], content.last = tokens, self._url
        elif content.last == self._url:
            content.last = None
        _write(self._path, content)


def _read(path: Path) -> _Content:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Content)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Content()  # of a later version, or damaged: the user signs in again


def _write(path: Path, content: _Content) -> None:
    """Replace the file atomically, so that no command reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".sign-ins-")  # created with mode 0600
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content)))
    Path(name).replace(path)
