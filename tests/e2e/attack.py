"""One hostile account and ten addresses that send everything at once that is known to have hurt a service.

``python -m tests.e2e.attack`` reads `Target` as JSON from stdin, attacks until SIGTERM, and then prints a
`Report` as JSON. It takes at most 0.3 of a core, and lowers its own priority, so that what is measured beside
it is the service and not the machine.

| flood | members |
|---|---|
| photos | a WebP of 146 bytes that claims 100 megapixels; a JPEG whose last scan comes 42 times |
| silence | connections that send nothing, half a head, or a head and no body |
| accounts | registrations, renewals with a made-up token |
| exports | each with another option, of the attacker's one scene |
| jobs | good photos, as many as the service takes |
| partner | records that are no commands, in batches |
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.photo.bombs import huge_canvas, many_scans

CORE: Final = 0.3
"""The share of a core that the attacker may take."""
SILENT: Final = 40
"""Silent connections of each kind and address."""
BODY: Final = 2
"""The kind of silence that sends a whole head."""
ADDRESSES: Final = tuple(f"127.0.0.{last}" for last in range(2, 12))


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the attacker has: an account of its own, a scene, and perhaps a partner's access to Kafka.

    ``floods``: those to send; none for all.
    """

    url: str
    api_key: str
    scene_id: str
    photo: bytes
    kafka: dict[str, str] | None = None
    commands: str = ""
    floods: tuple[str, ...] = ()


class Report(msgspec.Struct, kw_only=True):
    """How often each flood was answered how: the status, or the exception's name."""

    answers: dict[str, dict[str, int]]
    core: float


class Attack:
    """All floods at once. `run` ends by cancellation."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._answers: dict[str, Counter[str]] = {}
        self._began, self._used = time.monotonic(), time.process_time()

    async def run(self) -> None:
        """Attack until cancelled."""
        async with aiohttp.ClientSession(headers={"X-API-Key": self._target.api_key}) as http:
            bombs = [huge_canvas(), many_scans()]
            floods: list[Awaitable[None]] = [
                self._again("photos", lambda n: self._photo(http, bombs[n % 2])),
                self._again("photos", lambda n: self._photo(http, bombs[(n + 1) % 2])),
                self._again("jobs", lambda _: self._photo(http, self._target.photo)),
                self._again("exports", lambda n: self._export(http, n)),
                self._again("accounts", self._register),
                self._again("accounts", self._renew),
                *(self._again("silence", self._silent(a, kind)) for a in ADDRESSES for kind in range(3)),
            ]
            if self._target.kafka:
                floods.append(self._again("partner", lambda _: self._partner()))
            await asyncio.gather(*floods)

    def report(self) -> Report:
        """Return what was answered so far."""
        return Report(
            answers={name: dict(found) for name, found in self._answers.items()}, core=round(self._core(), 3)
        )

    def _core(self) -> float:
        return (time.process_time() - self._used) / (time.monotonic() - self._began)

    async def _again(self, name: str, once: Callable[[int], Awaitable[str]]) -> None:
        if self._target.floods and name not in self._target.floods:
            return
        counted = self._answers.setdefault(name, Counter())
        number = 0
        while True:
            number += 1
            while self._core() > CORE:  # noqa: ASYNC110  (time alone changes it)
                await asyncio.sleep(0.01)
            try:
                counted[await once(number)] += 1
            except (aiohttp.ClientError, OSError, KafkaError) as error:
                counted[type(error).__name__] += 1
            await asyncio.sleep(0)

    async def _photo(self, http: aiohttp.ClientSession, photo: bytes) -> str:
        form = aiohttp.FormData()
        form.add_field("image", photo, filename="p.jpg", content_type="image/jpeg")
        async with http.post(f"{self._target.url}/api/v1/scenes/generate", data=form) as answer:
            return str(answer.status)

    async def _export(self, http: aiohttp.ClientSession, number: int) -> str:
        url = f"{self._target.url}/api/v1/scenes/{self._target.scene_id}/export"
        body = {"format": "PLY", "options": {"max_gaussians": 2000 + number}}
        async with http.post(url, json=body) as answer:
            return str(answer.status)

    async def _register(self, number: int) -> str:
        body = {"email": f"mallory-{os.getpid()}-{number}@example.org", "password": "correct horse battery"}
        return await self._from(number, "/api/v1/users/register", body)

    async def _renew(self, number: int) -> str:
        return await self._from(number, "/api/v1/users/refresh", {"refresh_token": f"none-{number}"})

    async def _from(self, number: int, path: str, body: dict[str, str]) -> str:
        address = ADDRESSES[number % len(ADDRESSES)]
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.post(f"{self._target.url}{path}", json=body) as answer,
        ):
            return str(answer.status)

    def _silent(self, address: str, kind: int) -> Callable[[int], Awaitable[str]]:
        async def hold(_: int) -> str:
            """Open connections, and wait until the service has closed all of them."""
            opened = await asyncio.gather(*(self._one_silent(address, kind) for _ in range(SILENT)))
            return max(set(opened), key=opened.count)

        return hold

    async def _one_silent(self, address: str, kind: int) -> str:
        there = urlsplit(self._target.url)
        reader, writer = await asyncio.open_connection(there.hostname, there.port, local_addr=(address, 0))
        try:
            if kind:
                key = f"X-API-Key: {self._target.api_key}"
                head = ["POST /api/v1/scenes/generate HTTP/1.1", "Host: x", key]
                kind_of_body = "Content-Type: multipart/form-data; boundary=zz"
                body = [kind_of_body, "Content-Length: 23527000", "", "--zz"]
                lines = head + (body if kind == BODY else [])
                writer.write("".join(f"{line}\r\n" for line in lines).encode())
            answer = await reader.read(2000)
            return answer.split(b" ")[1].decode() if answer else "closed"
        finally:
            writer.close()

    async def _partner(self) -> str:
        kafka = self._target.kafka or {}
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka["bootstrap_servers"],
            security_protocol=kafka["security_protocol"],
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=kafka["username"],
            sasl_plain_password=kafka["password"],
            request_timeout_ms=5000,
        )
        try:
            await producer.start()
            for _ in range(25):
                await producer.send(self._target.commands, b"{")
            await producer.flush()
        finally:
            await producer.stop()
        return "written"


async def _main(target: Target) -> Report:
    attack = Attack(target)
    work = asyncio.ensure_future(attack.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    with suppress(asyncio.CancelledError):
        await work
    return attack.report()


if __name__ == "__main__":
    os.nice(19)
    sys.stdout.buffer.write(
        msgspec.json.encode(asyncio.run(_main(msgspec.json.decode(sys.stdin.buffer.read(), type=Target))))
    )
