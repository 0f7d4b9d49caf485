"""A request to the service as a value: its content, the type of the answer, whether it may be repeated.

Both clients send the same calls, so each operation of the API is defined once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, Final, Generic, Self, TypeVar, cast

import httpx
import msgspec

from sharpstream.client.errors import ServiceError

API: Final = "/api/v1"
T = TypeVar("T")
Moved = Callable[[int, int | None], None]
"""Called with the bytes done and, where known, the bytes in total."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A photo to send: a file's path, or its bytes and a name."""

    source: Path | bytes
    name: str
    moved: Moved = lambda _done, _total: None

    def opened(self) -> AbstractContextManager[Any]:
        """Return the file or bytes for httpx, opened anew for each attempt. Raises `ServiceError`."""
        if isinstance(self.source, bytes):
            return nullcontext(self.source)
        try:
            return _Counted(self.source.open("rb"), self.moved)
        except OSError as error:
            raise ServiceError(
                "photo_unreadable", f"{self.source} cannot be read: {error.strerror}."
            ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Generic[T]):
    """One request. ``answer`` is the type of the body, None where there is none.

    ``repeatable``: sending it twice does what sending it once does, so a lost connection is retried.
    ``public``: it needs no credentials.
    """

    method: str
    path: str
    answer: Any
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    photo: Photo | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    public: bool = False

    def opened(self) -> AbstractContextManager[Any]:
        """Return the photo to be sent, opened for one attempt; nothing where there is none."""
        return nullcontext() if self.photo is None else self.photo.opened()

    def options(self, file: Any = None) -> dict[str, Any]:
        """Return httpx's keyword arguments; ``file`` is the opened photo."""
        found: dict[str, Any] = {"params": present(self.query), "headers": dict(self.headers)}
        if self.photo is not None:
            found |= {"data": dict(self.form), "files": {"image": (self.photo.name, file)}}
        elif self.body is not None:
            found["content"] = msgspec.json.encode(present(self.body))
            found["headers"]["Content-Type"] = "application/json"
        return found

    def read(self, answer: httpx.Response) -> T:
        """Return the answer's body as its type. Raises `ServiceError` where it does not fit."""
        if self.answer is None:
            return cast("T", None)
        try:
            return cast("T", msgspec.json.decode(answer.content, type=self.answer))
        except msgspec.DecodeError as error:
            sentence = f"{answer.url} does not answer like Sharpstream ({error}); check the URL."
            raise ServiceError("answer_unreadable", sentence, status=answer.status_code) from error


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not None, as the API spells their values."""
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


class _Counted:
    """A file that reports how many bytes were read; httpx needs no other methods of a file."""

    def __init__(self, file: BinaryIO, moved: Moved) -> None:
        self._file, self._total, self._moved = file, os.fstat(file.fileno()).st_size, moved

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._moved(self._file.tell(), self._total)
        return data
