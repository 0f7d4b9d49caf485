"""Maps HDR pictures (PQ and HLG) to sRGB.

Light is measured against the reference white of 203 cd/m² (ITU-R BT.2408). Half of it and less stays as it
is;
above, a shoulder leads 1000 cd/m² to white: with u the excess and m the excess of 1000 cd/m², both in units
of
the rest, u (1 + u / m²) / (1 + u) (Reinhard et al. 2002, eq. 4). The brightest channel is mapped and the
others
keep their ratio to it, so that hues stay. Sources of the curves: ITU-R BT.2100.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from photo.code_points import PRIMARIES
from photo.header import Cicp
from photo.icc import to_xyz

Array: TypeAlias = "np.ndarray[Any, Any]"
PQ: Final = 16
HLG: Final = 18
TRANSFERS: Final = frozenset({PQ, HLG})
_WHITE: Final = 203.0
_PEAK: Final = 1_000.0
_KNEE: Final = 0.5
_LUMA: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)
"""Of BT.2020, for HLG's system gamma."""
_STEPS: Final = 16_384


def tone_mapped(rows: Array, cicp: Cicp) -> Array:
    """Return uint8 sRGB of uint8 PQ or HLG."""
    light = _light(cicp.transfer)[rows]
    if cicp.transfer == HLG:
        light *= (light @ _LUMA)[..., None] ** np.float32(0.2) * np.float32(_PEAK / _WHITE)
    brightest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    light *= _shoulder(brightest) / brightest
    corners, white = PRIMARIES.get(cicp.primaries, PRIMARIES[9])
    to_srgb = np.linalg.inv(to_xyz(*PRIMARIES[1][0], PRIMARIES[1][1])) @ to_xyz(*corners, white)
    linear = light @ to_srgb.T.astype(np.float32)
    encoded: Array = _encoded()[np.rint(linear.clip(0, 1) * (_STEPS - 1)).astype(np.int32)]
    return encoded


def _light(transfer: int) -> Array:
    """Return the light of each of 256 values: in reference whites for PQ, of the scene in 0..1 for HLG."""
    value = np.linspace(0, 1, 256)
    if transfer == PQ:
        power = value ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (
            1 / 0.1593017578125
        )
        return (nits / _WHITE).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12).astype(np.float32)


def _shoulder(light: Array) -> Array:
    rest = 1 - _KNEE
    excess, most = np.maximum(light - _KNEE, 0) / rest, (_PEAK / _WHITE - _KNEE) / rest
    mapped = _KNEE + rest * excess * (1 + excess / most**2) / (1 + excess)
    return np.where(light <= _KNEE, light, np.minimum(mapped, 1))


def _encoded() -> Array:
    linear = np.linspace(0, 1, _STEPS)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels: Array = np.rint(encoded * 255).astype(np.uint8)
    return levels
