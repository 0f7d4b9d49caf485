"""The visible surface of a scene as a textured triangle mesh, from the rasteriser's depth map.

It has the front surface only: parts that the photo does not show have no triangles. The texture is the scene
rendered from the photo's camera, so a vertex's texture coordinates follow from its position, even after
simplification.
"""

from __future__ import annotations

import io
from typing import Any, Final, NamedTuple, TypeAlias

import fast_simplification
import numpy as np
from PIL import Image

from bus.contract.splat import Camera
from export_consumer.coordinate_frames import turned
from export_consumer.errors import NothingLeftError
from export_consumer.formats import Chosen
from export_consumer.gaussians import Floats, Scene
from export_consumer.raster import render

Indices: TypeAlias = "np.ndarray[Any, np.dtype[np.uint32]]"

GRID: Final = 768
"""Vertices along the longer side before simplification: SHARP's own grid."""
TEXTURE: Final = 1536
"""Pixels along the longer side: SHARP's input."""
COVERED: Final = 0.5


class Mesh(NamedTuple):
    """V vertices, T triangles, counter-clockwise seen from the camera, in the requested frame."""

    vertices: Floats  # (V, 3)
    triangles: Indices  # (T, 3)
    texture_coords: Floats  # (V, 2) in the texture, 0 to 1, from the upper left corner
    texture: bytes  # JPEG


def extract(scene: Scene, options: Chosen, *, up: str = "y", unit: str = "m") -> Mesh:
    """Return the surface in that frame.

    Options: ``depth_cut``, the relative jump of depth that is an edge; ``max_triangles``. Raises
    `NothingLeftError` if no triangle is left.
    """
    camera = scene.camera.fitted(GRID)
    vertices, triangles = _grid(render(scene.gaussians, camera).depth, camera, options["depth_cut"])
    if len(triangles) > options["max_triangles"]:
        vertices, triangles = _simplified(vertices, triangles, options["max_triangles"])
    if not len(triangles):
        raise NothingLeftError("No surface is left; ask for a higher depth_cut or a lower min_opacity.")
    vertices, triangles = _used(vertices, triangles)
    return Mesh(
        vertices=turned(vertices, up=up, unit=unit),
        triangles=triangles,
        texture_coords=_texture_coords(vertices, scene.camera),
        texture=_texture(scene),
    )


def _grid(depth: Floats, camera: Camera, cut: float) -> tuple[Floats, Indices]:
    """Return a vertex a pixel at its centre, and two triangles a cell whose corners lie on one surface."""
    height, width = depth.shape
    v, u = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    rays = [(u - width / 2) / camera.focal_px, (v - height / 2) / camera.focal_px, np.ones_like(u)]
    vertices = (np.stack(rays, axis=-1) * depth[..., None]).reshape(-1, 3).astype(np.float32)
    number = np.arange(height * width, dtype=np.uint32).reshape(height, width)
    corners = [(slice(0, -1), slice(0, -1)), (slice(1, None), slice(0, -1))]
    corners += [(slice(1, None), slice(1, None)), (slice(0, -1), slice(1, None))]
    halves = [(0, 1, 2), (0, 2, 3)]  # upper left, down, right: counter-clockwise from the camera with y down
    found = []
    for half in halves:
        three = np.stack([depth[corners[corner]] for corner in half])
        near, far = three.min(axis=0), three.max(axis=0)
        whole = (near > 0) & (far <= near * np.float32(1 + cut))
        found.append(np.stack([number[corners[corner]][whole] for corner in half], axis=-1))
    return vertices, np.concatenate(found)


def _simplified(vertices: Floats, triangles: Indices, most: int) -> tuple[Floats, Indices]:
    """Return at most about ``most`` triangles (quadric edge collapse)."""
    used, numbers = _used(vertices, triangles)
    fewer, faces = fast_simplification.simplify(used, numbers.astype(np.int32), target_count=most)
    # Some collapse onto each other, which importers warn of.
    first, second, third = np.sort(faces, axis=1).astype(np.uint64).T
    side = np.uint64(len(fewer))
    _, alone = np.unique((first * side + second) * side + third, return_index=True)
    return fewer.astype(np.float32), faces[np.sort(alone)].astype(np.uint32)


def _used(vertices: Floats, triangles: Indices) -> tuple[Floats, Indices]:
    """Drop the vertices that no triangle uses."""
    used = np.zeros(len(vertices), bool)
    used[triangles] = True
    numbers = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    return vertices[used], numbers[triangles]


def _texture_coords(vertices: Floats, camera: Camera) -> Floats:
    sides = np.array([camera.width, camera.height], np.float32)
    texture_coords = vertices[:, :2] / vertices[:, 2:] * np.float32(camera.focal_px) / sides + np.float32(0.5)
    inside: Floats = np.clip(texture_coords, 0, 1)
    return inside


def _texture(scene: Scene) -> bytes:
    picture = render(scene.gaussians, scene.camera.fitted(TEXTURE))
    # At the surface's edges the picture is blended with black, which is undone here.
    coverage = picture.coverage[..., None]
    whole = picture._replace(
        colors=np.where(coverage > COVERED, picture.colors / np.maximum(coverage, COVERED), 0)
    )
    out = io.BytesIO()
    Image.fromarray(whole.pixels()).save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()
