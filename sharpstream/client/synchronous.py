"""The client for programs without asyncio."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, BinaryIO, Self, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent

from sharpstream.client.credentials import Renew, Session
from sharpstream.client.errors import DOWNLOAD_FAILED, TIMED_OUT, ServiceError, from_answer
from sharpstream.client.following import Following, Lost
from sharpstream.client.models import Event, Export, Scene, SignIn
from sharpstream.client.operation_methods import Operations
from sharpstream.client.operations import accounts, by_hand, exports
from sharpstream.client.request import Call, Moved
from sharpstream.client.retries import Retries, polling
from sharpstream.client.transport import (
    CHUNK,
    STREAM_TIMEOUT,
    credentials,
    refused_token,
    settings,
    translated,
)

T = TypeVar("T")


class Client(Operations):
    """One service and one caller; use as a context manager. Every failure is a `ServiceError`.

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
            self._http = httpx.Client(base_url=self.url, **settings(self.url))
            self._store = httpx.Client(follow_redirects=True, **settings(self.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()
        self._store.close()

    def send(self, call: Call[T], *, retries: Retries | None = None) -> T:
        """Send a call and return its answer. Raises `ServiceError` when a retry would not help."""
        attempts = (retries or self._retries).begin(call)
        while True:
            try:
                return call.read(self._once(call))
            except ServiceError as error:
                pause = attempts.pause(error)
            time.sleep(pause)

    def check(self) -> None:
        """Raise `ServiceError` unless the service answers."""
        self.send(Call(method="GET", path="/health/live", answer=None, public=True))

    def wait(self, generation_id: str, *, timeout_s: float = 600) -> Scene:
        """Return a scene once it has ended, in any status. Raises `ServiceError` timed_out."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            scene = self.send(by_hand.scene(generation_id, wait_s=max(1, min(30, int(left)))))
            if scene.ended:
                return scene
        raise ServiceError(TIMED_OUT, f"{generation_id} was not finished within {timeout_s:g} s.")

    def wait_export(self, export_id: str, *, timeout_s: float = 600) -> Export:
        """Return an export once it has ended, in any status. Raises `ServiceError` timed_out."""
        deadline, backoff = time.monotonic() + timeout_s, polling()
        while not (export := self.send(exports.get_export(export_id))).ended:
            if time.monotonic() + backoff.wait_s > deadline:
                raise ServiceError(TIMED_OUT, f"{export_id} was not finished within {timeout_s:g} s.")
            time.sleep(backoff.next_s())
        return export

    def follow(self, generation_id: str, *, lost: Lost = lambda _: None) -> Iterator[Event]:
        """Yield a scene's events from first to last, each once; reconnect after each lost connection.

        ``lost`` is called at each one. Ends early only where the service says that nothing will follow.
        """
        return self._live(Following(f"scenes/{generation_id}/events", ends=True, lost=lost))

    def follow_export(self, export_id: str, *, lost: Lost = lambda _: None) -> Iterator[Event]:
        """Yield an export's events as `follow` does a scene's."""
        return self._live(Following(f"exports/{export_id}/events", ends=True, lost=lost))

    def stream(
        self, *, after: str | None = None, types: Iterable[str] | None = None, lost: Lost = lambda _: None
    ) -> Iterator[Event]:
        """Yield all events of the account endlessly, from now on or after a cursor (``0``: all)."""
        return self._live(Following("events", ends=False, after=after, types=types, lost=lost))

    def download(self, url: str, to: BinaryIO, moved: Moved = lambda _done, _total: None) -> str:
        """Write the object behind a presigned URL to ``to`` and return its sha256."""
        digest, done = hashlib.sha256(), 0
        named = translated(url.partition("?")[0], code=DOWNLOAD_FAILED)
        with named, self._store.stream("GET", url) as answer:
            _raise_for(answer)
            total = int(answer.headers.get("content-length", 0)) or None
            for chunk in answer.iter_bytes(CHUNK):
                digest.update(chunk)
                to.write(chunk)
                done += len(chunk)
                moved(done, total)
        return digest.hexdigest()

    def put(self, url: str, data: bytes, headers: dict[str, str]) -> None:
        """Send bytes to the URL that `create_upload` returned, with its headers."""
        with translated(url.partition("?")[0]):
            _raise_for(self._store.put(url, content=data, headers=headers))

    def _live(self, following: Following) -> Generator[Event]:
        while True:
            error: ServiceError | None = None
            try:
                with closing(self._connection(following)) as frames:
                    for frame in frames:
                        event = following.take(frame)
                        if event is not None:
                            yield event
                        if following.done:
                            return
            except ServiceError as caught:
                error = caught
            if following.done:
                return
            time.sleep(following.broke(error))

    def _connection(self, following: Following) -> Generator[ServerSentEvent]:
        headers, refused = following.connect(), None
        for last in (False, True):
            own = self._headers(refused)
            with (
                translated(self.url),
                self._http.stream(
                    "GET",
                    following.path,
                    params=following.query,
                    headers=headers | own,
                    timeout=STREAM_TIMEOUT,
                ) as answer,
            ):
                try:
                    _raise_for(answer)
                except ServiceError as error:
                    refused = refused_token(error, own)
                    if last or refused is None:
                        raise
                    continue
                if answer.status_code == httpx.codes.NO_CONTENT:
                    following.done = True
                    return
                yield from EventSource(answer).iter_sse()
            return

    def _once(self, call: Call[Any]) -> httpx.Response:
        own = {} if call.public else self._headers(None)
        try:
            return self._request(call, own)
        except ServiceError as error:
            refused = refused_token(error, own)
            if refused is None:
                raise
        return self._request(call, self._headers(refused))

    def _request(self, call: Call[Any], own: dict[str, str]) -> httpx.Response:
        with translated(self.url):
            with call.opened() as file:
                options = call.options(file)
                options["headers"] |= own
                answer = self._http.request(call.method, call.path, **options)
            _raise_for(answer)
        return answer

    def _headers(self, refused: str | None) -> dict[str, str]:
        who = self._credentials
        return {} if who is None else who.headers(renewing(self.url), refused=refused)


def renewing(url: str) -> Renew:
    """Return a function that exchanges a refresh token at the service."""

    def renew(refresh_token: str) -> SignIn:
        with Client(url, retries=Retries(most=2)) as client:
            return client.send(accounts.refresh(refresh_token))

    return renew


def _raise_for(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise from_answer(answer.status_code, dict(answer.headers), answer.read())
