"""Batches that no client library writes are passed over in one step, within limits of memory.

Class: what a sender puts into a batch decides about its reader. Source: records that stopped aiokafka's
consumer, and codecs whose data names its own size.

| member | what would happen |
|---|---|
| header's name that is not UTF-8, first or in the middle | aiokafka raises at it for ever |
| broken checksum, broken compressed bytes | the same |
| gzip, lz4, zstd that expand beyond the limit | gigabytes of memory |
| Snappy, raw and in Java's blocks, that names a size of 2 GB | the interpreter is aborted |
| Snappy of very many blocks | seconds of the event loop |
| a record larger than a command, or with very many headers | hundreds of megabytes held while it waits |
| a hundred thousand records in a batch that cannot be unpacked | a step for each |
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import cramjam
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from bus.contract.partners import MAX_COMMAND_BYTES, MAX_HEADERS
from gateway.partners import batch_reader
from gateway.partners.batch_reader import PassingRecords, UnreadableRecord
from gateway.partners.decompression_limit import LIMIT, bounded, unpack_snappy

OURS = TopicPartition("partner.acme.commands.v1", 0)
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_PARTITION_RECORDS = fetcher.PartitionRecords


@pytest.fixture(autouse=True, scope="module")
def installed() -> Iterator[None]:
    batch_reader.install()
    yield
    fetcher.PartitionRecords = _PARTITION_RECORDS


def batch(*records: dict[str, Any], base: int = 0, codec: int = 0) -> bytes:
    """Return a batch as it stands in a fetch response."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=1 << 26,
    )  # fmt: skip
    for offset, record in enumerate(records):
        given = {"key": None, "value": b"v", "headers": []} | record
        builder.append(offset, timestamp=1_700_000_000_000, **given)
    made = bytearray(builder.build())
    struct.pack_into(">q", made, 0, base)
    return bytes(made)


def with_body(body: bytes, *, codec: int, count: int, base: int = 0) -> bytes:
    """Return a batch whose compressed part is ``body``, with a right checksum."""
    made = bytearray(batch(*[{}] * 1)[:61]) + body
    struct.pack_into(">qi", made, 0, base, len(made) - 12)
    struct.pack_into(">hi", made, 21, codec, count - 1)
    struct.pack_into(">i", made, 57, count)
    struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
    return bytes(made)


def read(*batches: bytes, tp: TopicPartition = OURS, at: int = 0) -> list[Any]:
    return list(
        PassingRecords(tp, MemoryRecords(b"".join(batches)), [], at, None, None, True, "read_committed")
    )


def shown(found: list[Any]) -> list[Any]:
    """Return offsets; for what cannot be read the first and the last."""
    return [(r.first, r.offset) if isinstance(r, UnreadableRecord) else r.offset for r in found]


def no_utf8(made: bytes) -> bytes:
    """Replace the header's name `xx` by bytes that are not UTF-8."""
    spoiled = bytearray(made.replace(b"xx", b"\xff\xfe"))
    struct.pack_into(">I", spoiled, 17, calc_crc32c(bytes(spoiled[21:])))
    return bytes(spoiled)


NAMED = {"headers": [("xx", b"1")]}
ZEROS = b"\0" * (LIMIT + 1)
LYING_SNAPPY = b"\xff\xff\xff\xff\x07" + b"abc"
JAVA = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"
UNREADABLE: dict[str, tuple[Callable[[], bytes], list[Any]]] = {
    "the only record": (lambda: no_utf8(batch(NAMED)), [(0, 0)]),
    "the first record": (lambda: no_utf8(batch(NAMED, {}, {})), [(0, 2)]),
    "a record in the middle": (lambda: no_utf8(batch({}, NAMED, {}, {})), [0, (1, 3)]),
    "the checksum": (lambda: batch({}, {})[:-1] + b"!", [(0, 1)]),
    "zstd": (lambda: with_body(bytes(cramjam.zstd.compress(ZEROS)), codec=4, count=3), [(0, 2)]),
    "lz4": (lambda: with_body(bytes(cramjam.lz4.compress(ZEROS)), codec=3, count=3), [(0, 2)]),
    "gzip": (lambda: with_body(bytes(cramjam.gzip.compress(ZEROS)), codec=1, count=3), [(0, 2)]),
    "snappy": (lambda: with_body(bytes(cramjam.snappy.compress_raw(ZEROS)), codec=2, count=3), [(0, 2)]),
    "snappy that lies": (lambda: with_body(LYING_SNAPPY, codec=2, count=3), [(0, 2)]),
    "a block of snappy that lies": (
        lambda: with_body(JAVA + struct.pack("!I", 8) + LYING_SNAPPY, codec=2, count=3),
        [(0, 2)],
    ),
    "many blocks of snappy": (
        lambda: with_body(JAVA + (struct.pack("!I", 1) + b"\0") * 100_000, codec=2, count=3),
        [(0, 2)],
    ),
    "no snappy": (lambda: with_body(b"\xff" * 40, codec=2, count=2), [(0, 1)]),
    "no codec": (lambda: with_body(b"x" * 40, codec=7, count=2), [(0, 1)]),
    "very many records": (lambda: with_body(b"x" * 40, codec=4, count=100_000), [(0, 99_999)]),
    "a large record": (
        lambda: batch({}, {"value": b"\0" * MAX_COMMAND_BYTES, "key": b"k"}, {}),
        [0, (1, 1), 2],
    ),
    "many headers": (lambda: batch({"headers": [("a", b"")] * (MAX_HEADERS + 1)}, {}), [(0, 0), 1]),
}  # fmt: skip


@pytest.mark.parametrize("member", UNREADABLE)
def test_what_cannot_be_read_is_one_step_and_the_next_batch_is_read(member: str) -> None:
    make, expected = UNREADABLE[member]
    spoiled = make()
    last = expected[-1][1] if isinstance(expected[-1], tuple) else expected[-1]
    assert shown(read(spoiled, batch({}, {}, base=last + 1))) == [*expected, last + 1, last + 2]


def test_a_position_within_a_batch_leaves_out_what_was_read_before() -> None:
    assert shown(read(batch({}, {}, {}, {}), at=2)) == [2, 3]
    assert shown(read(no_utf8(batch({}, NAMED, {}, {})), at=2)) == [(2, 3)]
    assert shown(read(no_utf8(batch({}, NAMED)), batch({}, base=2), at=2)) == [2]


def test_other_topics_are_read_as_before() -> None:
    other = TopicPartition("sharp.events.v1", 0)
    assert isinstance(read(batch({}), tp=other)[0], ConsumerRecord)
    with pytest.raises(UnicodeDecodeError):
        read(no_utf8(batch(NAMED)), tp=other)


@pytest.mark.parametrize("codec", CODECS)
def test_what_clients_send_is_unpacked(codec: str) -> None:
    records = [{"value": bytes([n]) * 1000, "headers": [("ce_id", b"1")]} for n in range(50)]
    assert [r.value for r in read(batch(*records, codec=CODECS[codec]))] == [r["value"] for r in records]


def test_snappy_is_unpacked_raw_and_in_the_blocks_of_java() -> None:
    data = b"sharp" * 50_000
    blocks = [bytes(cramjam.snappy.compress_raw(data[i : i + 32768])) for i in range(0, len(data), 32768)]
    stream = JAVA + b"".join(struct.pack("!I", len(block)) + block for block in blocks)
    for payload in (stream, bytes(cramjam.snappy.compress_raw(data))):
        assert bounded(unpack_snappy)(payload) == data
