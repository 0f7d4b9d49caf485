"""Limits the decompressed size of partners' batches: 6 kB of zstd may expand to 200 MB, 2 MB to far more.

aiokafka decompresses any batch whole. Its decoders are replaced once, in the partners process only. A batch
above the limit raises, and `gateway.partners.ingress` skips it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

from bus.contract.partners import MAX_COMMAND_BYTES

LIMIT: Final = 8 * MAX_COMMAND_BYTES
"""Bytes of a decompressed batch. Snappy needs no limit: it expands a byte to at most 21."""


def install() -> None:
    """Apply the limit to every consumer of this process."""
    reader = sys.modules[DefaultRecordBatch.__module__]  # aiokafka has a compiled one and a Python one
    for name, packing in (("gzip", cramjam.gzip), ("lz4", cramjam.lz4), ("zstd", cramjam.zstd)):
        setattr(reader, f"{name}_decode", bounded(packing.decompress_into))


def bounded(unpack: Callable[[Any, bytearray], int]) -> Callable[[Any], bytes]:
    """Return a decoder that raises for output larger than `LIMIT`."""

    def decode(payload: Any) -> bytes:
        room = bytearray(LIMIT)  # 1 ms; the operating system allocates pages only on write
        length = unpack(bytes(payload), room)
        return bytes(memoryview(room)[:length])

    return decode
