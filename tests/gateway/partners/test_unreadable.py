"""Records that no regular client writes: one step each, at nobody else's cost; many suspend their sender.

`test_batch_reader.py` has the members of the class; these are the way through Kafka.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from aiokafka.consumer import fetcher
from confluent_kafka import Producer
from kafka import KafkaProducer
from prometheus_client import REGISTRY

from gateway.partners import batch_reader
from gateway.partners.grants import KafkaQuotas
from gateway.partners.kafka_admin import Cluster
from gateway.partners.lifecycle import Lifecycle
from gateway.partners.repository import PartnerStore
from tests.gateway.partners.conftest import Desk
from tests.gateway.partners.outside import DENIED, Outside, denied
from tests.gateway.partners.test_bridges import PHOTO, answers, body, command, read

pytestmark = pytest.mark.stack


class NoUtf8(str):
    """A header name that is not UTF-8, which no client library sends."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"

    def __len__(self) -> int:
        return 2


def send_no_utf8(partner: Outside, count: int = 1) -> None:
    producer = KafkaProducer(
        bootstrap_servers=[partner.bootstrap],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=partner.username,
        sasl_plain_password=partner.password,
        enable_idempotence=False,
    )
    for _ in range(count):
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


@pytest.fixture(autouse=True)
def tolerant(monkeypatch) -> None:
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)  # undone in the end
    batch_reader.install()


@pytest.mark.parametrize("spoil", [send_no_utf8, send_bomb])
async def test_an_unreadable_record_is_rejected_and_later_ones_are_accepted(bridged, unique, spoil) -> None:
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


LIMIT = 5
"""The default of ``PARTNERS_UNREADABLE_LIMIT``."""


async def test_many_unreadable_records_suspend_their_sender_alone(bridged, unique) -> None:
    created, partner = await bridged.opened(unique("acme"))
    _, other = await bridged.opened(unique("other"))
    counted = REGISTRY.get_sample_value("sharpstream_partner_unreadable_records_total") or 0
    await asyncio.gather(
        asyncio.to_thread(send_no_utf8, partner, LIMIT + 5),
        *(asyncio.to_thread(send_good, other, name) for name in "abc"),
    )
    assert {answer for _, answer in await answers(other, 3)} == {"generation.requested.v1"}
    messages = await read(partner, LIMIT + 5)
    data = [json.loads(message.value())["data"] for message in messages]
    assert [(each["code"], each["offset"]) for each in data] == [
        ("command_malformed", offset) for offset in range(LIMIT + 5)
    ]
    assert REGISTRY.get_sample_value("sharpstream_partner_unreadable_records_total") == counted + LIMIT + 5

    shown = await bridged.get(f"/{created['id']}")
    assert (shown["state"], shown["suspension"]["reason"]) == ("suspended", "unreadable_records")
    assert "resume" in shown["suspension"]["message"]
    assert shown["unreadable_records"] == LIMIT + 5
    assert shown["settled"] is False
    await lifecycle_of(bridged).work()  # a gateway revokes the rights
    assert (await bridged.get(f"/{created['id']}"))["settled"] is True
    assert await asyncio.to_thread(denied, lambda: send_good_or_raise(partner)) in DENIED

    resumed = (await bridged.post(f"/{created['id']}/resume")).json()
    assert (resumed["state"], resumed["suspension"], resumed["unreadable_records"]) == ("active", None, 0)
    await asyncio.to_thread(send_good, partner, "z")
    assert (await answers(partner, LIMIT + 6))[-1] == ("z", "generation.requested.v1")


def send_good_or_raise(partner: Outside) -> object:
    return partner.send(body(image_base64=PHOTO), headers=command("refused"))


def lifecycle_of(desk: Desk) -> Lifecycle:
    own = KafkaQuotas(produce_bytes=2**21, consume_bytes=2**22, request_percent=50)
    store = PartnerStore(desk.api.services.pool)
    return Lifecycle(store, Cluster(desk.settings.kafka), own, keep_s=0)
