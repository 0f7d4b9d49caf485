"""The options that several formats share; a format's module changes their bounds with `replace`."""

from __future__ import annotations

from typing import Final

from bus.contract.format_catalogue import Option

MAX_GAUSSIANS: Final = Option(
    name="max_gaussians",
    about="Keep this many: those that cover most of the photo, by opacity and area.",
    default=None,
    least=1,
    most=10_000_000,
    whole=True,
)
MIN_OPACITY: Final = Option(
    name="min_opacity", about="Drop the Gaussians that are fainter.", default=0.0, least=0, most=0.999
)
UP: Final = Option(
    name="up",
    about="Which axis is up; -y is the camera's own frame (x right, y down, z forward).",
    default="-y",
    words=("-y", "y", "z"),
)
LAYOUT: Final = Option(
    name="layout",
    about="full: with normals and higher harmonics, all zero, for importers that insist on them.",
    default="plain",
    words=("plain", "full"),
)
UNIT: Final = Option(
    name="unit", about="What one unit of length is.", default="m", words=("m", "cm", "mm", "in", "ft")
)
MAX_TRIANGLES: Final = Option(
    name="max_triangles",
    about="Simplify the mesh to this many.",
    default=300_000,
    least=100,
    most=2_000_000,
    whole=True,
)
DEPTH_CUT: Final = Option(
    name="depth_cut",
    about="Cut the mesh where neighbours' depths differ by more than this share.",
    default=0.04,
    least=0.001,
    most=1,
)
SIZE: Final = Option(
    name="size", about="Pixels of the longer side.", default=512, least=64, most=2048, whole=True
)
SECONDS: Final = Option(name="seconds", about="How long it plays.", default=4.0, least=1, most=20)
FPS: Final = Option(name="fps", about="Pictures a second.", default=24, least=5, most=60, whole=True)
SWAY: Final = Option(
    name="sway",
    about="How far the camera swings to each side, in degrees about what it looks at.",
    default=6.0,
    least=0,
    most=30,
)
EYE_DISTANCE: Final = Option(
    name="eye_distance",
    about="Millimetres between the two eyes; 63 is a person's, more exaggerates the depth.",
    default=63.0,
    least=1,
    most=500,
)
CONVERGENCE: Final = Option(
    name="convergence",
    about="Metres to what lies in the plane of the screen; without it both eyes see straight ahead,"
    " and all lies before the screen.",
    default=None,
    least=0.1,
    most=1000,
)

FEWER: Final = (MAX_GAUSSIANS, MIN_OPACITY)
"""What every format takes."""
SPLAT: Final = (*FEWER, UP, UNIT)
"""What a splat format takes whose specification names neither axes nor unit."""
MESH: Final = (*FEWER, MAX_TRIANGLES, DEPTH_CUT)
"""What a mesh format takes."""
