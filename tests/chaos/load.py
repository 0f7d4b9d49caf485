"""The load during fault injection: users send photos, cancel and export, and record every 202."""

from __future__ import annotations

import asyncio
import io
import random
import zlib
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from uuid import uuid4

import aiohttp
import numpy as np
from PIL import Image

from tests.chaos.receiver import Receiver

PASSWORD = "correct horse battery"
TIMEOUT = aiohttp.ClientTimeout(total=12)
ATTEMPTS = 4
"""A request without an answer is sent again with the same Idempotency-Key, as the documentation says."""
FORMATS = ("gltf", "obj", "splat", "spz", "ply_compressed", "png")
ENDPOINT, PER_REQUEST = "endpoint", "per-request"
"""The hooks: one of an account, for all its events; one named by single requests."""


@dataclass
class Load:
    """The requests that were sent and accepted."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Generation id of each 202 -> what kind of request it was."""
    exports: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    """Completed scenes that were opened, whose two views were ordered before the answer."""
    with_webhook: set[str] = field(default_factory=set)
    cancels: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """Status code, or the kind of failure, of every request."""


def photo(dice: random.Random) -> bytes:
    """Return a JPEG of 32 to 64 pixels a side, never the same twice."""
    side = dice.randrange(32, 65)
    pixels = np.frombuffer(dice.randbytes(side * side * 3), np.uint8).reshape(side, side, 3)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=60)
    return out.getvalue()


def bad_photo() -> bytes:
    """Return a PNG with right checksums and invalid pixels, which is refused once it is decoded."""
    head = (32).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunks = [(b"IHDR", head), (b"IDAT", b"these are no pixels at all"), (b"IEND", b"")]
    whole = b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + whole


class People:
    """Users of several accounts; ``run`` sends until cancelled."""

    def __init__(self, url: str, receiver: Receiver, load: Load) -> None:
        self._url, self._receiver, self.load = url + "/api/v1", receiver, load
        self._keys: list[str] = []
        self._mine: defaultdict[str, list[str]] = defaultdict(list)
        """The generations accepted with each key."""
        self.endpoint_account = ""
        """The account that the endpoint belongs to."""
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=TIMEOUT)
        for number in range(3):
            email = f"person-{number}-{uuid4().hex[:8]}@example.com"
            account = await self._must("POST", "/users/register", json={"email": email, "password": PASSWORD})
            token = await self._must("POST", "/users/login", json={"email": email, "password": PASSWORD})
            signed_in = {"Authorization": f"Bearer {token['access_token']}"}
            if number == 0:
                self.endpoint_account = account["id"]
                hook = {"url": self._receiver.url(ENDPOINT), "events": ["*"]}
                await self._must("POST", "/webhooks", json=hook, headers=signed_in)
            key = await self._must("POST", "/api-keys", json={"name": "chaos"}, headers=signed_in)
            self._keys.append(key["key"])
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._http
        await self._http.close()

    async def _must(self, method: str, path: str, **how: object) -> dict[str, str]:
        assert self._http
        async with self._http.request(method, self._url + path, **how) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def run(self, dice: random.Random, *, people: int = 4, pause_s: float = 0.4) -> None:
        """Send until cancelled."""
        seeds = [dice.randrange(2**32) for _ in range(people)]
        await asyncio.gather(*(self._person(random.Random(seed), pause_s) for seed in seeds))

    async def _person(self, dice: random.Random, pause_s: float) -> None:
        while True:
            await self._one(dice)
            await asyncio.sleep(dice.uniform(0.2, 1.8) * pause_s)  # the rate defines the load

    async def _one(self, dice: random.Random) -> None:
        key = dice.choice(self._keys)
        kinds = {"plain": 4, "bulk": 3, "webhook": 3, "cancel": 2, "bad": 1, "export": 3, "open": 3}
        (kind,) = dice.choices(list(kinds), list(kinds.values()))
        fields = {"priority": "bulk"} if kind == "bulk" else {}
        fields |= {"webhook_url": self._receiver.url(PER_REQUEST)} if kind == "webhook" else {}
        image = bad_photo() if kind == "bad" else photo(dice)
        generation = await self._generate(key, image, fields)
        if generation is None:
            return
        self.load.accepted[generation] = kind
        if kind == "webhook":
            self.load.with_webhook.add(generation)
        if kind == "cancel":
            await asyncio.sleep(dice.choice([0, 0, 0.1, 0.5]))  # before, while or after it runs
            self.load.cancels += await self._send("POST", f"/scenes/{generation}/cancel", key) is not None
        if kind == "export":
            await self._export(key, dice.choice(self._mine[key] or [generation]), dice.choice(FORMATS))
        if kind == "open":
            await self._open(key, dice.choice(self._mine[key] or [generation]))
        self._mine[key].append(generation)

    async def _generate(self, key: str, image: bytes, fields: dict[str, str]) -> str | None:
        once = {"Idempotency-Key": uuid4().hex}
        for _ in range(ATTEMPTS):
            form = aiohttp.FormData(fields)
            form.add_field("image", image, filename="photo", content_type="application/octet-stream")
            answer = await self._send("POST", "/scenes/generate", key, data=form, headers=once)
            if answer is not None:
                return answer.get("generation_id")
            await asyncio.sleep(0.5)
        return None

    async def _export(self, key: str, generation: str, to: str) -> None:
        for _ in range(ATTEMPTS):  # 409 until the scene is completed, and always for one that is not
            answer = await self._send("POST", f"/scenes/{generation}/export", key, json={"format": to})
            if answer and "export_id" in answer:
                self.load.exports.add(answer["export_id"])
                return
            await asyncio.sleep(0.5)

    async def _open(self, key: str, generation: str) -> None:
        for _ in range(ATTEMPTS):
            answer = await self._send("GET", f"/scenes/{generation}?views=true", key)
            if answer and answer["status"] == "completed":
                self.load.opened.add(generation)
                return
            await asyncio.sleep(0.5)

    async def _send(
        self, method: str, path: str, key: str, *, headers: dict[str, str] | None = None, **how: object
    ) -> dict[str, str] | None:
        """Return the answer of a 2xx, {} for a refusal, None where the caller has to retry."""
        assert self._http
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            given = {"X-API-Key": key} | (headers or {})
            async with self._http.request(method, self._url + path, headers=given, **how) as answer:
                self.load.answers[str(answer.status)] += 1
                if answer.status in {409, 429} or answer.status >= 500:
                    return None
                body = await answer.json()
                return body if answer.status < 300 else {}
        self.load.answers["no answer"] += 1
        return None
