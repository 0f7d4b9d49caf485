"""Materials by use: walls, floors, cloth, timber, metal, skin, leaves; each drawn anew."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from training.worlds.scene import Scene

Array = np.ndarray[Any, Any]
Rng = np.random.Generator
PHOTO = np.eye(3)


def hue(
    rng: Rng,
    low: float = 0.0,
    high: float = 1.0,
    saturation: tuple[float, float] = (0.1, 0.6),
    value: tuple[float, float] = (0.1, 0.7),
) -> Array:
    """Return one colour (3), linear, of a hue between `low` and `high`."""
    return np.array(
        colorsys.hsv_to_rgb(rng.uniform(low, high) % 1.0, rng.uniform(*saturation), rng.uniform(*value))
    )


def family(rng: Rng, base: Array, contrast: float = 0.4) -> Array:
    """Return three colours (3, 3): a base, its neighbour, and an accent that is dark, pale or other."""
    near = base * np.exp(contrast * rng.normal()) * np.exp(0.12 * rng.normal(size=3))
    kind = rng.random()
    if kind < 0.5:
        accent = base * rng.uniform(0.15, 0.6)
    elif kind < 0.75:
        accent = base + (0.85 - base) * rng.uniform(0.3, 1)
    else:
        accent = hue(rng)
    return np.asarray(np.clip(np.stack([base, near, accent]), 0.01, 0.95))


def any_colour(rng: Rng) -> Array:
    """Return a colour as things made by people have it: mostly dull, at times white, black or vivid."""
    kind = rng.random()
    if kind < 0.22:
        return np.full(3, rng.uniform(0.5, 0.9)) * np.exp(0.04 * rng.normal(size=3))
    if kind < 0.4:
        return np.full(3, rng.uniform(0.02, 0.35)) * np.exp(0.05 * rng.normal(size=3))
    if kind < 0.62:
        return hue(rng, 0.03, 0.13, (0.25, 0.75), (0.15, 0.7))
    if kind < 0.85:
        return hue(rng)
    return hue(rng, saturation=(0.6, 0.95), value=(0.3, 0.85))


def wall(s: Scene) -> int:
    """Draw paint, plaster, wallpaper, brick, panels."""
    rng = s.rng
    base = hue(rng, 0.0, 1.0, (0.0, 0.25), (0.45, 0.9)) if rng.random() < 0.7 else any_colour(rng)
    kind = rng.choice(
        ["plaster", "flat", "print", "stripes", "bricks", "planks", "tiles", "text", "stones", "weave"],
        p=[0.33, 0.22, 0.1, 0.06, 0.08, 0.06, 0.06, 0.01, 0.03, 0.05],
    )
    contrast = 0.12 if kind in {"print", "stripes", "planks"} else 0.25
    return s.material(
        s.bank.pick(rng, str(kind)),
        family(rng, base, contrast),
        repeats=rng.uniform(0.4, 1.2),
        bump=rng.uniform(0, 0.5),
        stains=rng.uniform(0, 0.4),
    )


def floor(s: Scene) -> int:
    """Draw planks, tiles, carpet, concrete, lino; some with a shine."""
    rng = s.rng
    kind = str(
        rng.choice(
            ["planks", "tiles", "weave", "plaster", "marble", "stones", "checks", "fbm"],
            p=[0.34, 0.22, 0.16, 0.1, 0.06, 0.03, 0.04, 0.05],
        )
    )
    base = hue(rng, 0.03, 0.12, (0.3, 0.7), (0.1, 0.6)) if kind == "planks" else any_colour(rng)
    glossy = rng.random() < 0.4 and kind != "weave"
    return s.material(
        s.bank.pick(rng, kind),
        family(rng, base, 0.3),
        repeats=rng.uniform(0.35, 1.2),
        bump=rng.uniform(0, 0.3),
        stains=rng.uniform(0.1, 0.5),
        mirror=rng.uniform(0.1, 0.6) * glossy,
        shine=0.3 * glossy,
        power=rng.uniform(10, 80),
    )


def timber(s: Scene) -> int:
    """Draw wood of furniture, or white and coloured varnish."""
    rng = s.rng
    base = hue(rng, 0.03, 0.11, (0.35, 0.8), (0.06, 0.6)) if rng.random() < 0.75 else any_colour(rng)
    return s.material(
        s.bank.pick(rng, "wood", "wood", "planks", "flat"),
        family(rng, base, 0.3),
        repeats=rng.uniform(0.6, 2.5),
        shine=rng.uniform(0, 0.3),
        power=rng.uniform(8, 60),
        bump=rng.uniform(0, 0.3),
        stains=0.2,
    )


def cloth(s: Scene) -> int:
    """Draw covers, curtains, clothes."""
    rng = s.rng
    return s.material(
        s.bank.pick(rng, "weave", "weave", "stripes", "checks", "print", "fbm", "flat", "carpet"),
        family(rng, any_colour(rng), 0.4),
        repeats=rng.uniform(1, 6),
        bump=rng.uniform(0.1, 0.7),
        stains=rng.uniform(0, 0.5),
    )


def metal(s: Scene) -> int:
    """Draw steel, paint on steel, rust."""
    rng = s.rng
    base = hue(rng, 0.5, 0.7, (0, 0.1), (0.15, 0.6)) if rng.random() < 0.6 else any_colour(rng)
    return s.material(
        s.bank.pick(rng, "flat", "plaster", "fbm"),
        family(rng, base, 0.25),
        repeats=rng.uniform(0.5, 3),
        shine=rng.uniform(0.2, 1.2),
        power=rng.uniform(15, 150),
        mirror=float(rng.choice([0, 0.3, 0.8])),
        stains=0.3,
    )


def plastic(s: Scene) -> int:
    """Draw even colours with a highlight; some printed."""
    rng = s.rng
    return s.material(
        s.bank.pick(rng, "flat", "flat", "poster", "stripes", "marble", "print"),
        family(rng, any_colour(rng), 0.5),
        repeats=rng.uniform(1, 6),
        shine=rng.uniform(0.05, 0.8),
        power=rng.uniform(10, 120),
        stains=0.15,
        mirror=float(rng.choice([0, 0, 0.2])),
    )


def paper(s: Scene) -> int:
    """Draw pictures, posters, pages, labels; each fits its face once."""
    rng = s.rng
    if rng.random() < 0.45:
        return s.material(
            s.bank.pick(rng, "photo"), PHOTO * rng.uniform(0.7, 1.1), fits=True, shine=rng.uniform(0, 0.2)
        )
    colours = np.stack([any_colour(rng), any_colour(rng), any_colour(rng)])
    return s.material(
        s.bank.pick(rng, "poster", "text", "photo", "carpet", "print", "facade", "marble"), colours, fits=True
    )


def skin(s: Scene) -> int:
    """Draw the skin of people."""
    rng = s.rng
    base = hue(rng, 0.02, 0.07, (0.35, 0.6), (0.12, 0.75))
    return s.material(
        s.bank.pick(rng, "plaster", "flat"),
        family(rng, base, 0.1),
        repeats=3,
        shine=0.08,
        power=8,
        stains=0.2,
    )


def leafy(s: Scene, cutout: int = -1, *, dry: float = 0.15) -> int:
    """Draw leaves and needles."""
    rng = s.rng
    low, high = (0.04, 0.16) if rng.random() < dry else (0.18, 0.38)
    base = hue(rng, low, high, (0.35, 0.85), (0.06, 0.4))
    return s.material(
        s.bank.pick(rng, "foliage", "blades", "fbm"),
        family(rng, base, 0.4),
        repeats=rng.uniform(0.6, 2),
        cutout=cutout,
        fits=cutout >= 0,
        bump=0.0 if cutout >= 0 else 1.0,
        stains=0.5,
        shine=0.1,
        power=10,
    )


def bark(s: Scene) -> int:
    """Draw trunks and branches."""
    rng = s.rng
    return s.material(
        s.bank.pick(rng, "blades", "wood", "fbm"),
        family(rng, hue(rng, 0.03, 0.12, (0.1, 0.5), (0.04, 0.35)), 0.4),
        repeats=rng.uniform(0.8, 3),
        bump=1.0,
        stains=0.3,
    )


def stone(s: Scene) -> int:
    """Draw concrete, rock, kerbs, plaster outside."""
    rng = s.rng
    base = hue(rng, 0.05, 0.65, (0.0, 0.2), (0.12, 0.6))
    return s.material(
        s.bank.pick(rng, "plaster", "fbm", "stones", "marble"),
        family(rng, base, 0.3),
        repeats=rng.uniform(0.2, 1.0),
        bump=rng.uniform(0.2, 1.0),
        stains=rng.uniform(0.2, 0.7),
    )


def soil(s: Scene) -> int:
    """Draw grass, earth, sand, gravel, snow, asphalt."""
    rng = s.rng
    kind = rng.random()
    kinds: tuple[str, ...]
    if kind < 0.45:
        base, kinds = hue(rng, 0.16, 0.33, (0.3, 0.8), (0.08, 0.35)), ("blades", "fbm", "foliage", "stones")
    elif kind < 0.8:
        base, kinds = hue(rng, 0.04, 0.14, (0.15, 0.6), (0.1, 0.6)), ("fbm", "stones", "plaster", "blades")
    elif kind < 0.88:
        base, kinds = hue(rng, 0.5, 0.65, (0, 0.06), (0.7, 0.92)), ("plaster", "fbm")
    else:
        base, kinds = hue(rng, 0, 1, (0, 0.1), (0.05, 0.25)), ("stones", "fbm", "plaster")
    if rng.random() < 0.15:
        return s.material(
            s.bank.pick(rng, "photo"), PHOTO * base * 3, repeats=rng.uniform(0.2, 0.8), bump=0.6, stains=0.5
        )
    return s.material(
        s.bank.pick(rng, *kinds),
        family(rng, base, 0.35),
        repeats=rng.uniform(0.15, 0.8),
        bump=rng.uniform(0.2, 1),
        stains=rng.uniform(0.3, 0.9),
    )


def facade(s: Scene, storey: float) -> int:
    """Draw a house's face with windows, or plain wall; `storey` metres to a repeat."""
    rng = s.rng
    base = hue(rng, 0.0, 0.16, (0.05, 0.5), (0.15, 0.75)) if rng.random() < 0.8 else any_colour(rng)
    glass = hue(rng, 0.5, 0.68, (0.1, 0.5), (0.02, 0.3))
    colours = np.clip(np.stack([base, np.full(3, rng.uniform(0.3, 0.85)), glass]), 0.01, 0.95)
    return s.material(
        s.bank.pick(rng, "facade"),
        colours,
        repeats=1 / (storey * rng.integers(2, 5)),
        stains=rng.uniform(0.1, 0.5),
        shine=0.1,
    )


def glass(s: Scene) -> int:
    """Draw dark panes that mirror what is before them."""
    rng = s.rng
    return s.material(
        s.bank.pick(rng, "flat"),
        family(rng, hue(rng, 0.45, 0.7, (0.05, 0.4), (0.01, 0.12))),
        shine=0.8,
        power=120,
        mirror=rng.uniform(0.5, 1.0),
    )


def lamp(s: Scene, strength: float, warm: float = 0.0) -> int:
    """Draw a surface that glows."""
    colour = np.array([1.0, 1 - 0.25 * warm, 1 - 0.5 * warm])
    return s.material(s.bank.pick(s.rng, "flat"), np.stack([colour] * 3) * 0.95, glow=strength)


def anything(s: Scene) -> int:
    """Draw any of the above that a small thing may be made of."""
    makers = (timber, cloth, metal, plastic, plastic, paper, stone, cloth)
    return makers[s.rng.integers(len(makers))](s)
