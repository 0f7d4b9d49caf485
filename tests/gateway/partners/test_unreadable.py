"""Records that no regular client writes: they are rejected too, and delay no other partner."""

from __future__ import annotations

import asyncio
import json

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer

from gateway.partners import decompression_limit
from tests.gateway.partners.outside import Outside
from tests.gateway.partners.test_bridges import PHOTO, answers, body, command, read

pytestmark = pytest.mark.stack


class NoUtf8(str):
    """A header name that is not UTF-8, which no client library sends."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"

    def __len__(self) -> int:
        return 2


def send_no_utf8(partner: Outside) -> None:
    producer = KafkaProducer(
        bootstrap_servers=[partner.bootstrap],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=partner.username,
        sasl_plain_password=partner.password,
        enable_idempotence=False,
    )
    producer.send(partner.commands, b"{}", partition=0, headers=[(NoUtf8("xx"), b"1")]).get(20)
    producer.close()


def send_bomb(partner: Outside) -> None:
    options = {"message.max.bytes": 100_000_000, "compression.codec": "zstd"}
    producer = Producer(partner.options(**options))
    producer.produce(partner.commands, b"\0" * 60_000_000, partition=0)
    assert producer.flush(30) == 0


def send_good(partner: Outside, name: str) -> None:
    producer = Producer(partner.options())
    headers = list(command(name, name).items())
    producer.produce(partner.commands, body(image_base64=PHOTO), headers=headers, partition=0)
    assert producer.flush(30) == 0


@pytest.mark.parametrize("spoil", [send_no_utf8, send_bomb])
async def test_an_unreadable_record_is_rejected_and_later_ones_are_accepted(bridged, unique, spoil) -> None:
    decompression_limit.install()
    _, partner = await bridged.opened(unique("acme"))
    _, other = await bridged.opened(unique("other"))
    for step in (lambda: send_good(partner, "a"), lambda: spoil(partner), lambda: send_good(partner, "b")):
        await asyncio.to_thread(step)
    await asyncio.to_thread(send_good, other, "c")
    messages = await read(partner, 3, timeout_s=60)
    events = [json.loads(message.value()) for message in messages]
    assert [event["data"].get("code") for event in events] == [None, "command_malformed", None]
    assert events[1]["data"]["offset"] == 1
    assert await answers(other, 1) == [("c", "generation.requested.v1")]
