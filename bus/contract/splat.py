"""The splat file: the .ply that every generation stores and every export reads.

The 3DGS layout that common viewers read: one vertex for each Gaussian, all properties little-endian float32.
The inference role writes it, the export consumer reads it. `inference_consumer.sharp` may import only torch
and numpy, so it keeps a copy of its own; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

MEDIA_TYPE: Final = "application/ply"
PROPERTIES: Final = (
    *("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
"""A vertex, in order: position in metres (OpenCV axes: x right, y down, z forward), sRGB as the constant
harmonic, logit of the opacity, natural logarithm of the standard deviations in metres, rotation wxyz."""
FULL_PROPERTIES: Final = (
    *PROPERTIES[:3], "nx", "ny", "nz", *PROPERTIES[3:6],
    *(f"f_rest_{number}" for number in range(45)), *PROPERTIES[6:],
)  # fmt: skip
"""The layout of the first 3DGS code: with normals and further harmonics, which we leave zero."""
VERTEX_BYTES: Final = 4 * len(PROPERTIES)
SH_C0: Final = 0.28209479177387814
"""sqrt(1 / 4 pi), the constant spherical harmonic: colour = 0.5 + SH_C0 * f_dc, sRGB in [0, 1]."""
FORMAT_LINES: Final = ("ply", "format binary_little_endian 1.0")
"""The first two lines of the header."""
END_OF_HEADER: Final = b"end_header\n"


class Camera(NamedTuple):
    """A pinhole camera with the principal point in the centre; all in pixels of the upright photo."""

    focal_px: float
    width: int
    height: int

    def fitted(self, longest: int) -> Camera:
        """Return the same view with ``longest`` pixels along its longer side."""
        factor = longest / max(self.width, self.height)
        width, height = (max(1, round(side * factor)) for side in (self.width, self.height))
        return Camera(self.focal_px * factor, width, height)


class Element(NamedTuple):
    """An element after the vertices: ``size`` values of one property, of the .ply type ``kind``."""

    name: str
    kind: str
    size: int


def camera_comments(camera: Camera) -> tuple[str, str]:
    """Return the header comments that state the colour space and the camera."""
    return ("color_space srgb", f"camera {camera.focal_px!r} {camera.width} {camera.height}")


def header(
    count: int,
    *,
    comments: Iterable[str] = (),
    elements: Iterable[Element] = (),
    properties: Iterable[str] = PROPERTIES,
) -> bytes:
    """Return the whole header of a file of ``count`` Gaussians, its last line included."""
    lines = [*FORMAT_LINES, *(f"comment {text}" for text in comments), f"element vertex {count}"]
    lines += [f"property float {name}" for name in properties]
    for name, kind, size in elements:
        lines += [f"element {name} {size}", f"property {kind} {name}"]
    return "".join(f"{line}\n" for line in lines).encode() + END_OF_HEADER
