"""Unpacks batches of others' making up to a limit: 6 kB of zstd may stand for 200 MB, and 2 MB for far more.

aiokafka unpacks whatever it is given, whole. Its decoders are replaced, once, in the partners' process alone;
what unpacks to more raises, and `gateway.partners.ingress` goes past it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

from bus.contract.partners import MAX_COMMAND_BYTES

LIMIT: Final = 8 * MAX_COMMAND_BYTES
"""Bytes of a batch, unpacked. Snappy needs no limit: it cannot say more than 21 bytes with one."""


def install() -> None:
    """Put the limit in place for every consumer of this process."""
    reader = sys.modules[DefaultRecordBatch.__module__]  # aiokafka has two: compiled, and plain Python
    for name, packing in (("gzip", cramjam.gzip), ("lz4", cramjam.lz4), ("zstd", cramjam.zstd)):
        setattr(reader, f"{name}_decode", bounded(packing.decompress_into))


def bounded(unpack: Callable[[Any, bytearray], int]) -> Callable[[Any], bytes]:
    """Return a decoder that raises for what does not fit into `LIMIT`."""

    def decode(payload: Any) -> bytes:
        room = bytearray(LIMIT)  # 1 ms; the operating system gives pages only where something is written
        length = unpack(bytes(payload), room)
        return bytes(memoryview(room)[:length])

    return decode
