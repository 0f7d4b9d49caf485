"""Writes glTF 2.0: arrays become accessors of one buffer, in a .glb or in JSON with the buffer inside.

No library is used, because none writes KHR_gaussian_splatting, and the rest is a header and some JSON.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any, Final

import numpy as np

_COMPONENTS: Final = {"f4": 5126, "u4": 5125, "u1": 5121}
_SHAPES: Final = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
VERTICES: Final = 34962
INDICES: Final = 34963


class Document:
    """A document under construction: ``json`` may be added to, arrays and blobs go into its one buffer."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Sharpstream"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "accessors": [],
            "bufferViews": [],
        }
        self._parts: list[bytes] = []
        self._size = 0

    def blob(self, data: bytes, *, target: int | None = None) -> int:
        """Append bytes, four-byte aligned; return their buffer view."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data)}
        self.json["bufferViews"].append(view | ({"target": target} if target else {}))
        padding = b"\0" * (-len(data) % 4)
        self._parts += [data, padding]
        self._size += len(data) + len(padding)
        return len(self.json["bufferViews"]) - 1

    def array(
        self,
        values: np.ndarray[Any, Any],
        *,
        target: int = VERTICES,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        """Append an array (N,) or (N, k); return its accessor. ``bounds``: state minimum and maximum."""
        rows = values.reshape(len(values), -1)
        accessor: dict[str, Any] = {
            "bufferView": self.blob(np.ascontiguousarray(values).tobytes(), target=target),
            "componentType": _COMPONENTS[values.dtype.str[1:]],
            "count": len(values),
            "type": _SHAPES[rows.shape[1]],
        }
        if bounds:
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        if normalized:
            accessor["normalized"] = True
        self.json["accessors"].append(accessor)
        return len(self.json["accessors"]) - 1

    def glb(self) -> bytes:
        """Return the binary file: a header, the JSON, the buffer."""
        self.json["buffers"] = [{"byteLength": self._size}]
        text = json.dumps(self.json, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self._size
        head = struct.pack("<4sIIII", b"glTF", 2, total, len(text), 0x4E4F534A)
        return b"".join([head, text, struct.pack("<II", self._size, 0x004E4942), *self._parts])

    def gltf(self) -> bytes:
        """Return one JSON file with the buffer inside as base64, a third larger."""
        data = base64.b64encode(b"".join(self._parts)).decode()
        uri = f"data:application/octet-stream;base64,{data}"
        self.json["buffers"] = [{"byteLength": self._size, "uri": uri}]
        return json.dumps(self.json, separators=(",", ":")).encode()
