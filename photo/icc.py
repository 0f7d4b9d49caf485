"""Writes small ICC profiles, and reads the two facts of a profile that LittleCMS does not give.

Sources: ICC.1:2022, Bradford's adaptation (Lam 1985), chromaticities of ITU-T H.273.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from photo.header import Cicp

_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50: Final = np.array([0.9642, 1.0, 0.8249])
_STEPS: Final = 1_024
D65: Final = (0.3127, 0.3290)
Xy = tuple[float, float]


def xyz(xy: Xy) -> Any:
    """Return the tristimulus of a chromaticity, Y = 1."""
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_xyz(red: Xy, green: Xy, blue: Xy, white: Xy) -> Any:
    """Return the 3 x 3 matrix from linear RGB to XYZ. Raises `numpy.linalg.LinAlgError` for a line."""
    corners = np.stack([xyz(red), xyz(green), xyz(blue)], axis=1)
    return corners * np.linalg.solve(corners, xyz(white))


def matrix_profile(primaries: tuple[Xy, Xy, Xy], white: Xy, linear: Callable[[Any], Any]) -> bytes:
    """Return a profile of these chromaticities; ``linear`` turns stored values of 0..1 into light."""
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ xyz(white))) @ _BRADFORD
    columns = adapt @ to_xyz(*primaries, white)
    curve = np.rint(np.clip(linear(np.linspace(0, 1, _STEPS)), 0, 1) * 65535).astype(">u2").tobytes()
    description = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    trc = b"curv\0\0\0\0" + struct.pack(">I", _STEPS) + curve
    tags = {
        b"desc": description,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50),
        **{
            name: b"XYZ \0\0\0\0" + _fixed(columns[:, n])
            for n, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc),
    }
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += name + struct.pack(">II", at + len(body), len(value))
        body += padded
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(_D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def space_of(profile: bytes) -> bytes:
    """Return the four letters of the profile's colour space: ``RGB ``, ``GRAY``, ``CMYK``, ..."""
    return profile[16:20]


def cicp_of(profile: bytes) -> Cicp | None:
    """Return the code points that a profile of version 4.4 may carry."""
    if len(profile) < 132:
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    for at in range(132, min(132 + 12 * min(count, 100), len(profile) - 11), 12):
        name, offset, size = struct.unpack_from(">4sII", profile, at)
        body = profile[offset : offset + size]
        if name == b"cicp" and body[:4] == b"cicp" and len(body) >= 12:
            return Cicp(body[8], body[9])
    return None


def _fixed(values: Any) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)
