"""The surface as .fbx through assimp, from a .glb; y up and centimetres, FBX' own unit."""

from __future__ import annotations

from typing import Final

from export_consumer import assimp
from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene
from export_consumer.mesh import extract
from export_consumer.mesh_gltf import document


def _write(scene: Scene, options: Chosen) -> bytes:
    return assimp.convert(document(extract(scene, options, unit="cm")).glb(), "glb", "fbx")


FORMAT: Final = Format(media_type="application/octet-stream", suffix=".fbx", write=_write)
