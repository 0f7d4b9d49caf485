"""What may be asked of each export format: names, ranges and defaults of its options.

Checked by the gateway, so that a person hears of a mistake at once, and again by the export consumer, whose
input may come from elsewhere. What an option does is the consumer's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bus.runtime.errors import PermanentError

Value: TypeAlias = str | int | float | bool
Options: TypeAlias = Mapping[str, Value]


class OptionsError(PermanentError):
    """An option that the format does not have, or a value out of its range; the message says what is."""

    code = "options_invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option: a number between two bounds, or one of some words."""

    name: str
    about: str
    default: Value | None
    least: float = 0.0
    most: float = 0.0
    whole: bool = False
    words: tuple[str, ...] = ()

    def read(self, value: Value) -> Value:
        """Return the value in its own type. Raises `OptionsError`."""
        if self.words:
            if value not in self.words:
                raise OptionsError(f"{self.name} is one of: {', '.join(self.words)}.", option=self.name)
            return value
        if isinstance(value, bool | str) or not self.least <= value <= self.most or self._broken(value):
            kind = "a whole number" if self.whole else "a number"
            raise OptionsError(
                f"{self.name} is {kind} from {self.least:g} to {self.most:g}.", option=self.name
            )
        return int(value) if self.whole else float(value)

    def _broken(self, value: float) -> bool:
        return self.whole and value != int(value)


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

_FEWER: Final = (MAX_GAUSSIANS, MIN_OPACITY)
_SPLAT: Final = (*_FEWER, UP, UNIT)
_MESH: Final = (*_FEWER, MAX_TRIANGLES, DEPTH_CUT)
_ANY_UP: Final = replace(UP, default="y")

OPTIONS: Final[Mapping[str, tuple[Option, ...]]] = {
    "ply": _SPLAT,
    "ply_sharp": _FEWER,  # its camera is stated in SHARP's own frame
    "ply_compressed": _SPLAT,
    "splat": _SPLAT,
    "ksplat": _SPLAT,
    "spz": (*_FEWER, _ANY_UP, UNIT),  # its specification: x right, y up, z back
    "sog": _SPLAT,
    "glb": _FEWER,  # glTF says y up and metres
    "usdz": (*_FEWER, replace(_ANY_UP, words=("y", "z")), UNIT),
    "gltf": _MESH,
    "glb_mesh": _MESH,
    "obj": (*_MESH, _ANY_UP, UNIT),
    "fbx": _MESH,  # y up and centimetres, which it states
    "stl": (*_MESH, replace(UP, default="z"), replace(UNIT, default="mm")),  # what printers take it for
    "mp4": (
        replace(MAX_GAUSSIANS, default=500_000),  # a frame of 1.2 million takes most of a second
        MIN_OPACITY,
        replace(SIZE, most=1024),
        SECONDS,
        FPS,
        SWAY,
    ),
    "png": (*_FEWER, SIZE),
}
"""Format -> its options."""


def read(name: str, given: Options) -> dict[str, Value | None]:
    """Return every option of the format, the defaults filled in. Raises `OptionsError`.

    ``name`` is one of `bus.contract.formats.FORMATS`.
    """
    known = {option.name: option for option in OPTIONS[name]}
    for each in given:
        if each not in known:
            raise OptionsError(f"{name} has no option {each}; it has: {', '.join(known)}.", option=each)
    return {key: option.read(given[key]) if key in given else option.default for key, option in known.items()}
