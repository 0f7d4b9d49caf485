"""Recognises photos that no pinhole camera takes: panoramas, spheres, fisheyes."""

from __future__ import annotations

import re
from typing import Final

from photo.exif import Exif

_KINDS: Final = re.compile(rb"ProjectionType\s*(?:=\s*[\"']|>)\s*([A-Za-z-]{1,40})")
_PANORAMA: Final = re.compile(
    rb"GPano[:\"'>]|ns\.google\.com/photos/1\.0/panorama|GSpherical[:\"'>]|FullPano(Width|Height)Pixels"
)
_SPHERES: Final = re.compile(
    r"theta|gear ?360|insta ?360|one (x|r|rs)\d?\b|gopro (max|fusion)|pixpro (sp|orbit)|qoocam|lg-r105|vuze|"
    r"osmo ?360|panox|xphase|\bmi sphere",
    re.IGNORECASE,
)
_SPHERE_ASPECT: Final = 2.0
_FISHEYE: Final = re.compile(r"fish ?-?eye", re.IGNORECASE)
_APPLE_PANORAMA: Final = 6
"""CustomRendered of Apple's panoramas."""
_FLAT: Final = frozenset({"rectilinear", "perspective", "none"})


def projection(exif: Exif, xmp: bytes | None, width: int, height: int) -> str | None:
    """Return ``equirectangular``, ``cylindrical``, ``panorama``, ``fisheye``, or None for others."""
    text = xmp or b""
    if kind := _KINDS.search(text):
        name = kind[1].decode("ascii").lower()
        return None if name in _FLAT else name
    if _PANORAMA.search(text) or (exif.rendered == _APPLE_PANORAMA and exif.make == "Apple"):
        return "panorama"
    names = f"{exif.make} {exif.model}"
    if _SPHERES.search(names) and abs(width / height - _SPHERE_ASPECT) < 0.02:
        return "equirectangular"
    return "fisheye" if _FISHEYE.search(exif.lens) else None


def warning(kind: str) -> str:
    """Return the sentence for people."""
    return (
        f"The photo seems not to be taken through an ordinary lens ({kind}): the scene will be bent. Send one"
        " that was, for a true scene."
    )
