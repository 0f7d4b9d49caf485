"""Speaks to the service over HTTP: upload, look, follow, download. Keeps no state of its own.

Every failure is a `ServiceError`. The API key goes to the service only, never along to the object store.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, TypeVar

import httpx
import msgspec

from sharpstream.client import sse
from sharpstream.client.errors import DOWNLOAD_FAILED, UNREACHABLE, ServiceError, from_answer
from sharpstream.client.models import Accepted, Event, Scene

API: Final = "/api/v1"
SILENCE_S: Final = 45.0
"""A live stream says something every 15 s; three times that in silence and the connection is dead."""
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0

M = TypeVar("M", bound=msgspec.Struct)
Moved = Callable[[int, int | None], None]
"""Told the bytes done and, where known, the bytes in all."""


class Client:
    """One service and one API key; use as an async context manager."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url.rstrip("/")
        limits = httpx.Limits(max_connections=64)
        proxies = not _is_here(self.url)  # a proxy for the internet does not know this machine's ports
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={"X-API-Key": api_key},
            timeout=httpx.Timeout(60, connect=10),
            limits=limits,
            trust_env=proxies,
        )
        self._store = httpx.AsyncClient(
            timeout=httpx.Timeout(60, connect=10), limits=limits, trust_env=proxies, follow_redirects=True
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()
        await self._store.aclose()

    async def check(self) -> None:
        """Raise `ServiceError` unless the service answers."""
        await self._send("GET", "/health/live")

    async def submit(self, photo: Path, fields: dict[str, str], moved: Moved) -> Accepted:
        """Upload a photo. ``fields`` are the form's other fields."""
        with photo.open("rb") as file:
            counted = _Counted(file, moved)
            files: Any = {"image": (photo.name, counted)}
            answer = await self._send("POST", f"{API}/scenes/generate", data=fields, files=files)
        return _read(answer, Accepted)

    async def scene(self, generation_id: str) -> Scene:
        """Return a generation as it stands."""
        return _read(await self._send("GET", f"{API}/scenes/{generation_id}"), Scene)

    async def follow(
        self, generation_id: str, *, lost: Callable[[ServiceError | None], None] = lambda _: None
    ) -> AsyncIterator[Event]:
        """Yield a generation's events from its first to its last; come back after each break.

        ``lost`` is told of each break. Ends early only where the service says that nothing will follow.
        Raises `ServiceError` for what coming back cannot cure; bound the whole with a timeout.
        """
        last, pause = None, FIRST_PAUSE_S
        while True:
            try:
                async with aclosing(self._stream(generation_id, last)) as events:
                    async for event in events:
                        last, pause = event.cursor or last, FIRST_PAUSE_S
                        yield event
                        if event.ends:
                            return
                lost(None)
            except _NothingFollowsError:
                return
            except ServiceError as error:
                if not error.passing:
                    raise
                pause = max(pause, error.retry_after_s or 0)
                lost(error)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads many clients' returns
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _stream(self, generation_id: str, last: str | None) -> AsyncGenerator[Event]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        timeout = httpx.Timeout(10, read=SILENCE_S)
        path = f"{API}/scenes/{generation_id}/events"
        with _translated(self.url):
            async with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
                await _raise_for(answer)
                if answer.status_code == httpx.codes.NO_CONTENT:
                    raise _NothingFollowsError
                async for frame in sse.frames(answer.aiter_bytes()):
                    yield _event(frame)

    async def download(self, url: str, to: BinaryIO, moved: Moved) -> str:
        """Write the object behind a presigned URL to ``to`` and return its sha256."""
        digest, done = hashlib.sha256(), 0
        with _translated(url.partition("?")[0], code=DOWNLOAD_FAILED):
            async with self._store.stream("GET", url) as answer:
                await _raise_for(answer)
                total = int(answer.headers.get("content-length", 0)) or None
                async for chunk in answer.aiter_bytes(256 * 1024):
                    digest.update(chunk)
                    to.write(chunk)
                    done += len(chunk)
                    moved(done, total)
        return digest.hexdigest()

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _translated(self.url):
            answer = await self._http.request(method, path, **options)
            await _raise_for(answer)
        return answer


class _NothingFollowsError(Exception):
    """HTTP 204 to a stream: the reader has everything."""


class _Counted:
    """A file that tells how far it has been read; httpx asks for no more of a file than this."""

    def __init__(self, file: BinaryIO, moved: Moved) -> None:
        self._file, self._total, self._moved = file, os.fstat(file.fileno()).st_size, moved

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._moved(self._file.tell(), self._total)
        return data


def _event(frame: sse.Frame) -> Event:
    try:
        body = json.loads(frame.data)
        return Event(
            type=frame.event,
            time=str(body.get("time", "")),
            data=body.get("data") or {},
            cursor=frame.id if frame.new_id else None,
        )
    except (ValueError, AttributeError) as error:
        raise ServiceError("answer_unreadable", "The service sent an event that is not JSON.") from error


def _read(answer: httpx.Response, kind: type[M]) -> M:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        sentence = f"{answer.url} does not answer like Sharpstream ({error}); check the URL."
        raise ServiceError("answer_unreadable", sentence, status=answer.status_code) from error


@contextmanager
def _translated(where: str, code: str = UNREACHABLE) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise ServiceError(code, f"{where} cannot be reached ({reason}).") from error
    except httpx.InvalidURL as error:
        raise ServiceError(UNREACHABLE, f"{where} is not a URL: {error}.") from error


async def _raise_for(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise from_answer(answer.status_code, dict(answer.headers), await answer.aread())


def _is_here(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
