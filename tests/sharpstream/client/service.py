"""Fake gateway and object store: a real HTTP server that plays one script per photo.

It replaces only the outermost edge; everything on the client's side of the socket is real.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multipart import MultipartParser

KEY = "ss_test_key"
STAGES = ("fetch", "decode", "batch", "inference", "encode", "upload")
TIMINGS = {"queued_ms": 3.0, "decode_ms": 12.5, "inference_ms": 640.0, "upload_ms": 7.25}


@dataclass
class Scene:
    """One generation, by the name of its photo."""

    id: str
    photo: str
    body: bytes
    fields: dict[str, str]
    status: str = "completed"
    error: tuple[str, str] = ("", "")
    splat: bytes = b""
    claimed_sha256: str | None = None
    resumed_after: list[str | None] = field(default_factory=list)


class FakeService:
    """``scenes`` has the accepted photos; the attributes below change how it behaves."""

    def __init__(self) -> None:
        self.scenes: dict[str, Scene] = {}
        self.url = ""
        self.problems: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = {}
        """Photo name -> (status, problem, headers): refused, once for each entry."""
        self.failing: dict[str, tuple[str, str]] = {}
        """Photo name -> (code, message) of its generation.failed.v1."""
        self.break_after: list[int] = []
        """For each stream in turn: break the connection after so many frames."""
        self.stated: dict[str, Any] = {"model": {"name": "layered/bundled", "version": "1"}}
        """More metadata of every completed scene."""
        self.lag = 0
        """So many reads of a scene still show it as pending, as when the ledger lags."""
        self.damaged: set[str] = set()
        """Photo names whose download differs from what was promised."""
        self.stuck = asyncio.Event()
        """While set, downloads stop half-way; `downloading` is set when one has."""
        self.downloading = asyncio.Event()
        self.closing = asyncio.Event()
        self.store_saw_key = False
        self.idempotency_keys: list[str] = []
        self.most_at_once = 0
        self._at_once = 0

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._authenticate], client_max_size=64 * 2**20)
        app.router.add_get("/health/live", self._live)
        app.router.add_post("/api/v1/scenes/generate", self._generate)
        app.router.add_get("/api/v1/models", self._models)
        app.router.add_get("/api/v1/scenes/{id}", self._scene)
        app.router.add_get("/api/v1/scenes/{id}/events", self._events)
        app.router.add_get("/store/{id}", self._download)
        return app

    @web.middleware
    async def _authenticate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        public = request.path == "/api/v1/models"
        if request.path.startswith("/api/") and not public and request.headers.get("X-API-Key") != KEY:
            return problem(401, "api_key_invalid", "The API key is unknown; make one under /docs.")
        return await handler(request)

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _models(self, _: web.Request) -> web.Response:
        facts = {"version": "1", "description": "", "running": False, "unknown_field": "of a later version"}
        licences = {"card": "None needed.", "layered/bundled": "Apache-2.0, part of Sharpstream."}
        return web.json_response(
            [facts | {"name": name, "licence": licence} for name, licence in licences.items()]
        )

    async def _generate(self, request: web.Request) -> web.Response:
        self.idempotency_keys.append(request.headers.get("Idempotency-Key", ""))
        form = MultipartParser(io.BytesIO(await request.read()), _boundary(request))
        name, body, fields = "", b"", {}
        for part in form:
            if part.name == "image":
                name, body = part.filename or "", part.raw
            else:
                fields[part.name] = part.value
            part.close()
        if name in self.problems:
            status, document, headers = self.problems.pop(name)
            return web.json_response(document, status=status, headers=headers)
        scene = Scene(
            id=f"id-{len(self.scenes) + 1}",
            photo=name,
            body=body,
            fields=fields,
            splat=b"ply of " + body * 50,
        )
        if name in self.failing:
            scene.status, scene.error, scene.splat = "failed", self.failing[name], b""
        self.scenes[scene.id] = scene
        return web.json_response(
            {"generation_id": scene.id, "status": "pending", "message": "Accepted."}, status=202
        )

    async def _scene(self, request: web.Request) -> web.Response:
        scene = self.scenes[request.match_info["id"]]
        if self.lag > 0:
            self.lag -= 1
            return web.json_response({"id": scene.id, "status": "pending", "metadata": {}})
        done = scene.status == "completed"
        sha256 = hashlib.sha256(scene.splat).hexdigest()
        metadata: dict[str, Any] = {"timings": TIMINGS, "error": {"code": scene.error[0]}}
        if done:
            metadata["result"] = {"sha256": sha256, "bytes": len(scene.splat), "gaussian_count": 19683}
            metadata |= self.stated
        return web.json_response(
            {
                "id": scene.id,
                "status": scene.status,
                "generated_3d_gaussian_url": f"{self.url}/store/{scene.id}?sig=1" if done else None,
                "processing_time_seconds": 0.7,
                "metadata": metadata,
                "error_message": scene.error[1] or None,
                "unknown_field": "of a later version",
            }
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        scene = self.scenes[request.match_info["id"]]
        after = request.headers.get("Last-Event-ID")
        scene.resumed_after.append(after)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        limit = self.break_after.pop(0) if self.break_after else None
        try:
            await answer.write(b"retry: 2000\n\n: still here\n\n")
            for number, frame in enumerate(_story(scene, after)):
                if number == limit:
                    assert request.transport is not None
                    request.transport.abort()
                    break
                await answer.write(frame)
                await asyncio.sleep(0)
        finally:
            self._at_once -= 1
        return answer

    async def _download(self, request: web.Request) -> web.StreamResponse:
        self.store_saw_key |= "X-API-Key" in request.headers
        scene = self.scenes[request.match_info["id"]]
        data = b"x" * len(scene.splat) if scene.photo in self.damaged else scene.splat
        answer = web.StreamResponse(headers={"Content-Length": str(len(data))})
        await answer.prepare(request)
        await answer.write(data[: len(data) // 2])
        self.downloading.set()
        if self.stuck.is_set():
            await self.closing.wait()
            return answer
        await answer.write(data[len(data) // 2 :])
        return answer


def _boundary(request: web.Request) -> str:
    return request.headers["Content-Type"].partition("boundary=")[2]


def problem(status: int, code: str, message: str, **more: Any) -> web.Response:
    """Return a problem+json, as the gateway sends it."""
    document = {"status": status, "code": code, "message": message, "correlation_id": "corr-1"} | more
    return web.json_response(document, status=status, content_type="application/problem+json")


def _story(scene: Scene, after: str | None) -> list[bytes]:
    ending = f"generation.{scene.status}.v1"
    reported = {"code": scene.error[0], "message": scene.error[1]} if scene.status == "failed" else {}
    story = [
        ("1-4-10", "generation.requested.v1", {}),
        (None, "generation.started.v1", {"worker": "w1"}),
        *(
            (None, "generation.progress.v1", {"stage": stage, "fraction": number / len(STAGES)})
            for number, stage in enumerate(STAGES)
        ),
        ("1-4-11", ending, reported),
    ]
    if after == "1-4-10":
        story = story[1:]
    return [_frame(cursor, kind, data) for cursor, kind, data in story]


def _frame(cursor: str | None, kind: str, data: dict[str, Any]) -> bytes:
    body = {"specversion": "1.0", "id": "e", "type": kind, "time": "2026-01-31T12:00:00Z", "data": data}
    id_line = f"id: {cursor}\n" if cursor else ""
    return f"{id_line}event: {kind}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


@asynccontextmanager
async def serving() -> AsyncIterator[FakeService]:
    """Serve on a free port of this machine until left."""
    service = FakeService()
    runner = web.AppRunner(service.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    service.url = f"http://{host}:{port}"
    try:
        yield service
    finally:
        service.closing.set()
        await runner.cleanup()
