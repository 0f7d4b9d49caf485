"""The client for asyncio."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any, BinaryIO, Self, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent

from sharpstream.client.credentials import Session
from sharpstream.client.errors import DOWNLOAD_FAILED, TIMED_OUT, ServiceError, from_answer
from sharpstream.client.following import Following, Lost
from sharpstream.client.models import Event, Export, Scene
from sharpstream.client.operation_methods import Operations
from sharpstream.client.operations import by_hand, exports
from sharpstream.client.request import Call, Moved
from sharpstream.client.retries import Retries, polling
from sharpstream.client.synchronous import renewing
from sharpstream.client.transport import (
    CHUNK,
    STREAM_TIMEOUT,
    credentials,
    refused_token,
    settings,
    translated,
)

T = TypeVar("T")


class AsyncClient(Operations):
    """One service and one caller; use as an async context manager. Every failure is a `ServiceError`.

    Every operation of `sharpstream.client.operations` is a method. Calls that may be repeated are
    retried, see `Retries`. Credentials are sent to the service only, never to the object store.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        sign_in: Session | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._credentials = credentials(api_key, sign_in)
        self._retries = retries or Retries()
        with translated(self.url):
            self._http = httpx.AsyncClient(base_url=self.url, **settings(self.url))
            self._store = httpx.AsyncClient(follow_redirects=True, **settings(self.url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()
        await self._store.aclose()

    async def send(self, call: Call[T], *, retries: Retries | None = None) -> T:
        """Send a call and return its answer. Raises `ServiceError` when a retry would not help."""
        attempts = (retries or self._retries).begin(call)
        while True:
            try:
                return call.read(await self._once(call))
            except ServiceError as error:
                pause = attempts.pause(error)
            await asyncio.sleep(pause)

    async def check(self) -> None:
        """Raise `ServiceError` unless the service answers."""
        await self.send(Call(method="GET", path="/health/live", answer=None, public=True))

    async def wait(self, generation_id: str, *, timeout_s: float = 600) -> Scene:
        """Return a scene once it has ended, in any status. Raises `ServiceError` timed_out."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    scene = await self.send(by_hand.scene(generation_id, wait_s=30))
                    if scene.ended:
                        return scene
        except TimeoutError as error:
            raise ServiceError(
                TIMED_OUT, f"{generation_id} was not finished within {timeout_s:g} s."
            ) from error

    async def wait_export(self, export_id: str, *, timeout_s: float = 600) -> Export:
        """Return an export once it has ended, in any status. Raises `ServiceError` timed_out."""
        backoff = polling()
        try:
            async with asyncio.timeout(timeout_s):
                while not (export := await self.send(exports.get_export(export_id))).ended:
                    await backoff.sleep()
        except TimeoutError as error:
            raise ServiceError(TIMED_OUT, f"{export_id} was not finished within {timeout_s:g} s.") from error
        return export

    def follow(self, generation_id: str, *, lost: Lost = lambda _: None) -> AsyncIterator[Event]:
        """Yield a scene's events from first to last, each once; reconnect after each lost connection.

        ``lost`` is called at each one. Ends early only where the service says that nothing will follow.
        """
        return self._live(Following(f"scenes/{generation_id}/events", ends=True, lost=lost))

    def follow_export(self, export_id: str, *, lost: Lost = lambda _: None) -> AsyncIterator[Event]:
        """Yield an export's events as `follow` does a scene's."""
        return self._live(Following(f"exports/{export_id}/events", ends=True, lost=lost))

    def stream(
        self, *, after: str | None = None, types: Iterable[str] | None = None, lost: Lost = lambda _: None
    ) -> AsyncIterator[Event]:
        """Yield all events of the account endlessly, from now on or after a cursor (``0``: all)."""
        return self._live(Following("events", ends=False, after=after, types=types, lost=lost))

    async def download(self, url: str, to: BinaryIO, moved: Moved = lambda _done, _total: None) -> str:
        """Write the object behind a presigned URL to ``to`` and return its sha256."""
        digest, done = hashlib.sha256(), 0
        with translated(url.partition("?")[0], code=DOWNLOAD_FAILED):
            async with self._store.stream("GET", url) as answer:
                await _raise_for(answer)
                total = int(answer.headers.get("content-length", 0)) or None
                async for chunk in answer.aiter_bytes(CHUNK):
                    digest.update(chunk)
                    to.write(chunk)
                    done += len(chunk)
                    moved(done, total)
        return digest.hexdigest()

    async def put(self, url: str, data: bytes, headers: dict[str, str]) -> None:
        """Send bytes to the URL that `create_upload` returned, with its headers."""
        with translated(url.partition("?")[0]):
            await _raise_for(await self._store.put(url, content=data, headers=headers))

    async def _live(self, following: Following) -> AsyncGenerator[Event]:
        while True:
            error: ServiceError | None = None
            try:
                async with aclosing(self._connection(following)) as frames:
                    async for frame in frames:
                        event = following.take(frame)
                        if event is not None:
                            yield event
                        if following.done:
                            return
            except ServiceError as caught:
                error = caught
            if following.done:
                return
            await asyncio.sleep(following.broke(error))

    async def _connection(self, following: Following) -> AsyncGenerator[ServerSentEvent]:
        headers, refused = following.connect(), None
        for last in (False, True):
            own = await self._headers(refused)
            with translated(self.url):
                async with self._http.stream(
                    "GET",
                    following.path,
                    params=following.query,
                    headers=headers | own,
                    timeout=STREAM_TIMEOUT,
                ) as answer:
                    try:
                        await _raise_for(answer)
                    except ServiceError as error:
                        refused = refused_token(error, own)
                        if last or refused is None:
                            raise
                        continue
                    if answer.status_code == httpx.codes.NO_CONTENT:
                        following.done = True
                        return
                    async with aclosing(EventSource(answer).aiter_sse()) as frames:
                        async for frame in frames:
                            yield frame
            return

    async def _once(self, call: Call[Any]) -> httpx.Response:
        own = {} if call.public else await self._headers(None)
        try:
            return await self._request(call, own)
        except ServiceError as error:
            refused = refused_token(error, own)
            if refused is None:
                raise
        return await self._request(call, await self._headers(refused))

    async def _request(self, call: Call[Any], own: dict[str, str]) -> httpx.Response:
        with translated(self.url):
            with call.opened() as file:
                options = call.options(file)
                options["headers"] |= own
                answer = await self._http.request(call.method, call.path, **options)
            await _raise_for(answer)
        return answer

    async def _headers(self, refused: str | None) -> dict[str, str]:
        """Return the credentials' headers; renewing may wait for other processes, so it runs in a thread."""
        who = self._credentials
        if who is None:
            return {}
        if isinstance(who, Session):
            return await asyncio.to_thread(who.headers, renewing(self.url), refused=refused)
        return who.headers(renewing(self.url))


async def _raise_for(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise from_answer(answer.status_code, dict(answer.headers), await answer.aread())
