"""Decodes JPEG by libjpeg-turbo, and judges the warnings that other readers hide.

libjpeg fills lost data with grey and only warns. Bytes between the parts, which healthy files of phones have,
are no damage; bytes left over within the data are, unless they are few or padding.
"""

from __future__ import annotations

import re
from typing import Any, Final

import simplejpeg

from photo.errors import PhotoTruncatedError, damaged, short
from photo.jpeg import Jpeg
from photo.turns import Allocate, Pixels

_RGB: Final = 3
_KINDS: Final = {1: "GRAY", _RGB: "RGB", 4: "CMYK"}
MAX_LEFT_OVER: Final = 64
"""Bytes between the last pixel and the next marker: encoders of cameras leave a few."""
_READ_AHEAD: Final = 8
"""Bytes of padding that the decoder may have taken into its bit buffer."""
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0x(..)")
_HARMLESS: Final = re.compile("Unknown Adobe color|unknown JFIF revision|ICC profile")
_PADDING: Final = re.compile(rb"(?:\x00+|\xaa+|\x55+)\Z")


def verify(data: bytes, found: Jpeg) -> None:
    """Walk over all data at an eighth of the size. Raises `PhotoTruncatedError`."""
    bare = found.bare(data)
    try:
        _decoded(bare, found, 1, strict=True)
    except ValueError as error:
        _judge(str(error), bare, found)


def decode(data: bytes, found: Jpeg, least: int | None = None, allocate: Allocate | None = None) -> Any:
    """Return the stored pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK.

    With ``least`` the decoder may reduce them by up to 8; the longer side is no shorter than that. All RGB
    pixels go into the memory of ``allocate``, where it is given. Raises `PhotoTruncatedError`.
    """
    bare = found.bare(data)
    whole_rgb = least is None and len(found.components) == _RGB
    into = allocate(found.height, found.width) if allocate and whole_rgb else None
    try:
        return _decoded(bare, found, least, into, strict=True)
    except ValueError as error:
        _judge(str(error), bare, found)
    return _decoded(bare, found, least, into, strict=False)


def _decoded(bare: bytes, found: Jpeg, least: int | None, into: Pixels | None = None, *, strict: bool) -> Any:
    kind = _KINDS[len(found.components)]
    longer = max(found.width, found.height)
    share = 1.0 if least is None else min(1.0, least / longer)
    width, height = (max(1, round(side * share)) for side in (found.width, found.height))
    if share == 1.0:
        width = height = 0
    pixels = simplejpeg.decode_jpeg(
        bare, kind, min_height=height, min_width=width, buffer=into, strict=strict
    )
    return pixels[..., 0] if kind == "GRAY" else pixels


def _judge(warning: str, bare: bytes, found: Jpeg) -> None:
    """Raise `PhotoTruncatedError` unless the decoder's first warning is harmless."""
    if left := _EXTRANEOUS.search(warning):
        if _is_harmless(int(left[1]), int(left[2], 16), bare, found):
            return
        raise damaged("data are left over behind its last pixel")
    if "Premature end of JPEG file" in warning:
        raise short("data")
    if not _HARMLESS.search(warning):
        raise _sentence(warning)


def _is_harmless(count: int, code: int, bare: bytes, found: Jpeg) -> bool:
    """Whether bytes before a marker are few, or padding at the end that no pixel was read from."""
    if 0xD0 <= code <= 0xD7:  # a restart came late: blocks before it are lost
        return False
    if count <= MAX_LEFT_OVER:
        return True
    padding = _PADDING.search(bare, max(0, len(bare) - 2 - count - 2 * _READ_AHEAD), len(bare) - 2)
    return code == 0xD9 and padding is not None and len(padding[0]) <= count + _READ_AHEAD


def _sentence(warning: str) -> PhotoTruncatedError:
    if "marker" in warning and "RST" in warning:
        return damaged("a part between two restart markers is missing")
    if "premature end of data segment" in warning:
        return damaged("data are missing in the middle or at the end")
    return damaged("its compressed data are wrong")
