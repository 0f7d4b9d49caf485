"""Colour primaries and transfer characteristics by their code points. Source: ITU-T H.273, tables 2 and 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from photo.icc import D65, Xy

_C: Final = (0.310, 0.316)
_E: Final = (1 / 3, 1 / 3)
_DCI: Final = (0.314, 0.351)
_SMPTE: Final = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))

PRIMARIES: Final[Mapping[int, tuple[tuple[Xy, Xy, Xy], Xy]]] = {
    1: (((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), D65),
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), _C),
    5: (((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65),
    6: (_SMPTE, D65),
    7: (_SMPTE, D65),
    8: (((0.681, 0.319), (0.243, 0.692), (0.145, 0.049)), _C),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65),
    11: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _DCI),
    12: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65),
    22: (((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)), D65),
}
"""Code -> red, green, blue, and white; unspecified (2) is sRGB."""


def srgb_linear(value: Any) -> Any:
    """Return the light of sRGB values (IEC 61966-2-1); screens show BT.709 the same way."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


TRANSFERS: Final[Mapping[int, Callable[[Any], Any]]] = {
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    8: lambda value: value,
}
"""Code -> stored value to light, where it is not sRGB's: gamma 2.2, gamma 2.8, linear."""
