"""What people need to know of each export format: for catalogues and dialogues.

The export consumer's modules are what counts; a test holds both sides together. Knows no other format than
`bus.contract.formats` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from bus.contract.options import OPTIONS, Option


class Kind(StrEnum):
    """What comes out."""

    SPLAT = "splat"
    MESH = "mesh"
    PICTURE = "picture"
    VIDEO = "video"


class Facts(NamedTuple):
    """``extension`` is the file's, with its dot; ``description`` says who reads it and what is lost."""

    kind: Kind
    media_type: str
    extension: str
    title: str
    description: str


_BYTES: Final = "application/octet-stream"

FACTS: Final[Mapping[str, Facts]] = {
    "ply": Facts(
        Kind.SPLAT,
        "application/ply",
        ".ply",
        "3DGS PLY",
        "The plain splat file that every viewer and editor reads. Nothing is lost.",
    ),
    "ply_sharp": Facts(
        Kind.SPLAT,
        "application/ply",
        ".ply",
        "PLY with SHARP's camera",
        "As SHARP itself writes it, camera and all. Many other readers stumble over it.",
    ),
    "ply_compressed": Facts(
        Kind.SPLAT,
        "application/ply",
        ".ply",
        "Compressed PLY",
        "PlayCanvas' packed layout, for SuperSplat: a third of the size, 8 bits a colour.",
    ),
    "splat": Facts(
        Kind.SPLAT,
        _BYTES,
        ".splat",
        "SPLAT",
        "32 bytes a Gaussian, for viewers on the web. Colours and turns have 8 bits.",
    ),
    "ksplat": Facts(
        Kind.SPLAT, _BYTES, ".ksplat", "KSPLAT", "For GaussianSplats3D on the web. Colours have 8 bits."
    ),
    "spz": Facts(
        Kind.SPLAT,
        _BYTES,
        ".spz",
        "SPZ",
        "Small, for viewers on the web and Niantic's tools. 8 bits a colour, y up.",
    ),
    "sog": Facts(
        Kind.SPLAT,
        "application/zip",
        ".sog",
        "SOG",
        "The smallest, for PlayCanvas and Spark. Takes the longest to make.",
    ),
    "glb": Facts(
        Kind.SPLAT,
        "model/gltf-binary",
        ".glb",
        "glTF splats",
        "Gaussians in a .glb by KHR_gaussian_splatting, y up. Nothing is lost.",
    ),
    "usdz": Facts(
        Kind.SPLAT,
        "model/vnd.usdz+zip",
        ".usdz",
        "USD splats",
        "Gaussians as an OpenUSD particle field, for USD's own tools. Nothing is lost.",
    ),
    "gltf": Facts(
        Kind.MESH,
        "model/gltf+json",
        ".gltf",
        "glTF mesh",
        "The front surface as a textured mesh in one JSON file, for most 3D programs.",
    ),
    "glb_mesh": Facts(
        Kind.MESH,
        "model/gltf-binary",
        ".glb",
        "GLB mesh",
        "The front surface as a textured mesh in one binary file, for most 3D programs.",
    ),
    "obj": Facts(
        Kind.MESH,
        "application/zip",
        ".zip",
        "OBJ mesh",
        "The front surface as .obj with material and texture, packed as a zip.",
    ),
    "fbx": Facts(
        Kind.MESH, _BYTES, ".fbx", "FBX mesh", "The front surface for Unity, Unreal and Maya, in centimetres."
    ),
    "stl": Facts(
        Kind.MESH,
        "model/stl",
        ".stl",
        "STL mesh",
        "The front surface for printers and CAD, in millimetres and without colours.",
    ),
    "mp4": Facts(
        Kind.VIDEO,
        "video/mp4",
        ".mp4",
        "Video",
        "A few seconds that loop while the camera sways: AV1 in MP4.",
    ),
    "png": Facts(Kind.PICTURE, "image/png", ".png", "Picture", "The scene from where the photo was taken."),
}
"""Format -> its facts, in the order in which people are shown them."""


def options_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of the options that a format takes; ``name`` is one of `FACTS`."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {option.name: _schema(option) for option in OPTIONS[name]},
    }


def _schema(option: Option) -> dict[str, Any]:
    stated: dict[str, Any] = {"description": option.about}
    if option.words:
        stated |= {"type": "string", "enum": list(option.words)}
    else:
        least, most = (int(x) if option.whole else x for x in (option.least, option.most))
        stated |= {"type": "integer" if option.whole else "number", "minimum": least, "maximum": most}
    return stated if option.default is None else stated | {"default": option.default}
