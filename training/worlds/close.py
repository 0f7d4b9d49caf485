"""Worlds of what people photograph most: one thing or a few, near, that fill the frame.

Here the focal length is drawn first and the distance follows from the size of the subject: a longer lens
sees the same things from further away, with less relief.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.worlds import kinds, parts, things
from training.worlds import materials as m
from training.worlds.kinds import View
from training.worlds.scene import blob, turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.worlds.scene import Scene

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


def framed(
    centre: tuple[float, float, float],
    size: float,
    *,
    share: tuple[float, float] = (0.35, 1.3),
    focal: tuple[float, float] = (0.6, 2.6),
    pitch: tuple[float, float] = (-0.6, 0.1),
    turn: float = 0.4,
    low: float = 0.12,
) -> Callable[[Rng], View]:
    """Return a photographer whose subject, `size` metres, takes a `share` of the picture's diagonal.

    It stands on the side of -z, turned by `turn` on average, its camera no lower than `low`.
    """

    def draw(rng: Rng) -> View:
        lens = float(np.exp(rng.uniform(*np.log(focal))))
        far = max(0.25, lens * size / float(np.exp(rng.uniform(*np.log(share)))))
        down, yaw = rng.uniform(*pitch), rng.normal(0, turn)
        eye = np.array(centre) - far * np.array(
            [np.sin(yaw) * np.cos(down), np.sin(down), np.cos(yaw) * np.cos(down)]
        )
        if eye[1] < low:
            eye[1] = low
            down = float(np.arctan2(centre[1] - low, far))
        return View(
            (float(eye[0]), float(eye[1]), float(eye[2])),
            yaw + rng.normal(0, 0.08),
            down + rng.normal(0, 0.06),
            lens,
        )

    return draw


def _backdrop(s: Scene, far: float, reach: float) -> None:
    """Stand something behind the subject: cloth, a wall, shelves, a picture, and a floor below."""
    rng = s.rng
    kind = rng.random()
    if kind < 0.35:
        back = m.cloth(s)
    elif kind < 0.6:
        back = m.wall(s)
    elif kind < 0.8:
        back = s.material(
            things.detail(s, "print", "foliage", "bricks"),
            m.family(rng, m.any_colour(rng), 0.5),
            repeats=np.exp(rng.uniform(np.log(0.5), np.log(5))),
        )
    else:
        back = m.anything(s)
    s.box(
        (0, 0, far + 0.1),
        (max(20.0, 8 * reach), max(20.0, 8 * reach), 0.1),
        back,
        turned(rng.normal(0, 0.2), rng.normal(0, 0.08)),
    )


def still(s: Scene) -> Callable[[Rng], View]:
    """Build one to six things on a ground or a table, before a near or a far back, from any height."""
    rng = s.rng
    size = str(rng.choice(["small", "small", "middle", "large"]))
    spread = {"small": 0.16, "middle": 0.6, "large": 1.4}[size]
    outside = rng.random() < 0.4
    ground = m.soil(s) if outside else (m.floor(s) if rng.random() < 0.5 else m.anything(s))
    s.box((0, -0.1, 0), (300, 0.1, 300), ground)
    if rng.random() < 0.2:
        s.box((0, 0.001, 0), (2 * spread, 0.002, 2 * spread), m.cloth(s), turned(rng.uniform(0, 6)))
    if rng.random() < 0.8:
        tall = things.thing(s, size)
    else:
        tall = 0.8 * spread
        points, faces, uv = blob(rng, rng.uniform(0.1, 0.4))
        s.mesh(points * tall / 2 + (0, tall * 0.45, 0), faces, m.anything(s), uv * tall)
    for _ in range(int(rng.integers(0, 6))):
        a, away = rng.uniform(0, 2 * np.pi), spread * rng.uniform(0.8, 3)
        with s.at(away * np.sin(a), 0, away * np.cos(a), yaw=rng.uniform(0, 2 * np.pi)):
            things.thing(s, size if rng.random() < 0.7 else "small")
    if outside:
        for _ in range(int(rng.integers(0, 8))):
            with s.at(rng.uniform(-6, 6), 0, rng.uniform(2, 15), yaw=rng.uniform(0, 6)):
                kind = rng.integers(4)
                if kind == 0:
                    parts.broadleaf(s, rng.uniform(2, 8))
                elif kind == 1:
                    parts.fence(s, rng.uniform(2, 8), rng.uniform(0.6, 1.5))
                else:
                    parts.bush(s, rng.uniform(0.4, 2))
        kinds.outdoors(s, 0.5)
    else:
        if rng.random() < 0.85:
            _backdrop(s, spread * np.exp(rng.uniform(np.log(0.8), np.log(8))), spread)
        kinds.indoors(s, 4, 4, 2.6)
    s.air[16] = rng.uniform(0.3, 1.0) * spread
    return framed((0, tall * 0.45, 0), max(tall, spread), pitch=(-1.2, 0.15), turn=0.8)


def plants(s: Scene) -> Callable[[Rng], View]:
    """Build leaves before patterned cloth or a garden: rosettes, sprigs, pots; nothing else is seen."""
    rng = s.rng
    size = np.exp(rng.uniform(np.log(0.2), np.log(1.0)))
    far = size * np.exp(rng.uniform(np.log(0.3), np.log(4)))
    if rng.random() < 0.7:
        _backdrop(s, far, size)
        s.box((0, -0.1, 0), (20, 0.1, 20), m.cloth(s) if rng.random() < 0.5 else m.floor(s))
        kinds.indoors(s, 4, 4, 2.5)
    else:
        s.box((0, -0.1, 0), (200, 0.1, 200), m.soil(s))
        for _ in range(int(rng.integers(4, 14))):
            with s.at(rng.uniform(-4, 4), 0, far + rng.uniform(0.3, 8)):
                parts.bush(s, rng.uniform(0.4, 2.5))
        kinds.outdoors(s, 0.5)
    for _ in range(int(rng.choice([1, 1, 2, 3, 5]))):
        with s.at(rng.normal(0, 0.5) * size, 0, rng.uniform(-0.3, 0.6) * min(far, size)):
            kind = rng.integers(4)
            if kind <= 1:
                pot = size * rng.uniform(0, 0.35)
                if pot > 0.08 * size:
                    s.tube((0, 0, 0), (0, pot, 0), pot * 0.6, m.anything(s), pot * 0.8)
                with s.at(0, pot * 0.9, 0):
                    things.rosette(s, size * rng.uniform(0.5, 1), int(rng.integers(8, 40)))
            elif kind == 2:
                parts.potted(s, size * rng.uniform(0.8, 1.4))
            else:
                parts.sprig(s, size * 1.2, int(rng.integers(15, 80)), upright=rng.uniform(0.2, 1.3))
    s.air[16] = 0.4 * size
    return framed((0, size * 0.45, 0), size, share=(0.5, 1.6), focal=(0.6, 3.2), pitch=(-0.9, 0.1), turn=0.35)


def bench(s: Scene) -> Callable[[Rng], View]:
    """Build a crowded place of work: a machine or a two-wheeler in front of shelves, walls and tools."""
    rng = s.rng
    wide, back, tall = rng.uniform(2, 6), rng.uniform(0.5, 3), rng.uniform(2.3, 3.5)
    s.box((0, -0.1, 0), (12, 0.1, 12), m.floor(s) if rng.random() < 0.6 else m.stone(s))
    s.box((0, tall / 2, back + 0.1), (8, tall / 2, 0.1), m.wall(s), turned(rng.normal(0, 0.1)))
    if rng.random() < 0.6:
        s.box((rng.choice([-1, 1]) * wide / 1.6, tall / 2, 0), (0.1, tall / 2, 6), m.wall(s))
    if rng.random() < 0.5:
        s.box((0, tall + 0.1, 0), (8, 0.1, 8), m.wall(s))
    for _ in range(int(rng.integers(3, 12))):
        with s.at(rng.uniform(-0.55, 0.55) * wide, 0, back - rng.uniform(0.2, 0.5), yaw=rng.normal(0, 0.1)):
            kind = rng.integers(6)
            if kind == 0:
                parts.shelf(s, rng.uniform(0.6, 1.4), rng.uniform(1, 2))
            elif kind == 1:
                parts.table(s, rng.uniform(0.8, 1.8), 0.55, rng.uniform(0.75, 0.95))
                for _ in range(int(rng.integers(2, 9))):
                    with s.at(rng.uniform(-0.6, 0.6), 0.86, rng.uniform(-0.2, 0.2), yaw=rng.uniform(0, 6)):
                        things.thing(s, "small")
            elif kind <= 3:
                things.thing(s, str(rng.choice(["middle", "large"])))
            else:
                parts.clutter(s, rng.uniform(0.3, 1.1))
    for _ in range(int(rng.integers(0, 14))):  # tools on the wall
        with s.at(rng.uniform(-0.5, 0.5) * wide, rng.uniform(0.9, 2), back - 0.05):
            if rng.random() < 0.5:
                parts.clutter(s, rng.uniform(0.08, 0.3))
            else:
                s.tube(
                    (0, -rng.uniform(0.1, 0.4), 0),
                    (rng.normal(0, 0.1), 0.1, 0),
                    rng.uniform(0.008, 0.03),
                    m.timber(s),
                )
    size = rng.uniform(0.8, 2.0)
    with s.at(0, 0, 0, yaw=rng.normal(0, 0.5) + (np.pi if rng.random() < 0.5 else 0)):
        subject = rng.random()
        if subject < 0.5:
            things.machine(s, size)
        elif subject < 0.75:
            with s.at(0, 0, 0, yaw=np.pi / 2 + rng.normal(0, 0.4)):
                parts.bicycle(s)
        else:
            size = things.thing(s, str(rng.choice(["middle", "large"])))
    for _ in range(int(rng.integers(1, 8))):
        a = rng.uniform(0, 2 * np.pi)
        with s.at(1.2 * size * np.sin(a), 0, min(0.9 * size * np.cos(a), back - 0.3), yaw=rng.uniform(0, 6)):
            if rng.random() < 0.5:
                parts.clutter(s, rng.uniform(0.15, 0.6))
            else:
                things.thing(s, str(rng.choice(["small", "middle"])))
    kinds.indoors(s, wide, 3, tall)
    return framed(
        (0, size * 0.35, 0), size, share=(0.5, 1.3), focal=(0.55, 1.8), pitch=(-0.5, 0.15), turn=0.4, low=0.25
    )


def interior(s: Scene) -> Callable[[Rng], View]:
    """Build a room of real furniture, crowded or bare, seen whole or in part."""
    rng = s.rng
    wide, deep, tall = rng.uniform(2.4, 7), rng.uniform(2.4, 7), rng.uniform(2.3, 3.3)
    kinds._shell(s, wide, deep, tall)  # noqa: SLF001
    for side in range(4):
        run, reach = (wide, deep / 2) if side % 2 == 0 else (deep, wide / 2)
        with s.at(0, 0, 0, yaw=side * np.pi / 2):
            x = -run / 2 + rng.uniform(0.3, 0.9)
            while x < run / 2 - 0.4:
                with s.at(x, 0, reach - rng.uniform(0.3, 0.55), yaw=rng.normal(0, 0.05)):
                    high = things.thing(s, str(rng.choice(["large", "large", "middle"])))
                    if 0.3 < high < 1.2 and rng.random() < 0.6:
                        with s.at(rng.normal(0, 0.1), high, 0):
                            things.thing(s, "small")
                x += rng.uniform(0.7, 2.0)
    subject = (rng.uniform(-0.2, 0.2) * wide, 0.0, rng.uniform(-0.2, 0.2) * deep)
    for k in range(int(rng.integers(1, 5))):
        x, z = subject[::2] if k == 0 else (rng.uniform(-0.3, 0.3) * wide, rng.uniform(-0.3, 0.3) * deep)
        with s.at(x, 0, z, yaw=rng.uniform(0, 2 * np.pi)):
            if rng.random() < 0.4:
                high = rng.choice([0.42, 0.74])
                parts.table(s, rng.uniform(0.6, 1.6), rng.uniform(0.5, 0.9), high)
                for _ in range(int(rng.integers(1, 6))):
                    with s.at(rng.normal(0, 0.25), high, rng.normal(0, 0.15), yaw=rng.uniform(0, 6)):
                        things.thing(s, "small")
            else:
                things.thing(s, str(rng.choice(["large", "middle", "middle"])))
    kinds.indoors(s, wide, deep, tall)
    whole = kinds._inside(wide, deep, tall)  # noqa: SLF001

    def draw(rng: Rng) -> View:
        if rng.random() < 0.6:
            return whole(rng)
        view = framed(
            (subject[0], 0.5, subject[2]), 1.0, share=(0.4, 1.0), focal=(0.55, 1.3), turn=3.0, low=0.3
        )(rng)
        edge = wide / 2 - 0.2, deep / 2 - 0.2
        eye = (
            float(np.clip(view.eye[0], -edge[0], edge[0])),
            min(view.eye[1], tall - 0.2),
            float(np.clip(view.eye[2], -edge[1], edge[1])),
        )
        yaw = float(np.arctan2(subject[0] - eye[0], subject[2] - eye[2])) + rng.normal(0, 0.15)
        return view._replace(eye=eye, yaw=yaw)

    return draw


def frontal(s: Scene) -> Callable[[Rng], View]:
    """Build a wall, a shop's window, a bookshelf or a house seen from straight before it: little relief."""
    rng = s.rng
    s.box((0, -0.1, 0), (60, 0.1, 60), m.floor(s) if rng.random() < 0.4 else m.stone(s))
    kind = rng.integers(3)
    size = 1.6
    if kind == 0:
        size = rng.uniform(4, 9)
        with s.at(0, 0, 4):
            parts.house(s, rng.uniform(6, 18), 8, int(rng.integers(1, 4)))
        for _ in range(int(rng.integers(0, 5))):
            with s.at(rng.uniform(-5, 5), 0, rng.uniform(-2, -0.3), yaw=rng.uniform(0, 6)):
                (parts.bush if rng.random() < 0.5 else parts.potted)(s, rng.uniform(0.4, 1.5))
        kinds.outdoors(s)
    else:
        s.box((0, 1.5, 0.35), (12, 1.6, 0.1), m.wall(s))
        x = -4.0
        while x < 4:
            with s.at(x, 0, 0.0, yaw=rng.normal(0, 0.04)):
                if kind == 1:
                    parts.shelf(s, 1.0, rng.uniform(0.8, 2.2))
                else:
                    things.thing(s, str(rng.choice(["large", "middle"])))
            x += rng.uniform(0.8, 1.8)
        for _ in range(int(rng.integers(0, 6))):
            half = rng.uniform(0.1, 0.5, 2)
            s.box((rng.uniform(-3, 3), rng.uniform(1.2, 2.2), 0.24), (half[0], half[1], 0.015), m.paper(s))
        kinds.indoors(s, 5, 5, 3)
    return framed(
        (rng.normal(0, 0.5), size * 0.5, 0), size, share=(0.6, 1.8), pitch=(-0.25, 0.25), turn=0.35, low=0.4
    )


def telephoto(s: Scene) -> Callable[[Rng], View]:
    """Build the things of a table or a thicket, seen from further away through a longer lens."""
    near = (kinds.tabletop if s.rng.random() < 0.5 else kinds.thicket)(s)

    def draw(rng: Rng) -> View:
        view = near(rng)
        k = float(np.exp(rng.uniform(np.log(1.2), np.log(2.8))))
        away = float(np.hypot(view.eye[0], view.eye[2])) / max(np.cos(view.pitch), 0.3)
        ahead = turned(view.yaw, -view.pitch)[:, 2]
        eye = np.array(view.eye) - (k - 1) * away * ahead
        return view._replace(
            eye=(float(eye[0]), max(0.1, float(eye[1])), float(eye[2])), focal=min(3.2, k * view.focal)
        )

    return draw


FURTHER: Final[dict[str, tuple[Callable[[Scene], Callable[[Rng], View]], float]]] = {
    "still": (still, 0.13),
    "plants": (plants, 0.1),
    "bench": (bench, 0.11),
    "interior": (interior, 0.13),
    "frontal": (frontal, 0.05),
    "telephoto": (telephoto, 0.06),
}
"""Worlds beside `kinds.TRAINING`, and how often of all."""

LITTLE_RELIEF: Final = frozenset({"still", "plants", "frontal", "telephoto"})
"""Worlds whose views are taken as they come: most photographs of such things are nearly flat."""
