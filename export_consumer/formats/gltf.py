"""The surface as a .gltf: one JSON file with buffer and texture inside, for tools that want text."""

from __future__ import annotations

from typing import Final

from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene
from export_consumer.mesh import extract
from export_consumer.mesh_gltf import document


def _write(scene: Scene, options: Chosen) -> bytes:
    return document(extract(scene, options)).gltf()


FORMAT: Final = Format(media_type="model/gltf+json", suffix=".gltf", write=_write)
