"""The surface as a .gltf: one JSON file with buffer and texture inside, for tools that want text."""

from __future__ import annotations

from typing import Final

from export_consumer.common_options import MESH
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene
from export_consumer.mesh import extract
from export_consumer.mesh_gltf import document


def _write(scene: Scene, options: Chosen) -> bytes:
    return document(extract(scene, options)).gltf()


FORMAT: Final = Format(
    rank=100,
    kind=Kind.MESH,
    title="glTF mesh",
    description="The front surface as a textured mesh in one JSON file, for most 3D programs.",
    media_type="model/gltf+json",
    suffix=".gltf",
    options=MESH,
    docs=DocsRow(
        file="JSON with buffer and JPEG inside, unlit",
        axes="y up, z back",
        unit="m",
        colour="sRGB texture",
        size="9 MB",
    ),
    write=_write,
)
