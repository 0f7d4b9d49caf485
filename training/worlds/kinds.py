"""Worlds: rooms, streets, tables, landscapes, people, workshops; and three for the evaluation alone.

A world fills a scene and returns where a photographer might stand: a function that draws one `View` after
another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from training.worlds import materials as m
from training.worlds import parts
from training.worlds.scene import blob, grid, turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.worlds.scene import Scene

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


class View(NamedTuple):
    """Where a camera stands and looks: metres and radians; `focal` is in diagonals of the picture."""

    eye: tuple[float, float, float]
    yaw: float
    pitch: float
    focal: float


Photographer = "Callable[[Rng], View]"


# -- light -------------------------------------------------------------------------------------------------
# ----------


def sun(s: Scene, strength: float, warm: float, low: float = 0.1) -> None:
    """Add a sun from anywhere above, hard or veiled."""
    rng = s.rng
    a, height = rng.uniform(0, 2 * np.pi), np.arcsin(rng.uniform(low, 0.98))
    direction = [np.cos(a) * np.cos(height), np.sin(height), np.sin(a) * np.cos(height)]
    colour = strength * np.array([1.0, 1 - 0.3 * warm, 1 - 0.6 * warm])
    s.lamps.append([0.0, *direction, *colour, float(rng.choice([0.02, 0.05, 0.3]))])


def outdoors(s: Scene, reach: float = 3.0) -> None:
    """Light the scene by a clear, clouded, evening or night sky; with fog at times."""
    rng, air = s.rng, s.air
    kind = rng.random()
    if kind < 0.55:
        zenith, horizon, strength, warm = (
            m.hue(rng, 0.55, 0.63, (0.35, 0.75), (0.5, 1.0)),
            np.array([0.8, 0.9, 1.0]) * rng.uniform(0.7, 1.1),
            rng.uniform(2, 5),
            rng.uniform(0, 0.4),
        )
        air[17] = rng.choice([0.0, rng.uniform(0.3, 0.7)])
    elif kind < 0.8:
        zenith = np.array([0.8, 0.85, 0.9]) * rng.uniform(0.6, 1.1)
        horizon, strength, warm = zenith * rng.uniform(0.8, 1.3), rng.uniform(0, 0.6), 0.1
        air[17] = rng.choice([0.0, rng.uniform(0.5, 0.9)])
    elif kind < 0.92:
        zenith, horizon = (
            m.hue(rng, 0.58, 0.75, (0.3, 0.7), (0.2, 0.5)),
            m.hue(rng, 0.0, 0.12, (0.3, 0.8), (0.7, 1.2)),
        )
        strength, warm = rng.uniform(0.5, 3), 0.9
        air[17] = rng.choice([0.0, rng.uniform(0.3, 0.6)])
    else:
        zenith, horizon = (
            np.array([0.01, 0.012, 0.025]) * rng.uniform(0.3, 3),
            np.array([0.04, 0.03, 0.03]) * rng.uniform(0.3, 2),
        )
        strength, warm = 0.02, 0.0
        for _ in range(int(rng.integers(2, 5))):
            at = [rng.uniform(-8, 8), rng.uniform(3, 6), rng.uniform(2, 20)]
            s.lamps.append([1.0, *at, *(rng.uniform(3, 14) * np.array([1, 0.75, 0.45])), 0.2])
    air[9:12], air[6:9] = zenith, horizon
    air[0:3] = 0.6 * zenith + 0.4 * horizon
    air[3:6] = rng.uniform(0.15, 0.4) * air[0:3] * (1.05, 1.0, 0.85)
    air[16], air[18], air[19] = reach, rng.uniform(0.15, 0.6), rng.uniform(0, 9)
    air[12:15] = horizon * rng.uniform(0.8, 1.0)
    if rng.random() < 0.6:
        air[15] = np.exp(rng.uniform(np.log(2e-4), np.log(0.02)))
    if strength > 0.1:
        sun(s, strength, warm)


def indoors(s: Scene, wide: float, deep: float, tall: float) -> None:
    """Light a room (x and z from the middle) by bulbs and the sky behind its windows."""
    rng, air = s.rng, s.air
    dim = np.exp(rng.normal(-0.4, 0.6))
    air[0:3] = dim * np.array([1.0, 0.97, 0.92]) * np.exp(0.08 * rng.normal(size=3)) * 0.5
    air[3:6] = air[0:3] * rng.uniform(0.5, 1.0)
    air[6:9] = air[9:12] = np.array([0.8, 0.9, 1.0]) * rng.uniform(0.3, 4)
    air[16] = rng.uniform(0.6, 2.0)
    for _ in range(int(rng.integers(1, 4))):
        warm = rng.uniform(0, 1)
        at = [rng.uniform(-0.45, 0.45) * wide, tall * rng.uniform(0.6, 0.97), rng.uniform(-0.45, 0.45) * deep]
        power = np.exp(rng.normal(0.6, 0.7))
        s.lamps.append(
            [1.0, *at, *(power * np.array([1.0, 1 - 0.25 * warm, 1 - 0.55 * warm])), rng.uniform(0.05, 0.8)]
        )
        if rng.random() < 0.6:
            s.ball((at[0], at[1] + 0.1, at[2]), (0.12, 0.08, 0.12), m.lamp(s, 2.0, warm))
            s.tube((at[0], at[1], at[2]), (at[0], tall, at[2]), 0.008, m.metal(s))
    if rng.random() < 0.4:
        sun(s, rng.uniform(2, 10), rng.uniform(0, 0.7))


# -- rooms -------------------------------------------------------------------------------------------------
# ----------


def _pane(s: Scene, at: float, long: float, tall: float, material: int, *, hole: bool) -> None:
    """Add a wall along x at z = `at`, with a window or a doorway in it, or pictures on it."""
    rng = s.rng
    if not hole:
        s.box((0, tall / 2, at + 0.1), (long / 2 + 0.2, tall / 2, 0.1), material)
        for _ in range(int(rng.integers(0, 4))):
            size = rng.uniform(0.12, 0.6, 2)
            x, y = rng.uniform(-0.45, 0.45) * long, rng.uniform(1.2, max(1.3, tall - 0.6))
            s.box((x, y, at), (size[0] + 0.02, size[1] + 0.02, 0.015), m.timber(s))
            s.box((x, y, at), (size[0], size[1], 0.018), m.paper(s))
        if rng.random() < 0.5:
            s.box((0, 0.05, at), (long / 2, 0.05, 0.015), m.timber(s))
        return
    half, middle = rng.uniform(0.4, min(1.4, long / 2.2)), rng.uniform(-0.25, 0.25) * long
    low, high = (
        (0.0, 2.05)
        if rng.random() < 0.25
        else (rng.uniform(0.4, 1.0), min(tall - 0.15, rng.uniform(1.9, 2.4)))
    )
    left, right = middle - half, middle + half
    for a, b, c, d in (
        (-long / 2 - 0.2, left, 0, tall),
        (right, long / 2 + 0.2, 0, tall),
        (left, right, 0, low),
        (left, right, high, tall),
    ):
        if b - a > 0.01 and d - c > 0.01:
            s.box(((a + b) / 2, (c + d) / 2, at + 0.1), ((b - a) / 2, (d - c) / 2, 0.1), material)
    frame = m.timber(s)
    for x in np.linspace(left, right, int(rng.integers(2, 5))):
        s.box((x, (low + high) / 2, at + 0.1), (0.03, (high - low) / 2, 0.04), frame)
    for y in (low, high, *([low + 0.7 * (high - low)] if rng.random() < 0.5 else [])):
        s.box((middle, y, at + 0.1), (half, 0.03, 0.05), frame)
    if low > 0.1 and rng.random() < 0.6:
        s.box((middle, low - 0.02, at - 0.05), (half + 0.1, 0.02, 0.12), frame)
    if rng.random() < 0.5:
        stuff = m.cloth(s)
        for edge in (left - 0.1, right + 0.1):
            for k in range(int(rng.integers(2, 6))):
                s.tube(
                    (edge + 0.09 * (k - 2), rng.uniform(0.05, 0.1) if rng.random() < 0.8 else low, at - 0.08),
                    (edge + 0.08 * (k - 2), high + 0.15, at - 0.08),
                    0.055,
                    stuff,
                    0.045,
                )
    with s.at(middle, -rng.uniform(0, 6), at + rng.uniform(4, 20)):
        s.box((0, -0.5, 0), (60, 0.5, 40), m.soil(s))
        for _ in range(int(rng.integers(0, 4))):
            with s.at(rng.uniform(-8, 8), 0, rng.uniform(0, 15)):
                if rng.random() < 0.6:
                    parts.broadleaf(s, rng.uniform(3, 9))
                else:
                    parts.house(s, rng.uniform(6, 14), 8, int(rng.integers(1, 4)))


def _furnish(s: Scene, wide: float, deep: float, tall: float) -> None:
    """Stand furniture along the walls and in the middle."""
    rng = s.rng
    for side in range(4):
        run, reach = (wide, deep / 2) if side % 2 == 0 else (deep, wide / 2)
        with s.at(0, 0, 0, yaw=side * np.pi / 2):
            x = -run / 2 + rng.uniform(0.1, 0.9)
            while x < run / 2 - 0.6:
                w = min(rng.uniform(0.5, 2.0), run / 2 - x - 0.1)
                kind = rng.integers(9)
                z = reach - rng.uniform(0.25, 0.5)
                with s.at(x + w / 2, 0, z, yaw=rng.normal(0, 0.04)):
                    high = rng.uniform(0.4, 1.1)
                    if kind <= 1:
                        parts.cabinet(s, w, high, 0.45)
                        for px in np.arange(-w / 2 + 0.15, w / 2 - 0.1, rng.uniform(0.2, 0.5)):
                            with s.at(px, high, rng.normal(0, 0.08)):
                                parts.trinket(s, rng.uniform(0.08, 0.45))
                    elif kind == 2:
                        parts.shelf(s, w, min(tall - 0.2, rng.uniform(0.9, 2.3)))
                    elif kind == 3:
                        parts.cabinet(s, w, min(tall - 0.1, rng.uniform(1.6, 2.3)), 0.55)
                    elif kind == 4 and w > 0.9:
                        parts.sofa(s, w)
                    elif kind == 5:
                        parts.lamp_stand(s, rng.uniform(1.2, 1.8))
                    elif kind == 6:
                        parts.potted(s, rng.uniform(0.5, 1.8))
                    elif kind == 7 and w > 0.8:
                        parts.table(s, w, 0.6, 0.74)
                        _spread(s, w / 2, 0.28, 0.74, int(rng.integers(1, 6)))
                x += w + rng.uniform(0.05, 0.9)
    for _ in range(int(rng.integers(1, 5))):
        with s.at(
            rng.uniform(-0.3, 0.3) * wide, 0, rng.uniform(-0.3, 0.3) * deep, yaw=rng.uniform(0, 2 * np.pi)
        ):
            kind = rng.integers(6)
            if kind <= 1:
                w, d, h = rng.uniform(0.6, 1.8), rng.uniform(0.5, 0.95), float(rng.choice([0.42, 0.74, 0.75]))
                parts.table(s, w, d, h)
                _spread(s, w / 2, d / 2, h, int(rng.integers(1, 7)))
                for side in (-1, 1):
                    if h > 0.5 and rng.random() < 0.7:
                        with s.at(
                            rng.normal(0, 0.2),
                            0,
                            side * (d / 2 + rng.uniform(0.0, 0.35)),
                            yaw=(0 if side > 0 else np.pi) + rng.normal(0, 0.3),
                        ):
                            parts.chair(s)
            elif kind == 2:
                parts.sofa(s, rng.uniform(0.8, 2.0))
            elif kind == 3 and min(wide, deep) > 3:
                parts.bed(s)
            elif kind == 4:
                parts.chair(s)
            elif rng.random() < 0.5:
                parts.person(s, rng.uniform(1.2, 1.9))


def _spread(
    s: Scene, half_x: float, half_z: float, y: float, count: int, low: float = 0.05, high: float = 0.35
) -> None:
    """Strew small things over a surface."""
    rng = s.rng
    for _ in range(count):
        with s.at(
            rng.uniform(-0.85, 0.85) * half_x, y, rng.uniform(-0.85, 0.85) * half_z, yaw=rng.uniform(0, 6)
        ):
            parts.trinket(s, np.exp(rng.uniform(np.log(low), np.log(high))))


def _shell(s: Scene, wide: float, deep: float, tall: float) -> None:
    """Add the floor, the ceiling and four walls of a room around the origin."""
    rng = s.rng
    s.box((0, -0.1, 0), (wide / 2 + 0.2, 0.1, deep / 2 + 0.2), m.floor(s))
    s.box((0, tall + 0.1, 0), (wide / 2 + 0.2, 0.1, deep / 2 + 0.2), m.wall(s))
    paint = m.wall(s)
    for side in range(4):
        run, reach = (wide, deep / 2) if side % 2 == 0 else (deep, wide / 2)
        with s.at(0, 0, 0, yaw=side * np.pi / 2):
            _pane(s, reach, run, tall, paint if rng.random() < 0.8 else m.wall(s), hole=rng.random() < 0.35)
    if rng.random() < 0.5:
        s.box(
            (rng.uniform(-0.2, 0.2) * wide, 0.006, rng.uniform(-0.2, 0.2) * deep),
            (rng.uniform(0.5, 1.4), 0.006, rng.uniform(0.4, 1)),
            s.material(
                s.bank.pick(rng, "carpet", "weave", "stripes"), m.family(rng, m.any_colour(rng)), fits=True
            ),
        )


def _inside(wide: float, deep: float, tall: float) -> Callable[[Rng], View]:
    def draw(rng: Rng) -> View:
        corner = rng.uniform(0, 2 * np.pi)
        r = rng.uniform(0.2, 0.46)
        eye = (r * wide * np.cos(corner), min(tall - 0.2, rng.normal(1.4, 0.3)), r * deep * np.sin(corner))
        yaw = np.arctan2(-eye[0], -eye[2]) + rng.normal(0, 0.5)
        return View(eye, yaw, rng.normal(-0.15, 0.18), np.exp(rng.uniform(np.log(0.45), np.log(1.3))))

    return draw


def room(s: Scene) -> Callable[[Rng], View]:
    """Build a furnished room of any size, with windows and pictures."""
    rng = s.rng
    wide, deep, tall = rng.uniform(2.2, 8), rng.uniform(2.2, 8), rng.uniform(2.3, 3.4)
    _shell(s, wide, deep, tall)
    _furnish(s, wide, deep, tall)
    indoors(s, wide, deep, tall)
    return _inside(wide, deep, tall)


def workshop(s: Scene) -> Callable[[Rng], View]:
    """Build a crowded garage or store: machines, two-wheelers, shelves, boxes, tools on the walls."""
    rng = s.rng
    wide, deep, tall = rng.uniform(3, 8), rng.uniform(3, 8), rng.uniform(2.4, 4.5)
    _shell(s, wide, deep, tall)
    for side in range(4):
        run, reach = (wide, deep / 2) if side % 2 == 0 else (deep, wide / 2)
        with s.at(0, 0, 0, yaw=side * np.pi / 2):
            for _ in range(int(rng.integers(2, 8))):
                with s.at(
                    rng.uniform(-0.45, 0.45) * run, 0, reach - rng.uniform(0.2, 0.6), yaw=rng.normal(0, 0.2)
                ):
                    kind = rng.integers(5)
                    if kind == 0:
                        parts.shelf(s, rng.uniform(0.6, 1.4), rng.uniform(1, 2))
                    elif kind == 1:
                        parts.cabinet(s, rng.uniform(0.5, 1.4), rng.uniform(0.6, 1.8), 0.4)
                    elif kind == 2:
                        s.tube(
                            (0, 0, 0),
                            (rng.normal(0, 0.2), rng.uniform(1, 2), 0.1),
                            rng.uniform(0.01, 0.04),
                            m.timber(s),
                        )
                    else:
                        parts.clutter(s, rng.uniform(0.4, 1.3))
            for _ in range(int(rng.integers(0, 7))):
                with s.at(rng.uniform(-0.45, 0.45) * run, rng.uniform(1, 2), reach - 0.06):
                    parts.clutter(s, rng.uniform(0.1, 0.3))
    spot = (rng.uniform(-0.2, 0.2) * wide, 0.0, rng.uniform(-0.2, 0.2) * deep)
    for _ in range(int(rng.integers(1, 3))):
        with s.at(spot[0] + rng.normal(0, 0.4), 0, spot[2] + rng.normal(0, 0.4), yaw=rng.uniform(0, 6)):
            parts.bicycle(s)
    for _ in range(int(rng.integers(2, 9))):
        with s.at(rng.uniform(-0.4, 0.4) * wide, 0, rng.uniform(-0.4, 0.4) * deep, yaw=rng.uniform(0, 6)):
            parts.clutter(s, rng.uniform(0.2, 1.0))
    indoors(s, wide, deep, tall)

    def draw(rng: Rng) -> View:
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(1.3, 4)
        eye = (
            float(np.clip(spot[0] - far * np.sin(angle), -wide / 2 + 0.2, wide / 2 - 0.2)),
            rng.uniform(0.5, 1.7),
            float(np.clip(spot[2] - far * np.cos(angle), -deep / 2 + 0.2, deep / 2 - 0.2)),
        )
        yaw = np.arctan2(spot[0] - eye[0], spot[2] - eye[2]) + rng.normal(0, 0.15)
        return View(eye, yaw, np.arctan2(0.6 - eye[1], far) + rng.normal(0, 0.08), rng.uniform(0.6, 1.5))

    return draw


# -- near things
# -----------------------------------------------------------------------------------------------------


def tabletop(s: Scene) -> Callable[[Rng], View]:
    """Build small things close by on a table, a room or a garden behind."""
    rng = s.rng
    half_x, half_z = rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.6)
    s.box((0, 0.73, 0), (half_x, 0.02, half_z), m.timber(s) if rng.random() < 0.6 else m.anything(s))
    if rng.random() < 0.3:
        s.box((0, 0.752, 0), (half_x * 0.7, 0.002, half_z * 0.7), m.cloth(s), turned(rng.normal(0, 0.2)))
    for _ in range(int(rng.integers(2, 12))):
        with s.at(rng.normal(0, 0.35) * half_x, 0.752, rng.normal(0, 0.4) * half_z, yaw=rng.uniform(0, 6)):
            (parts.trinket if rng.random() < 0.8 else parts.clutter)(
                s, np.exp(rng.uniform(np.log(0.03), np.log(0.35)))
            )
    far = rng.uniform(0.3, 4)
    if rng.random() < 0.7:
        s.box((0, 1.5, half_z + far + 0.1), (6, 3, 0.1), m.wall(s))
        s.box((0, -0.1, 0), (8, 0.1, 8), m.floor(s))
        s.box((rng.choice([-1, 1]) * rng.uniform(1, 4), 1.5, 0), (0.1, 3, 6), m.wall(s))
        for _ in range(int(rng.integers(0, 6))):
            with s.at(rng.uniform(-2, 2), 0, half_z + rng.uniform(0.3, 1) * far, yaw=rng.normal(0, 0.1)):
                (
                    parts.cabinet(s, rng.uniform(0.5, 1.5), rng.uniform(0.6, 2), 0.3)
                    if rng.random() < 0.5
                    else parts.chair(s)
                )
        if rng.random() < 0.6:
            s.box(
                (rng.uniform(-1, 1), rng.uniform(1, 1.6), half_z + far),
                (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.6), 0.02),
                m.paper(s),
            )
        indoors(s, 4, 4, 2.5)
    else:
        s.box((0, -0.1, 0), (200, 0.1, 200), m.soil(s))
        for _ in range(int(rng.integers(2, 9))):
            with s.at(rng.uniform(-5, 5), 0, rng.uniform(1.5, 12)):
                (parts.bush if rng.random() < 0.6 else parts.broadleaf)(s, rng.uniform(0.8, 4))
        outdoors(s, 0.5)
    s.air[16] = rng.uniform(0.15, 0.6)

    def draw(rng: Rng) -> View:
        far, pitch = np.exp(rng.uniform(np.log(0.3), np.log(1.2))), -rng.uniform(0.05, 1.1)
        turn = rng.normal(0, 0.5)
        eye = (
            -far * np.sin(turn) * np.cos(pitch),
            0.82 - far * np.sin(pitch),
            -far * np.cos(turn) * np.cos(pitch),
        )
        return View(eye, turn + rng.normal(0, 0.1), pitch + rng.normal(0, 0.08), rng.uniform(0.65, 1.8))

    return draw


def thicket(s: Scene) -> Callable[[Rng], View]:
    """Build thin things before cloth, wall or garden: leaves, stems, wires, rods, bars."""
    rng = s.rng
    far = rng.uniform(0.25, 3)
    size = rng.uniform(0.25, 1.0)
    if rng.random() < 0.75:
        back = m.cloth(s) if rng.random() < 0.5 else (m.wall(s) if rng.random() < 0.6 else m.paper(s))
        s.box((0, 1, far + 0.1), (5, 3, 0.1), back, turned(rng.normal(0, 0.15), rng.normal(0, 0.1)))
        s.box((0, -0.1, 0), (6, 0.1, 6), m.cloth(s) if rng.random() < 0.4 else m.floor(s))
        indoors(s, 4, 4, 2.5)
    else:
        s.box((0, -0.1, 0), (200, 0.1, 200), m.soil(s))
        for _ in range(int(rng.integers(4, 14))):
            with s.at(rng.uniform(-6, 6), 0, far + rng.uniform(0.5, 15)):
                parts.bush(s, rng.uniform(0.5, 3))
        outdoors(s, 0.5)
    for _ in range(int(rng.integers(1, 6))):
        with s.at(rng.normal(0, 0.35), 0, rng.uniform(-0.2, 0.8) * min(far, 1.0)):
            kind = rng.integers(6)
            if kind <= 1:
                parts.potted(s, size * rng.uniform(0.8, 1.6))
            elif kind == 2:
                with s.at(0, rng.uniform(0, 0.3), 0):
                    parts.sprig(s, size * 1.3, int(rng.integers(10, 60)), upright=rng.uniform(0.2, 1.3))
            elif kind == 3:
                rod = m.metal(s) if rng.random() < 0.5 else m.timber(s)
                for _ in range(int(rng.integers(1, 9))):
                    a = np.array([rng.normal(0, 0.4), 0, rng.normal(0, 0.15)])
                    s.tube(
                        a,
                        a + np.array([rng.normal(0, 0.4), rng.uniform(0.4, 2), rng.normal(0, 0.2)]),
                        np.exp(rng.uniform(np.log(0.004), np.log(0.03))),
                        rod,
                    )
            elif kind == 4:
                stem = m.bark(s)
                for _ in range(int(rng.integers(2, 8))):
                    tip = np.array([rng.normal(0, 0.3), size * rng.uniform(0.5, 1.5), rng.normal(0, 0.2)])
                    s.tube((0, 0, 0), tip, 0.008, stem, 0.003)
                    with s.at(*tip):
                        parts.sprig(s, size * 0.3, int(rng.integers(4, 12)), upright=0.8)
                        if rng.random() < 0.4:
                            s.ball((0, 0, 0), (0.03, 0.03, 0.03), m.plastic(s))
            else:
                with s.at(0, 0, 0, yaw=rng.normal(0, 0.4)):
                    parts.fence(s, 3, rng.uniform(0.5, 1.2))
    s.air[16] = rng.uniform(0.15, 0.5)

    def draw(rng: Rng) -> View:
        near = np.exp(rng.uniform(np.log(0.5), np.log(2.2)))
        height = size * rng.uniform(0.4, 1.4)
        turn = rng.normal(0, 0.35)
        return View(
            (-near * np.sin(turn), height, -near * np.cos(turn)),
            turn + rng.normal(0, 0.08),
            np.arctan2(size * 0.5 - height, near) + rng.normal(0, 0.06),
            rng.uniform(0.7, 1.6),
        )

    return draw


def heap(s: Scene) -> Callable[[Rng], View]:
    """Build solids of any texture at any distance on a ground, before a back of any slant."""
    rng = s.rng
    size = np.exp(rng.uniform(np.log(0.3), np.log(5)))
    s.box((0, -0.1 * size, 0), (40 * size, 0.1 * size, 40 * size), m.anything(s))
    if rng.random() < 0.8:
        s.box(
            (0, size, size * rng.uniform(3, 10)),
            (30 * size, 8 * size, 0.1 * size),
            m.anything(s),
            turned(rng.normal(0, 0.5), rng.normal(0, 0.2)),
        )
    stuff = [m.anything(s) if rng.random() < 0.6 else m.wall(s) for _ in range(12)]
    for _ in range(int(rng.integers(5, 40))):
        c = np.array([rng.normal(0, 1.3), abs(rng.normal(0, 0.6)), rng.uniform(0, 7)]) * size
        what, half = stuff[rng.integers(12)], np.exp(rng.normal(-1.5, 0.6, 3)) * size
        turn, kind = turned(*rng.uniform(0, 6, 3)), rng.integers(5)
        if kind == 0:
            s.box(c, half, what, turn)
        elif kind == 1:
            s.ball(c, half, what, turn)
        elif kind == 2:
            s.tube(c, c + turn[:, 0] * half[0] * 4, half[1] * 0.6, what, half[1] * rng.uniform(0, 0.6) + 1e-3)
        elif kind == 3:
            points, faces, uv = blob(rng, 0.3)
            s.mesh(points * half[0] * 1.5 + c, faces, what, uv * half[0])
        else:
            with s.at(c[0], 0, c[2], yaw=rng.uniform(0, 6)):
                parts.vessel(s, size * rng.uniform(0.3, 1.2), what)
    if rng.random() < 0.5:
        indoors(s, 4 * size, 4 * size, 3 * size)
        for lamp in s.lamps:
            lamp[4:7] = [v * max(1.0, size**2) for v in lamp[4:7]]
    else:
        outdoors(s)
    s.air[16] = size * 0.5

    def draw(rng: Rng) -> View:
        return View(
            (rng.normal(0, 0.6) * size, size * rng.uniform(0.3, 1.8), -size * rng.uniform(0.8, 2.5)),
            rng.normal(0, 0.2),
            rng.normal(-0.15, 0.15),
            rng.uniform(0.5, 1.8),
        )

    return draw


# -- people
# ----------------------------------------------------------------------------------------------------------


def people(s: Scene) -> Callable[[Rng], View]:
    """Build one to five people, near or full size, in a room, before a wall or outside."""
    rng = s.rng
    outside = rng.random() < 0.5
    if outside:
        s.box((0, -0.1, 0), (300, 0.1, 300), m.soil(s) if rng.random() < 0.5 else m.stone(s))
        for _ in range(int(rng.integers(1, 8))):
            with s.at(rng.uniform(-10, 10), 0, rng.uniform(3, 25), yaw=rng.normal(0, 0.2)):
                kind = rng.integers(5)
                if kind <= 1:
                    parts.broadleaf(s, rng.uniform(3, 9))
                elif kind == 2:
                    parts.bush(s, rng.uniform(0.8, 2))
                elif kind == 3:
                    with s.at(0, 0, 8):
                        parts.house(s, rng.uniform(6, 20), 8, int(rng.integers(1, 6)))
                else:
                    parts.car(s)
        outdoors(s, 1.5)
    else:
        wide, deep, tall = rng.uniform(3, 7), rng.uniform(3, 8), rng.uniform(2.4, 3.2)
        with s.at(0, 0, deep / 2 - 2.2):
            _shell(s, wide, deep, tall)
            if rng.random() < 0.7:
                _furnish(s, wide, deep, tall)
        indoors(s, wide, 3, tall)
    near = [(0.0, 0.0)]
    for _ in range(int(rng.choice([1, 1, 2, 3, 5]))):
        x, z = (0.0, 0.0) if len(near) == 1 else (rng.normal(0, 0.9), rng.uniform(-0.3, 2.2))
        with s.at(x, 0, z, yaw=rng.normal(0, 0.7) + (np.pi if rng.random() < 0.12 else 0)):
            parts.person(
                s,
                rng.uniform(1.5, 1.95) if rng.random() < 0.85 else rng.uniform(0.9, 1.4),
                seated=rng.random() < 0.15,
            )
        near.append((x, z))
    tall = rng.uniform(1.2, 1.7)

    def draw(rng: Rng) -> View:
        far = np.exp(rng.uniform(np.log(0.6), np.log(4.5)))
        aim = tall if far < 1.5 else rng.uniform(0.8, 1.5)
        height = aim + rng.normal(0, 0.2)
        turn = rng.normal(0, 0.35)
        eye = (-far * np.sin(turn), max(0.3, height), -far * np.cos(turn))
        if not outside:
            eye = (eye[0], eye[1], max(eye[2], -2.0))
        return View(
            eye,
            turn + rng.normal(0, 0.1),
            np.arctan2(aim - height, far) + rng.normal(0, 0.05),
            rng.uniform(0.6, 1.8),
        )

    return draw


# -- outside
# ---------------------------------------------------------------------------------------------------------


def street(s: Scene) -> Callable[[Rng], View]:
    """Build a street or a square: houses on both sides, pavements, cars, lamps, trees, wires, people."""
    rng = s.rng
    road, walk = rng.uniform(2.5, 8), rng.uniform(1.2, 4)
    s.box((0, -0.1, 0), (600, 0.1, 600), m.soil(s) if rng.random() < 0.3 else m.stone(s))
    asphalt = s.material(
        s.bank.pick(rng, "stones", "fbm", "plaster", "bricks"),
        m.family(rng, m.hue(rng, 0, 1, (0, 0.12), (0.04, 0.35)), 0.2),
        repeats=rng.uniform(0.3, 0.9),
        bump=0.4,
        stains=0.7,
        mirror=float(rng.choice([0, 0, 0.3])),
    )
    s.box((0, -0.07, 0), (road, 0.08, 400), asphalt)
    if rng.random() < 0.6:
        line = s.material(s.bank.pick(rng, "plaster"), np.full((3, 3), 0.7))
        for z in np.arange(-10, 80, 6):
            s.box((0, 0.012, z), (0.08, 0.004, 1.5), line)
    for side in (-1, 1):
        s.box(
            (side * (road + walk / 2), 0, 0),
            (walk / 2, 0.12, 400),
            m.stone(s) if rng.random() < 0.6 else m.floor(s),
        )
        gap = rng.uniform(0, 6) if rng.random() < 0.5 else 0.0
        garden = rng.uniform(0, 6) if rng.random() < 0.4 else 0.0
        start = -15.0
        while start < rng.uniform(40, 120):
            long, storeys = rng.uniform(6, 22), int(rng.choice([1, 2, 2, 3, 4, 6, 9]))
            if rng.random() < 0.88:
                with s.at(side * (road + walk + garden + 5), 0, start + long / 2, yaw=side * np.pi / 2):
                    parts.house(s, long, 10, storeys)
                    if rng.random() < 0.25:
                        s.box((0, 2.8, -5.6), (long / 3, 0.04, 0.7), m.cloth(s), turned(0, -0.2))
            start += long + gap * rng.uniform(0.3, 1.5)
        if garden > 1:
            with s.at(side * (road + walk), 0, 20, yaw=np.pi / 2):
                parts.fence(s, 50, rng.uniform(0.8, 1.5))
        for along in np.arange(rng.uniform(-2, 6), 60, rng.uniform(5, 20)):
            with s.at(side * (road + rng.uniform(0.3, 0.8)), 0.1, along, yaw=np.pi / 2 * (1 + side)):
                kind = rng.integers(5)
                if kind == 0:
                    parts.sign(s)
                elif kind <= 2:
                    parts.street_lamp(s)
                else:
                    parts.broadleaf(s, rng.uniform(3.5, 9))
        position = rng.uniform(-4, 5)
        while position < 45:
            if rng.random() < 0.6:
                with s.at(
                    side * (road - 1.1), 0, position, yaw=(0 if side > 0 else np.pi) + rng.normal(0, 0.03)
                ):
                    parts.car(s)
            position += rng.uniform(5.2, 12)
    for _ in range(int(rng.integers(0, 7))):
        with s.at(
            rng.choice([-1, 1]) * (road + rng.uniform(-1, walk)),
            0.1,
            np.exp(rng.uniform(np.log(3), np.log(30))),
            yaw=rng.uniform(0, 6),
        ):
            parts.person(s, rng.uniform(1.5, 1.95))
    if rng.random() < 0.3:
        with s.at(road - 1.5 * rng.random(), 0.05, rng.uniform(2, 8), yaw=rng.normal(1.5, 0.4)):
            parts.bicycle(s)
    if rng.random() < 0.4:
        wire = s.material(s.bank.pick(rng, "flat"), np.full((3, 3), 0.03))
        for _ in range(int(rng.integers(1, 6))):
            y, x = rng.uniform(5, 9), rng.uniform(-road, road)
            s.tube((x, y, -5), (x + rng.normal(0, 2), y + rng.normal(0, 0.5), 50), 0.02, wire)
    outdoors(s)

    def draw(rng: Rng) -> View:
        if rng.random() < 0.2:  # across the street
            side = rng.choice([-1, 1])
            eye = (side * (road + walk * 0.5), rng.uniform(1.2, 2), rng.uniform(0, 15))
            return View(
                eye, -side * np.pi / 2 + rng.normal(0, 0.4), rng.normal(0.05, 0.1), rng.uniform(0.5, 1.2)
            )
        eye = (
            rng.uniform(-1, 1) * (road + 0.7 * walk),
            rng.choice([rng.uniform(1.3, 1.8), rng.uniform(0.5, 6)]),
            rng.uniform(-6, 8),
        )
        return View(
            eye, rng.normal(0, 0.3), rng.normal(0.02, 0.1), np.exp(rng.uniform(np.log(0.5), np.log(1.8)))
        )

    return draw


def _terrain(s: Scene, rise: float, flat: float, far: float) -> Callable[[float, float], float]:
    """Add hills whose cells grow with the distance; return the height at (x, z)."""
    rng = s.rng
    waves = []
    for octave in range(7):
        length = far / 2 / 2**octave
        waves.append(
            (
                rng.normal(size=2) * 2 * np.pi / length,
                rng.uniform(0, 7),
                rise * 0.5 ** (octave * rng.uniform(0.9, 1.3)),
            )
        )

    def height(x: Array, z: Array) -> Array:
        total = 0 * x
        for (kx, kz), phase, tall in waves:
            total = total + tall * np.sin(kx * x + kz * z + phase)
        away = np.clip(np.hypot(x, z) / flat, 0, 1)
        return np.asarray(total * away)

    n = 56
    along = np.sign(np.linspace(-1, 1, n)) * (np.abs(np.linspace(-1, 1, n)) ** 2.6) * far
    x, z = np.meshgrid(along, along + 0.0)
    points = np.stack([x, height(x, z), z], -1).reshape(-1, 3)
    s.mesh(points, grid(n, n), m.soil(s), points[:, [0, 2]])
    return lambda px, pz: float(height(np.array(px), np.array(pz)))


def landscape(s: Scene) -> Callable[[Rng], View]:
    """Build hills, trees, rocks, a path, water, a far range, a hut."""
    rng = s.rng
    far = rng.uniform(150, 1500)
    ground = _terrain(s, far * np.exp(rng.uniform(np.log(0.002), np.log(0.08))), rng.uniform(8, 80), far)
    if rng.random() < 0.5:
        base, spread = rng.uniform(0, 2 * np.pi), m.stone(s)
        for _ in range(int(rng.integers(3, 9))):
            a, away = base + rng.normal(0, 1), far * rng.uniform(0.8, 2)
            points, faces, uv = blob(rng, 0.35, 16, 10)
            s.mesh(
                points * far * rng.uniform(0.15, 0.5) * (1, rng.uniform(0.4, 1.2), 1)
                + (away * np.sin(a), -0.05 * far, away * np.cos(a)),
                faces,
                spread,
                uv * 100,
            )
    if rng.random() < 0.3:
        water = s.material(
            s.bank.pick(rng, "fbm"),
            m.family(rng, m.hue(rng, 0.45, 0.62, (0.3, 0.7), (0.02, 0.15)), 0.1),
            repeats=rng.uniform(0.1, 0.5),
            mirror=0.9,
            bump=0.08,
            shine=0.5,
            power=60,
        )
        s.box((0, -rng.uniform(0.3, 3), 0), (far * 3, 0.01, far * 3), water)
    firs = rng.random() < 0.4
    kinds = parts.conifer if firs else parts.broadleaf
    for _ in range(int(rng.integers(3, 26))):
        away, a = np.exp(rng.uniform(np.log(4), np.log(120))), rng.uniform(-1, 1)
        x, z = away * np.sin(a), away * np.cos(a)
        with s.at(x, ground(x, z) - 0.05, z, yaw=rng.uniform(0, 6)):
            (kinds if rng.random() < 0.85 else parts.bush)(s, rng.uniform(2.5, 14))
    for _ in range(int(rng.integers(0, 16))):
        away, a = np.exp(rng.uniform(np.log(1.5), np.log(30))), rng.uniform(-1, 1)
        x, z = away * np.sin(a), away * np.cos(a)
        with s.at(x, ground(x, z), z):
            kind = rng.integers(4)
            if kind == 0:
                parts.bush(s, rng.uniform(0.4, 1.6))
            elif kind == 1:
                points, faces, uv = blob(rng, 0.25, 10, 7)
                s.mesh(points * rng.uniform(0.1, 0.9, 3), faces, m.stone(s), uv)
            else:
                tuft = m.leafy(s, s.bank.pick(rng, "tuft"))
                n = int(rng.integers(5, 30))
                spot = rng.normal(0, 0.8, (n, 3)) * (1, 0, 1)
                tall = rng.uniform(0.1, 0.5)
                spot[:, 1] = tall * 0.8
                s.cards(
                    spot, np.stack([turned(a) for a in rng.uniform(0, 6, n)]), np.full((n, 2), tall), tuft
                )
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        away, a = rng.uniform(8, 60), rng.uniform(-0.8, 0.8)
        with s.at(
            away * np.sin(a),
            ground(away * np.sin(a), away * np.cos(a)) - 0.3,
            away * np.cos(a),
            yaw=rng.uniform(0, 6),
        ):
            parts.house(s, rng.uniform(4, 12), rng.uniform(4, 10), int(rng.integers(1, 3)))
    if rng.random() < 0.35:
        with s.at(rng.normal(0, 2), ground(0, 6), rng.uniform(3, 15), yaw=rng.normal(0, 0.5)):
            parts.fence(s, rng.uniform(6, 30), rng.uniform(0.9, 1.6))
    for _ in range(int(rng.choice([0, 0, 0, 1, 2]))):
        x, z = rng.normal(0, 2), rng.uniform(2.5, 15)
        with s.at(x, ground(x, z), z, yaw=rng.uniform(0, 6)):
            parts.person(s, rng.uniform(1.5, 1.9))
    outdoors(s)

    def draw(rng: Rng) -> View:
        x, z = rng.normal(0, 2), rng.uniform(-6, 1)
        return View(
            (x, ground(x, z) + rng.choice([rng.uniform(1.2, 1.9), rng.uniform(0.3, 8)]), z),
            rng.normal(0, 0.3),
            rng.normal(-0.03, 0.12),
            np.exp(rng.uniform(np.log(0.5), np.log(2.0))),
        )

    return draw


# -- kept for the evaluation
# -----------------------------------------------------------------------------------------


def attic(s: Scene) -> Callable[[Rng], View]:
    """Build a room under a roof: slanting ceilings, beams, boxes. Evaluation alone."""
    rng = s.rng
    wide, deep, tall = rng.uniform(4, 7), rng.uniform(4, 9), rng.uniform(2.4, 3.5)
    s.box((0, -0.1, 0), (wide, 0.1, deep), m.floor(s))
    slope, knee = np.arctan2(tall - 0.8, wide / 2), 0.8
    roof = m.timber(s) if rng.random() < 0.5 else m.wall(s)
    for side in (-1, 1):
        s.box((side * wide / 2, knee / 2, 0), (0.05, knee / 2, deep / 2), m.wall(s))
        s.box(
            (side * wide / 4, (tall + knee) / 2, 0),
            (wide / 3.2, 0.05, deep / 2),
            roof,
            turned(0, 0, -side * slope),
        )
        s.box((0, 1.5, side * deep / 2), (wide / 2, 2.5, 0.05), m.wall(s))
    beam = m.timber(s)
    for z in np.linspace(-deep / 2, deep / 2, int(rng.integers(3, 7))):
        s.box((0, tall * 0.75, z), (wide / 2, 0.08, 0.07), beam)
        s.box((0, tall * 0.38, z), (0.07, tall * 0.38, 0.07), beam)
    for _ in range(int(rng.integers(6, 18))):
        with s.at(rng.uniform(-0.4, 0.4) * wide, 0, rng.uniform(-0.45, 0.45) * deep, yaw=rng.uniform(0, 6)):
            (
                parts.clutter(s, rng.uniform(0.3, 0.9))
                if rng.random() < 0.6
                else parts.cabinet(s, rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.7), 0.4)
            )
    indoors(s, wide, deep, 2.0)
    return _inside(wide * 0.7, deep, 2.0)


def colonnade(s: Scene) -> Callable[[Rng], View]:
    """Build columns and steps of a temple or a gallery. Evaluation alone."""
    rng = s.rng
    marble, pitch, tall = m.stone(s), rng.uniform(2.2, 4), rng.uniform(3.5, 7)
    s.box((0, -0.1, 0), (300, 0.1, 300), m.floor(s) if rng.random() < 0.5 else m.stone(s))
    for side in (-1, 1):
        for z in np.arange(-8, 40, pitch):
            x = side * 3.0
            s.tube((x, 0.3, z), (x, tall, z), 0.4, marble, 0.33)
            s.box((x, 0.15, z), (0.55, 0.15, 0.55), marble)
            s.box((x, tall + 0.15, z), (0.55, 0.15, 0.55), marble)
        s.box((side * 3.0, tall + 0.7, 16), (0.6, 0.4, 26), marble)
    if rng.random() < 0.6:
        s.box((0, tall + 1.2, 16), (4, 0.15, 26), m.stone(s))
    for k in range(6):
        s.box((0, 0.08 * k, 32 + 0.4 * k), (9, 0.08, 0.2), marble)
    s.box((0, 5, 42), (30, 5, 1), m.stone(s))
    for _ in range(int(rng.integers(1, 7))):
        with s.at(rng.uniform(-4, 4), 0, rng.uniform(2, 25), yaw=rng.uniform(0, 6)):
            (
                parts.person(s, rng.uniform(1.5, 1.9))
                if rng.random() < 0.6
                else parts.vessel(s, rng.uniform(0.6, 1.3))
            )
    outdoors(s)
    return lambda r: View(
        (r.uniform(-5, 5), r.uniform(1, 2.2), r.uniform(-9, 4)),
        r.normal(0, 0.3),
        r.normal(0.05, 0.1),
        r.uniform(0.5, 1.5),
    )


def orchard(s: Scene) -> Callable[[Rng], View]:
    """Build trees in rows with ladders and crates on a slanting meadow. Evaluation alone."""
    rng = s.rng
    pitch, slant = rng.uniform(3.5, 7), rng.normal(0, 0.06)
    with s.at(0, 0, 0, roll=slant, pitch=rng.normal(0, 0.04)):
        s.box((0, -0.1, 0), (300, 0.1, 300), m.soil(s))
        for x in np.arange(-3, 4) * pitch:
            for z in np.arange(0, 6) * pitch + 2:
                if rng.random() < 0.8 and abs(x) + abs(z) > 1:
                    with s.at(x + rng.normal(0, 0.3), 0, z, yaw=rng.uniform(0, 6)):
                        parts.broadleaf(s, rng.uniform(2.5, 4.5))
        for _ in range(int(rng.integers(2, 9))):
            with s.at(rng.uniform(-5, 5), 0, rng.uniform(1, 15), yaw=rng.uniform(0, 6)):
                s.box((0, 0.15, 0), (0.3, 0.15, 0.2), m.timber(s))
                for x in np.linspace(-0.2, 0.2, 4):
                    s.ball((x, 0.33, rng.normal(0, 0.08)), (0.045,) * 3, m.plastic(s))
        with s.at(0, 0, 45, yaw=rng.normal(0, 0.2)):
            parts.house(s, 14, 8, 2)
    outdoors(s)
    return lambda r: View(
        (r.normal(0, 2), r.uniform(1.2, 2), r.uniform(-8, 0)),
        r.normal(0, 0.3),
        r.normal(-0.05, 0.1),
        r.uniform(0.5, 1.5),
    )


TRAINING: Final[dict[str, tuple[Callable[[Scene], Callable[[Rng], View]], float]]] = {
    "room": (room, 0.22),
    "workshop": (workshop, 0.11),
    "tabletop": (tabletop, 0.16),
    "thicket": (thicket, 0.1),
    "heap": (heap, 0.07),
    "people": (people, 0.12),
    "street": (street, 0.12),
    "landscape": (landscape, 0.1),
}
"""The worlds that training sees, and how often."""

HELD_OUT: Final = {"attic": attic, "colonnade": colonnade, "orchard": orchard}
"""The worlds that only the evaluation sees."""
