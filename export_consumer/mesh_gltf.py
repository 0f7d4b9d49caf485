"""A mesh as a glTF document: unlit, because its colours already contain the photo's light."""

from __future__ import annotations

from typing import Final

from export_consumer.gltf import INDICES, Document
from export_consumer.mesh import Mesh

_CLAMP: Final = 33071
_LINEAR: Final = 9729
_LINEAR_MIPMAPS: Final = 9987


def document(mesh: Mesh) -> Document:
    """Return the document; the mesh is in metres with y up, as glTF has it."""
    made = Document()
    attributes = {
        "POSITION": made.array(mesh.vertices, bounds=True),
        "TEXCOORD_0": made.array(mesh.texture_coords),
    }
    indices = made.array(mesh.triangles.ravel(), target=INDICES)
    picture = made.blob(mesh.texture)
    material = {
        "name": "photo",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": 0,
            "roughnessFactor": 1,
        },
        "extensions": {"KHR_materials_unlit": {}},
    }
    made.json |= {
        "extensionsUsed": ["KHR_materials_unlit"],
        "nodes": [{"name": "scene", "mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [material],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"wrapS": _CLAMP, "wrapT": _CLAMP, "magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAPS}],
        "images": [{"bufferView": picture, "mimeType": "image/jpeg"}],
    }
    return made
