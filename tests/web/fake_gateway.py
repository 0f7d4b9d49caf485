"""A gateway in memory on a real socket: the built page, and answers that tests set or break.

It speaks HTTP/1.1 in threads, so that a browser's limit of six connections a host is the real one.
"""

from __future__ import annotations

import io
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
from PIL import Image

from bus.contract.format_catalogue import FACTS, options_schema
from gateway.retention.schemas import RetentionPolicyOut
from gateway.scenes.schemas import SceneItem, SceneOut, TimingsOut
from gateway.system.static_site import policy_for

SECOND_HOST: Final = "sharp.test"
"""A name of the same server; plain http at a name is no secure origin, unlike 127.0.0.1."""
PAGE: Final = 24
_TYPES: Final = {
    ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html",
    ".webp": "image/webp", ".spz": "application/octet-stream",
}  # fmt: skip


@dataclass
class Asked:
    """One request, as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """One answer; ``lost``: the connection is cut instead, after the work was done."""

    body: Any = None
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


def problem(status: int, code: str, message: str = "It was refused.", **details: Any) -> Answer:
    """Return a problem as the gateway writes it."""
    body = {"code": code, "message": message, "correlation_id": "0" * 32, "details": details or None}
    return Answer(body, status)


Route = Callable[..., Answer]


class FakeGateway:
    """The state of one account, and what was asked. ``routes`` are tried in order: put yours first."""

    def __init__(self, built: Path) -> None:
        self.built = built
        self.asked: list[Asked] = []
        self.role = "user"
        self.scenes: list[dict[str, Any]] = []
        self.accepted: dict[str, str] = {}
        """Idempotency-Key -> scene."""
        self.opened: list[str] = []
        """The scenes that were read with their views, one entry a request."""
        self.exports: list[dict[str, Any]] = []
        self.keys: list[dict[str, Any]] = []
        self.policy: dict[str, int | None] | None = None
        """The retention that the account has set."""
        self.erasures: list[dict[str, Any]] = []
        self.model = "layered"
        self.registration = "open"
        self.mail = False
        self.sign_ins = [_sign_in_row(current=True)]
        self.token = "r0"
        """The refresh token that is good now; every other one was spent or never given out."""
        self.successor: dict[str, str] = {}
        self.grace = True
        """Whether a spent token gives its unused successor again, as the service does for 30 s."""
        self.streams: list[queue.Queue[bytes]] = []
        self.routes: list[tuple[str, re.Pattern[str], Route]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.insecure_url = f"http://{SECOND_HOST}:{self.port}"
        self._defaults()

    # The server

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        for stream in self.streams:
            stream.put(b"")
        self._server.shutdown()
        self._server.server_close()

    def on(self, method: str, path: str, route: Route | Answer) -> None:
        """Answer ``method`` at ``path``, a regular expression whose groups are passed on, from now on."""
        call: Route = (lambda *_: route) if isinstance(route, Answer) else route
        self.routes.insert(0, (method, re.compile(path), call))

    def calls(self, method: str, path: str) -> list[Asked]:
        """Return the requests to a path, a regular expression."""
        return [each for each in self.asked if each.method == method and re.fullmatch(path, each.path)]

    def publish(self, kind: str, subject: str, **data: Any) -> None:
        """Send an event to every open stream."""
        number = len(self.asked) + time.monotonic_ns()
        event = {"id": str(uuid4()), "type": kind, "subject": subject, "time": _now(), "data": data}
        frame = f"id: 1-0-{number}\nevent: {kind}\ndata: {json.dumps(event)}\n\n".encode()
        for stream in list(self.streams):
            stream.put(frame)

    def answer(self, asked: Asked) -> Answer:
        for method, path, route in self.routes:
            found = path.fullmatch(asked.path)
            if method == asked.method and found:
                return route(asked, *found.groups())
        return problem(404, "not_found", "There is nothing at this address, or it is not yours.")

    # The account

    def add_scene(self, name: str | None = "photo.jpg", **given: Any) -> dict[str, Any]:
        """Add a completed scene with a preview; later ones come first in lists."""
        size = given.pop("size", (300, 200))
        scene_id = str(uuid4())
        scene = {
            "id": scene_id,
            "status": "completed",
            "priority": "interactive",
            "name": name,
            "original_image_url": f"{self.url}/store/photo.heic?{scene_id}",
            "photo_url": f"{self.url}/store/{size[0]}x{size[1]}.jpg?{scene_id}",
            "thumbnail_url": f"{self.url}/store/small/{size[0]}x{size[1]}.jpg?{scene_id}",
            "preview_url": f"{self.url}/store/{size[0]}x{size[1]}.webp?{scene_id}",
            "generated_3d_gaussian_url": f"{self.url}/store/scene.ply",
            "viewer_url": f"{self.url}/store/scene.spz",
            "processing_time_seconds": 1.0,
            "metadata": {
                "image": {"width": size[0], "height": size[1]},
                "result": {
                    "width": size[0],
                    "height": size[1],
                    "focal_length_px": float(size[0]),
                    "gaussian_count": 10,
                    "bytes": 100,
                },
            },
            "error_code": None,
            "error_message": None,
            "cancel_requested_at": None,
            "delete_at": None,
            "erased": [],
            "tags": [],
            "favourite": False,
            "retry_of": None,
            "timings": TimingsOut(other_ms=1.0, total_ms=1.0),
            "queue": None,
            "created_at": _now(),
            "updated_at": _now(),
        } | given
        self.scenes.insert(0, scene)
        return scene

    def _defaults(self) -> None:
        me = {"id": str(uuid4()), "email": "ada@example.com", "first_name": "Ada", "last_name": ""}
        on = self.on
        on("GET", r"/(?!api/|assets/|store/).*", lambda asked: self._file("index.html"))
        on("GET", r"/(assets/.+)", lambda asked, name: self._file(name))
        on("GET", r"/store/(?:small/)?(\d+)x(\d+)\.(jpg|webp|png)", lambda asked, *size: _picture(*size))
        on("GET", "/health/live", Answer({"status": "live", "version": "9.8.7"}))
        on("POST", "/api/v1/users/refresh", self._refresh)
        on("POST", "/api/v1/users/(login|register)", lambda *_: Answer(self._tokens()))
        on("POST", "/api/v1/users/logout", Answer({}, 200))
        on("GET", "/api/v1/users/sign-in-options", lambda *_: Answer(self._options()))
        on("GET", "/api/v1/users/me/sessions", lambda *_: Answer({"items": self.sign_ins}))
        on("GET", "/api/v1/usage/quotas", Answer({"items": []}))
        on("GET", "/api/v1/users/me", lambda *_: Answer(me | {"role": self.role}))
        on("GET", "/api/v1/users/me/retention", lambda *_: Answer(self._retention()))
        on("PUT", "/api/v1/users/me/retention", self._set_retention)
        on("DELETE", "/api/v1/users/me/retention", self._set_retention)
        on("GET", "/api/v1/users/me/erasures", lambda *_: Answer(_page(self.erasures)))
        on("GET", "/api/v1/models", lambda *_: Answer([_model(self.model)]))
        on("GET", "/api/v1/export-formats", lambda *_: Answer({"items": _formats()}))
        on("GET", "/api/v1/scenes", self.scene_list)
        on("GET", "/api/v1/scenes/([^/]+)", self._scene)
        on("DELETE", "/api/v1/scenes/([^/]+)", self._delete)
        on("POST", "/api/v1/scenes/generate", self._generate)
        on("GET", "/api/v1/scenes/tags", lambda *_: Answer({"items": []}))
        on("GET", "/api/v1/scenes/[^/]+/exports", lambda *_: Answer(_page(self.exports)))
        on("GET", "/api/v1/scenes/[^/]+/shares", Answer({"items": []}))
        on("GET", "/api/v1/api-keys", lambda *_: Answer(self.keys))
        on("GET", "/api/v1/webhooks", Answer([]))
        on("GET", "/api/v1/usage", Answer({"totals": [], "items": []}))

    def _file(self, name: str) -> Answer:
        path = self.built / name
        if not path.is_file():
            return problem(404, "not_found")
        headers = {"Content-Security-Policy": policy_for(self.url), "Cache-Control": "no-cache"}
        return Answer(path.read_bytes(), media_type=_TYPES.get(path.suffix, ""), headers=headers)

    def _tokens(self) -> dict[str, Any]:
        self.successor[self.token] = self.token = f"r{len(self.successor) + 1}"
        return _sign_in(self.token)

    def _refresh(self, asked: Asked) -> Answer:
        sent = asked.json()["refresh_token"]
        if sent == self.token:
            return Answer(self._tokens())
        if self.grace and self.successor.get(sent) == self.token:
            return Answer(_sign_in(self.token))
        return problem(401, "refresh_token_invalid", "The refresh token is not valid; sign in again.")

    def scene_list(self, asked: Asked) -> Answer:
        """Answer a request for the list."""
        (words,) = asked.query.get("q", [""])
        (start,) = map(int, asked.query.get("cursor", ["0"]))
        found = [scene for scene in self.scenes if words.lower() in (scene["name"] or "").lower()]
        shown = [
            {key: scene[key] for key in SceneItem.__struct_fields__ if key in scene}
            for scene in found[start : start + PAGE]
        ]
        more = str(start + PAGE) if len(found) > start + PAGE else None
        return Answer({"items": shown, "next_cursor": more})

    def _scene(self, asked: Asked, scene_id: str) -> Answer:
        found = [scene for scene in self.scenes if scene["id"] == scene_id]
        if not found:
            return problem(404, "not_found", "You have no scene with this id.")
        if asked.query.get("views") == ["true"]:
            self.opened.append(scene_id)
        return Answer({key: found[0].get(key) for key in SceneOut.__struct_fields__} | found[0])

    def _delete(self, asked: Asked, scene_id: str) -> Answer:
        self.scenes = [scene for scene in self.scenes if scene["id"] != scene_id]
        return Answer(b"", 204)

    def _options(self) -> dict[str, Any]:
        return {"registration": self.registration, "mail": self.mail}

    def _retention(self) -> dict[str, Any]:
        default = dict.fromkeys(RetentionPolicyOut.__struct_fields__)
        policy = default | (self.policy or {})
        return {
            "policy": policy, "is_default": self.policy is None, "updated_at": None, "default": default,
        }  # fmt: skip

    def _set_retention(self, asked: Asked) -> Answer:
        self.policy = asked.json() if asked.method == "PUT" else None
        return Answer(self._retention())

    def _generate(self, asked: Asked) -> Answer:
        name = re.search(rb'filename="([^"]*)"', asked.body)
        assert name
        key = asked.headers["idempotency-key"]
        if key not in self.accepted:
            pending = {"status": "pending", "preview_url": None, "viewer_url": None}
            made = self.add_scene(name[1].decode(), generated_3d_gaussian_url=None, **pending)
            self.publish("generation.requested.v1", made["id"])
            self.accepted[key] = made["id"]
        return Answer({"generation_id": self.accepted[key], "status": "pending", "message": "Accepted."}, 202)


def _handler_of(gateway: FakeGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, ValueError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            headers = {name.lower(): text for name, text in self.headers.items()}
            query = parse_qs(parts.query)
            asked = Asked(self.command, parts.path, query, headers, body, time.monotonic())
            gateway.asked.append(asked)
            if parts.path == "/api/v1/events":
                self._stream()
                return
            answer = gateway.answer(asked)
            if answer.lost:
                self.close_connection = True
                return
            content = answer.encoded()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            if answer.status not in {204, 304}:
                self.send_header("Content-Length", str(len(content)))
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  (names of http.server)

        def _stream(self) -> None:
            stream: queue.Queue[bytes] = queue.Queue()
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            gateway.streams.append(stream)
            try:
                self.wfile.write(b"retry: 200\n\n")
                while frame := _next(stream):
                    self.wfile.write(frame)
            except ConnectionError:
                pass
            finally:
                gateway.streams.remove(stream)

    return Handler


def _next(stream: queue.Queue[bytes]) -> bytes:
    """Return the next frame, or a comment that finds out whether somebody still reads."""
    try:
        return stream.get(timeout=0.5)
    except queue.Empty:
        return b": still here\n\n"


@contextmanager
def running(built: Path) -> Iterator[FakeGateway]:
    gateway = FakeGateway(built)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


@cache
def photo(width: int = 300, height: int = 200, kind: str = "JPEG") -> bytes:
    """Return a picture that is bright at its left and dark at its right."""
    made = io.BytesIO()
    picture = Image.linear_gradient("L").rotate(90).resize((width, height)).convert("RGB")
    picture.save(made, kind, quality=60)
    return made.getvalue()


def _picture(width: str, height: str, ending: str) -> Answer:
    kind = {"jpg": "JPEG", "webp": "WEBP", "png": "PNG"}[ending]
    media_type = f"image/{kind.lower()}"
    return Answer(photo(int(width), int(height), kind), media_type=media_type)


def _sign_in(refresh_token: str) -> dict[str, Any]:
    return {"access_token": "a", "refresh_token": refresh_token, "token_type": "bearer", "expires_in": 900}


def _sign_in_row(**given: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()), "created_at": _now(), "renewed_at": _now(), "expires_at": _now(),
        "client": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "current": False,
    } | given  # fmt: skip


def _model(name: str) -> dict[str, Any]:
    return {"name": name, "version": "1", "licence": "Apache-2.0", "running": True}


def _formats() -> list[dict[str, Any]]:
    return [
        msgspec.structs.asdict(facts) | {"name": name, "options": options_schema(name)}
        for name, facts in FACTS.items()
    ]


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": items, "next_cursor": None}


def _now() -> str:
    return datetime.now(UTC).isoformat()
