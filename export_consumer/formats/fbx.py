"""The surface as .fbx through assimp, from a .glb; y up and centimetres, FBX' own unit."""

from __future__ import annotations

from typing import Final

from export_consumer import assimp
from export_consumer.common_options import MESH
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene
from export_consumer.mesh import extract
from export_consumer.mesh_gltf import document


def _write(scene: Scene, options: Chosen) -> bytes:
    return assimp.convert(document(extract(scene, options, unit="cm")).glb(), "glb", "fbx")


FORMAT: Final = Format(
    rank=130,
    kind=Kind.MESH,
    title="FBX mesh",
    description="The front surface for Unity, Unreal and Maya, in centimetres.",
    media_type="application/octet-stream",
    suffix=".fbx",
    options=MESH,  # y up and centimetres, which it states
    docs=DocsRow(
        file="binary, texture inside",
        axes="y up, z back, stated",
        unit="cm, stated",
        colour="sRGB texture",
        size="13 MB",
    ),
    write=_write,
)
