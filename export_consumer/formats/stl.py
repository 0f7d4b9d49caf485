"""The surface as a binary .stl: shape alone; by default z up and millimetres, what printers take it for."""

from __future__ import annotations

from typing import Final

import numpy as np

from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene
from export_consumer.mesh import extract

_TRIANGLE: Final = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])


def _write(scene: Scene, options: Chosen) -> bytes:
    mesh = extract(scene, options, up=options["up"], unit=options["unit"])
    rows = np.zeros(len(mesh.triangles), _TRIANGLE)
    rows["corners"] = corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    rows["normal"] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    header = b"Sharpstream".ljust(80)  # must not begin with "solid": that is the text format
    return header + np.uint32(len(rows)).tobytes() + rows.tobytes()


FORMAT: Final = Format(media_type="model/stl", suffix=".stl", write=_write)
