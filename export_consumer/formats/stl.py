"""The surface as a binary .stl: shape alone; by default z up and millimetres, what printers take it for."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec.structs import replace

from export_consumer.common_options import MESH, UNIT, UP
from export_consumer.formats import Chosen, DocsRow, Format, Kind
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


FORMAT: Final = Format(
    rank=140,
    kind=Kind.MESH,
    title="STL mesh",
    description="The front surface for printers and CAD, in millimetres and without colours.",
    media_type="model/stl",
    suffix=".stl",
    options=(*MESH, replace(UP, default="z"), replace(UNIT, default="mm")),  # what printers take it for
    docs=DocsRow(
        file="binary",
        axes="z up, y forward, as printers expect; `up`",
        unit="mm; `unit`",
        colour="none",
        size="15 MB",
    ),
    write=_write,
)
