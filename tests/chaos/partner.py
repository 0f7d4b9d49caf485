"""A partner's program during fault injection: it sends commands over Kafka and reads its events.

It uses confluent-kafka with only the partner's credentials. Librdkafka's threads do the work; a thread of
this process serves their callbacks and polling.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import threading
import time
from typing import Any, Final, Self
from uuid import uuid4

import aiohttp
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from tests.chaos.evidence import Heard, PartnerEvidence, Sent
from tests.chaos.harness import Harness
from tests.chaos.load import bad_photo, photo
from tests.gateway.partners.outside import Outside, texts

HELD_S: Final = 600
"""The client retries for this long, which exceeds every outage here."""
BEHIND_S: Final = 30.0
"""The longest lag of the live reader; records missing after it are lost."""
KINDS: Final = {"plain": 5, "bulk": 3, "unreadable": 1, "wrong": 2, "repeated": 2}


async def opened(harness: Harness, account: str) -> Partner:
    """Make the account a partner, as an admin does, and return its program."""
    who = {key: harness.credentials[key] for key in ("email", "password")}
    async with aiohttp.ClientSession(harness.url) as http:
        async with http.post("/api/v1/users/login", json=who) as answer:
            signed_in = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        body = {"slug": f"chaos-{uuid4().hex[:8]}", "account_id": account}
        async with http.post("/api/v1/partners", json=body, headers=signed_in) as answer:
            assert answer.status == 201, await answer.text()
            created = await answer.json()
    kafka = created["kafka"]
    program = Outside(created["slug"], kafka["bootstrap_servers"], kafka["username"], kafka["password"])
    return Partner(program, account)


class Partner:
    """``run`` sends until cancelled. A reader reads concurrently from the beginning to the end."""

    def __init__(self, program: Outside, account: str) -> None:
        self.program, self.account = program, account
        self.good: dict[str, bool] = {}
        self.acknowledged: set[str] = set()
        self.seen: list[tuple[int, str]] = []
        more = {"enable.idempotence": True, "message.timeout.ms": HELD_S * 1000}
        self._producer = Producer(program.options(**more))
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._deliver, self._listen)]

    async def __aenter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._ending.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def run(self, dice: random.Random, *, pause_s: float = 0.8) -> None:
        """Send until cancelled."""
        while True:
            self._send(dice)
            await asyncio.sleep(dice.uniform(0.2, 1.8) * pause_s)  # the rate defines the load

    async def wait_idle(self) -> None:
        """Wait until Kafka has acknowledged everything that was sent."""
        while len(self._producer):  # noqa: ASYNC110  (the state is a thread's)
            await asyncio.sleep(0.1)

    def _send(self, dice: random.Random) -> None:
        (kind,) = dice.choices(list(KINDS), list(KINDS.values()))
        ce_id = uuid4().hex
        image = bad_photo() if kind == "unreadable" else photo(dice)
        body: dict[str, Any] = {"image_base64": base64.b64encode(image).decode()}
        body |= {"priority": "bulk"} if kind == "bulk" else {}
        body = {"priority": "bulk"} if kind == "wrong" else body
        self.good[ce_id] = kind not in {"wrong", "unreadable"}
        for _ in range(2 if kind == "repeated" else 1):
            self._producer.produce(
                self.program.commands,
                json.dumps(body),
                key=ce_id,
                headers={
                    "ce_specversion": "1.0",
                    "ce_id": ce_id,
                    "ce_type": "generation.generate.v1",
                    "ce_source": "/chaos",
                    "ce_subject": f"job {ce_id}",
                    "content-type": "application/json",
                },
                on_delivery=self._receipt,
            )

    def _receipt(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged.add((message.key() or b"").decode())

    def _deliver(self) -> None:
        while not self._ending.is_set():
            self._producer.poll(0.1)

    def _listen(self) -> None:
        consumer = self._reader()
        try:
            while not self._ending.is_set():
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    self.seen.append((message.offset() or 0, _digest(message)))
        finally:
            consumer.close()

    def _reader(self, **more: Any) -> Consumer:
        more |= {"group.id": f"partner.{self.program.slug}.chaos", "enable.auto.commit": False}
        consumer = Consumer(self.program.options(**more, **{"isolation.level": "read_committed"}))
        consumer.assign([TopicPartition(self.program.events, 0, OFFSET_BEGINNING)])
        return consumer

    # --- once the system is idle ---

    async def evidence(self, commands: list[Sent]) -> PartnerEvidence:
        """Read the events topic from the beginning, by a reader independent of the live one."""
        events = await asyncio.to_thread(self._everything)
        deadline = time.monotonic() + BEHIND_S
        last = events[-1].offset if events else -1
        while time.monotonic() < deadline and not self._reached(last):  # noqa: ASYNC110  (a thread's state)
            await asyncio.sleep(0.1)
        return PartnerEvidence(
            account=self.account,
            good=dict(self.good),
            acknowledged=set(self.acknowledged),
            commands=commands,
            events=events,
            seen=list(self.seen),
        )

    def _reached(self, last: int) -> bool:
        return last < 0 or (bool(self.seen) and self.seen[-1][0] >= last)

    def _everything(self) -> list[Heard]:
        """Return every committed record up to the end, which librdkafka reports as an error code."""
        reader, found = self._reader(**{"enable.partition.eof": True}), []
        try:
            while True:
                message = reader.poll(1)
                if message is None:
                    continue
                if (error := message.error()) is None:
                    found.append(_heard(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    return found
                else:
                    raise KafkaException(error)
        finally:
            reader.close()


def _digest(message: Message) -> str:
    return hashlib.sha256(message.value() or b"").hexdigest()


def _heard(message: Message) -> Heard:
    headers, value = texts(message), message.value() or b""
    event = json.loads(value)
    begin = value.index(b'"data":') + len(b'"data":')
    return Heard(
        offset=message.offset() or 0,
        event_id=headers["ce_id"],
        type=headers["ce_type"],
        command=headers.get("ce_commandid", ""),
        generation=event["data"].get("generation_id", ""),
        code=event["data"].get("code", ""),
        data=value[begin:-1],  # the last field of the event
        digest=_digest(message),
    )
