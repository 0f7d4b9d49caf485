"""Encodes pictures as a video: AV1 in MP4, with Pillow's encoder.

Pillow writes an animated AVIF, which has the same boxes as an MP4, with the samples in a track. So boxes are
renamed in place and the file keeps its length. The alternative, PyAV, would bring x264 and x265, which are
GPL.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from PIL import Image

from export_consumer.errors import ConverterError

_BRANDS: Final = b"isom\0\0\2\0" + b"isomiso2iso6av01mp41mp42isom"
_NEST: Final = {
    b"moov": 8,
    b"trak": 8,
    b"edts": 8,
    b"mdia": 8,
    b"minf": 8,
    b"stbl": 8,
    b"stsd": 16,
    b"av01": 86,
}
"""Container boxes -> the number of bytes before their children."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def encode(pictures: Iterable[Pixels], *, fps: int, quality: int = 70) -> bytes:
    """Return the pictures (H, W, 3) as an .mp4; H and W even. Raises `ConverterError`."""
    first, *rest = [Image.fromarray(picture) for picture in pictures]
    out, duration = io.BytesIO(), round(1000 / fps)
    first.save(
        out,
        "AVIF",
        save_all=True,
        append_images=rest,
        duration=duration,
        quality=quality,
        speed=8,
        subsampling="4:2:0",
    )
    return _renamed(bytearray(out.getvalue()), ticks=fps * duration)


def _renamed(file: bytearray, *, ticks: int) -> bytes:
    """Turn an animated .avif into an .mp4, in place; ``ticks``: its units of time per second."""
    boxes = {kind: (begin, end) for kind, begin, end in _boxes(file, 0, len(file))}
    if not {b"ftyp", b"mvhd", b"tkhd", b"elst", b"hdlr", b"mdhd"} <= boxes.keys():
        raise ConverterError("The encoder did not write a track.")
    begin, end = boxes[b"ftyp"]
    if end - begin < 8 + len(_BRANDS):
        raise ConverterError("The encoder's file names fewer brands than it did.")
    file[begin + 8 : end] = _BRANDS + b"isom" * ((end - begin - 8 - len(_BRANDS)) // 4)
    for kind in (b"meta", b"ccst"):  # the still picture, and a box of image sequences only
        if kind in boxes:
            file[boxes[kind][0] + 4 : boxes[kind][0] + 8] = b"free"
    file[boxes[b"hdlr"][0] + 16 : boxes[b"hdlr"][0] + 20] = b"vide"
    _play_once(file, boxes)
    # Pillow's times are whole milliseconds, 42 for 1/24 s: 24 x 42 units become a second.
    for kind in (b"mvhd", b"mdhd"):
        file[boxes[kind][0] + 28 : boxes[kind][0] + 32] = struct.pack(">I", ticks)
    return bytes(file)


def _play_once(file: bytearray, boxes: dict[bytes, tuple[int, int]]) -> None:
    """Set the duration, which an animation states as endless. All boxes are version 1."""
    duration = bytes(file[boxes[b"mdhd"][0] + 32 : boxes[b"mdhd"][0] + 40])
    file[boxes[b"mvhd"][0] + 32 : boxes[b"mvhd"][0] + 40] = duration
    file[boxes[b"tkhd"][0] + 36 : boxes[b"tkhd"][0] + 44] = duration
    elst = boxes[b"elst"][0]
    file[elst + 9 : elst + 12] = b"\0\0\0"  # the flag that repeats


def _boxes(file: bytearray, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", file, begin)
        if size < 8 or begin + size > end:
            raise ConverterError("The encoder's file is not made of boxes.")
        yield kind, begin, begin + size
        if kind in _NEST:
            yield from _boxes(file, begin + _NEST[kind], begin + size)
        begin += size
