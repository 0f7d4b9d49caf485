"""Limits the decompressed size of partners' batches: 6 kB of zstd may expand to 200 MB, 2 MB to far more.

aiokafka decompresses any batch whole, and takes a batch's word for its size: a Snappy batch of ten bytes that
claims 2 GB ends the interpreter. Its decoders are replaced once, in the partners process only. A batch above
the limit raises, and `gateway.partners.batch_reader` passes over it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any, Final

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

from bus.contract.partners import MAX_COMMAND_BYTES

LIMIT: Final = 8 * MAX_COMMAND_BYTES
"""Bytes of a decompressed batch."""
_XERIAL: Final = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
"""The header of Java's Snappy stream: blocks of raw Snappy, each behind its length of 4 bytes."""
_MOST_BLOCKS: Final = LIMIT // 1024
"""Java's writers make blocks of 1 KiB at least."""

Unpack = Callable[[Any, bytearray], int]
"""Decompresses into a buffer, which it never enlarges, and returns the number of bytes written."""


def install() -> None:
    """Apply the limit to every consumer of this process."""
    reader = sys.modules[DefaultRecordBatch.__module__]  # aiokafka has a compiled one and a Python one
    for name, unpack in (
        ("gzip", cramjam.gzip.decompress_into),
        ("snappy", unpack_snappy),
        ("lz4", cramjam.lz4.decompress_into),
        ("zstd", cramjam.zstd.decompress_into),
    ):
        setattr(reader, f"{name}_decode", bounded(unpack))


def bounded(unpack: Unpack) -> Callable[[Any], bytes]:
    """Return a decoder that raises `ValueError` for output larger than `LIMIT`, and for broken input."""

    def decode(payload: Any) -> bytes:
        room = bytearray(LIMIT)  # 1 ms; the operating system allocates pages only on write
        try:
            length = unpack(bytes(payload), room)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the compiled library is no Exception
            raise ValueError(f"The batch does not unpack to at most {LIMIT} bytes.") from error
        return bytes(memoryview(room)[:length])

    return decode


def unpack_snappy(payload: bytes, room: bytearray) -> int:
    """Decompress raw Snappy or Java's stream of blocks. Raises whatever broken input causes."""
    if not payload.startswith(_XERIAL):
        return int(cramjam.snappy.decompress_raw_into(payload, room))
    at, filled, free = len(_XERIAL), 0, memoryview(room)
    for _ in range(_MOST_BLOCKS):
        if at >= len(payload):
            return filled
        (length,) = struct.unpack_from("!I", payload, at)
        block = payload[at + 4 : at + 4 + length]
        filled += int(cramjam.snappy.decompress_raw_into(block, free[filled:]))
        at += 4 + length
    raise ValueError("There are too many blocks.")
