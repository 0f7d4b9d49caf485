"""The surface as a .glb: what nearly everything opens."""

from __future__ import annotations

from typing import Final

from export_consumer.common_options import MESH
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene
from export_consumer.mesh import extract
from export_consumer.mesh_gltf import document


def _write(scene: Scene, options: Chosen) -> bytes:
    return document(extract(scene, options)).glb()


FORMAT: Final = Format(
    rank=110,
    kind=Kind.MESH,
    title="GLB mesh",
    description="The front surface as a textured mesh in one binary file, for most 3D programs.",
    media_type="model/gltf-binary",
    suffix=".glb",
    options=MESH,
    docs=DocsRow(
        file="binary with buffer and JPEG inside, unlit",
        axes="y up, z back",
        unit="m",
        colour="sRGB texture",
        size="7 MB",
    ),
    write=_write,
)
