"""Things that stand in worlds: furniture, vessels, cars, trees, people; around their foot, facing -z.

Sizes are those of real things in metres, for the network learns the scale of the world from them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from training.worlds import materials as m
from training.worlds.scene import blob, grid, lathe, turned

if TYPE_CHECKING:
    from training.worlds.scene import Scene

Array = np.ndarray[Any, Any]


def table(s: Scene, wide: float, deep: float, tall: float) -> None:
    """Add a table with four legs or a single foot."""
    rng, top = s.rng, m.timber(s)
    legs = top if rng.random() < 0.6 else m.metal(s)
    thick = rng.uniform(0.015, 0.04)
    if rng.random() < 0.2:
        s.tube((0, tall - 2 * thick, 0), (0, tall, 0), min(wide, deep) / 2, top)
        s.tube((0, 0, 0), (0, tall - thick, 0), 0.05, legs)
        s.tube((0, 0, 0), (0, 0.03, 0), min(wide, deep) / 4, legs)
        return
    s.box((0, tall - thick, 0), (wide / 2, thick, deep / 2), top)
    leg = rng.uniform(0.015, 0.045)
    round_legs = rng.random() < 0.4
    for x in (-1, 1):
        for z in (-1, 1):
            px, pz = x * (wide / 2 - 2 * leg), z * (deep / 2 - 2 * leg)
            if round_legs:
                s.tube((px, 0, pz), (px, tall - 2 * thick, pz), leg * 0.6, legs, leg)
            else:
                s.box((px, tall / 2 - thick, pz), (leg, tall / 2 - thick, leg), legs)


def chair(s: Scene) -> None:
    """Add a chair with a back."""
    rng, chair_height, half = s.rng, s.rng.uniform(0.42, 0.5), s.rng.uniform(0.19, 0.25)
    frame = m.timber(s) if rng.random() < 0.6 else m.metal(s)
    cushion = frame if rng.random() < 0.4 else m.cloth(s)
    s.box((0, chair_height, 0), (half, rng.uniform(0.015, 0.05), half), cushion)
    back = rng.uniform(0.35, 0.6)
    for x in (-1, 1):
        for z in (-1, 1):
            s.tube(
                (x * half * 1.05, 0, z * half * 1.05),
                (x * half * 0.9, chair_height, z * half * 0.9),
                0.016,
                frame,
                0.02,
            )
    lean = 0.06
    if rng.random() < 0.5:
        s.box(
            (0, chair_height + back / 2 + 0.05, half + lean / 2),
            (half, back / 2, 0.02),
            cushion,
            turned(0, 0.1),
        )
        return
    for x in np.linspace(-half, half, int(rng.integers(2, 6))):
        s.tube((x, chair_height, half), (x, chair_height + back, half + lean), 0.014, frame)
    s.tube((-half, chair_height + back, half + lean), (half, chair_height + back, half + lean), 0.025, frame)


def sofa(s: Scene, wide: float) -> None:
    """Add a sofa or an armchair with cushions."""
    rng, cover = s.rng, m.cloth(s)
    deep, cushion, arm = rng.uniform(0.75, 0.95), rng.uniform(0.38, 0.46), rng.uniform(0.08, 0.2)
    s.box((0, cushion / 2 + 0.03, 0), (wide / 2, cushion / 2 - 0.03, deep / 2), cover)
    s.box((0, cushion + 0.2, deep / 2 - 0.1), (wide / 2, rng.uniform(0.2, 0.3), 0.1), cover, turned(0, 0.15))
    for x in (-1, 1):
        s.box((x * (wide / 2 - arm / 2), cushion + 0.02, 0), (arm / 2, 0.22, deep / 2), cover)
    for x in np.linspace(-wide / 2 + 0.35, wide / 2 - 0.35, max(1, int(wide / 0.6))):
        s.ball((x, cushion, -0.05), (0.3, 0.09, deep / 2.4), cover)
        if rng.random() < 0.5:
            s.ball(
                (x + rng.normal(0, 0.1), cushion + 0.22, 0.1),
                (0.2, 0.18, 0.08),
                m.cloth(s),
                turned(rng.normal(0, 0.3), -0.4, rng.normal(0, 0.2)),
            )


def bed(s: Scene) -> None:
    """Add a bed with a cover and pillows."""
    rng, wide, cover = s.rng, s.rng.uniform(0.9, 1.8), m.cloth(s)
    s.box((0, 0.15, 0), (wide / 2, 0.12, 1.0), m.timber(s))
    s.box((0, 0.38, 0), (wide / 2 - 0.02, 0.12, 0.98), cover)
    s.box((0, 0.5, 1.02), (wide / 2, rng.uniform(0.3, 0.6), 0.04), m.timber(s))
    s.box((0, 0.44, -0.3), (wide / 2 + 0.03, 0.1, 0.7), m.cloth(s))
    for x in (-wide / 4, wide / 4):
        s.ball((x, 0.56, 0.7), (min(0.32, wide / 4), 0.1, 0.2), m.cloth(s))


def cabinet(s: Scene, wide: float, tall: float, deep: float) -> None:
    """Add a closed cupboard, its doors or drawers with handles."""
    rng, body = s.rng, m.timber(s)
    s.box((0, tall / 2, 0), (wide / 2, tall / 2, deep / 2), body)
    handle, front = m.metal(s), -deep / 2
    columns, rows = max(1, int(wide / rng.uniform(0.4, 0.7))), int(rng.integers(1, 5))
    face = body if rng.random() < 0.7 else m.timber(s)
    for i in range(columns):
        for j in range(rows):
            x, y = (i + 0.5) * wide / columns - wide / 2, (j + 0.5) * tall / rows
            s.box((x, y, front), (wide / columns / 2 - 0.01, tall / rows / 2 - 0.01, 0.012), face)
            s.box(
                (x + 0.3 * wide / columns, y, front - 0.03), (0.01, min(0.06, tall / rows / 4), 0.012), handle
            )


def shelf(s: Scene, wide: float, tall: float) -> None:
    """Add open shelves with books and small things."""
    rng, board, deep = s.rng, m.timber(s), s.rng.uniform(0.22, 0.38)
    boards = max(2, int(tall / rng.uniform(0.28, 0.45)))
    for x in (-wide / 2, wide / 2):
        s.box((x, tall / 2, 0), (0.012, tall / 2, deep / 2), board)
    if rng.random() < 0.7:
        s.box((0, tall / 2, deep / 2), (wide / 2, tall / 2, 0.005), board)
    spines = s.material(
        s.bank.pick(rng, "books"), np.stack([m.any_colour(rng) for _ in range(3)]), repeats=1.0
    )
    for j in range(boards + 1):
        y = j * tall / boards
        s.box((0, y, 0), (wide / 2, 0.012, deep / 2), board)
        if j == boards:
            continue
        x = -wide / 2 + 0.02
        while x < wide / 2 - 0.1:
            if rng.random() < 0.6:
                run, high = (
                    min(rng.uniform(0.1, 0.5), wide / 2 - x - 0.02),
                    rng.uniform(0.55, 0.9) * tall / boards,
                )
                s.box(
                    (x + run / 2, y + high / 2, rng.uniform(-0.04, 0.02)),
                    (run / 2, high / 2, deep * 0.33),
                    spines,
                )
                x += run + rng.uniform(0, 0.15)
            else:
                with s.at(x + 0.08, y + 0.012, 0):
                    trinket(s, rng.uniform(0.06, 0.8 * tall / boards))
                x += rng.uniform(0.15, 0.4)


def lamp_stand(s: Scene, tall: float) -> None:
    """Add a lamp with a shade on a stand; it glows at times."""
    rng, rod = s.rng, m.metal(s)
    shade = m.lamp(s, rng.uniform(0.5, 3), 0.7) if rng.random() < 0.5 else m.cloth(s)
    size = rng.uniform(0.1, 0.2) * min(1.0, tall)
    s.tube((0, 0, 0), (0, 0.02, 0), size, rod)
    s.tube((0, 0, 0), (0, tall, 0), 0.012, rod)
    s.tube((0, tall - size, 0), (0, tall + size, 0), size * 1.3, shade, size * rng.uniform(0.5, 1.3))


def vessel(s: Scene, tall: float, material: int | None = None) -> None:
    """Add a vase, bottle, cup, bowl, jug or glass turned about its axis."""
    rng = s.rng
    n = 9
    t = np.linspace(0, 1, n)
    slim = rng.uniform(0.16, 0.75)
    radii = (
        tall
        * slim
        * np.clip(
            0.65 + 0.35 * np.sin(t * rng.uniform(1, 7) + rng.uniform(0, 6)) + rng.uniform(-0.4, 0.4) * t,
            0.12,
            1.2,
        )
    )
    radii = np.concatenate([[1e-4], radii, radii[-1:] * 0.9, radii[-1:] * 0.85, [1e-4]])
    heights = tall * np.concatenate([[0], t, [1], [0.8 if rng.random() < 0.6 else 0.97], [0.75]])
    points, faces, uv = lathe(radii, heights)
    stuff = m.anything(s) if material is None else material
    s.mesh(points, faces, stuff, uv)
    if rng.random() < 0.25:
        for angle in np.linspace(-1.2, 1.2, 4):
            x, y = (
                radii.max() + 0.18 * tall * np.cos(angle) - 0.05 * tall,
                tall * (0.5 + 0.25 * np.sin(angle)),
            )
            s.ball((x, y, 0), (0.05 * tall, 0.1 * tall, 0.05 * tall), stuff)


def trinket(s: Scene, size: float) -> None:
    """Add one small thing about `size` metres tall: a vessel, ball, book pile, box, plant, figure or tool."""
    rng = s.rng
    kind = rng.integers(8)
    if kind <= 2:
        vessel(s, size)
    elif kind == 3:
        s.ball(
            (0, size / 2, 0),
            (size / 2 * rng.uniform(0.8, 1.2), size / 2, size / 2 * rng.uniform(0.8, 1.2)),
            m.anything(s),
        )
    elif kind == 4:
        y, half = 0.0, size * rng.uniform(0.5, 0.9)
        for _ in range(int(rng.integers(1, 5))):
            thick = size * rng.uniform(0.04, 0.14)
            s.box(
                (rng.normal(0, 0.04) * size, y + thick, 0),
                (half, thick, half * 0.7),
                m.paper(s),
                turned(rng.normal(0, 0.25)),
            )
            y += 2 * thick
    elif kind == 5:
        s.box(
            (0, size / 2, 0),
            (size * rng.uniform(0.2, 0.6), size / 2, size * rng.uniform(0.15, 0.5)),
            m.paper(s) if rng.random() < 0.5 else m.plastic(s),
            turned(rng.uniform(0, 6)),
        )
    elif kind == 6:
        potted(s, size)
    else:
        points, faces, uv = blob(rng, rng.uniform(0.05, 0.3))
        s.mesh(points * size / 2 * (1, 0.9, 1) + (0, size * 0.45, 0), faces, m.anything(s), uv * size / 2)


def sprig(s: Scene, size: float, count: int, material: int | None = None, *, upright: float = 0.5) -> None:
    """Add a rosette of leaf cards from the origin: a house plant, a bush, an aloe."""
    rng = s.rng
    leaf = m.leafy(s, s.bank.pick(rng, "leaf", "leaf", "leaves")) if material is None else material
    yaw, pitch = rng.uniform(0, 2 * np.pi, count), rng.uniform(upright - 0.6, upright + 0.6, count)
    length = size * rng.uniform(0.5, 1.0, count)
    turns = np.stack(
        [
            turned(a, b, 0) @ turned(0, 0, c)
            for a, b, c in zip(yaw, np.pi / 2 - pitch, rng.normal(0, 0.3, count), strict=True)
        ]
    )
    centres = turns[:, :, 1] * length[:, None] * 0.5 + rng.normal(0, 0.05 * size, (count, 3))
    s.cards(centres, turns, np.stack([length * rng.uniform(0.1, 0.3), length * 0.5], -1), leaf)


def potted(s: Scene, size: float) -> None:
    """Add a plant in a pot."""
    rng, pot = s.rng, 0.3 * size
    s.tube((0, 0, 0), (0, pot, 0), pot * 0.35, m.anything(s), pot * 0.5)
    with s.at(0, pot * 0.9, 0):
        sprig(s, size * 0.75, int(rng.integers(8, 40)), upright=rng.uniform(0.3, 1.2))
        if rng.random() < 0.4:
            s.tube((0, 0, 0), (0, 0.5 * size, 0), 0.012 * size, m.bark(s))


def broadleaf(s: Scene, tall: float) -> None:
    """Add a tree with a crown of lumps and leaf cards, or bare branches."""
    rng, trunk = s.rng, m.bark(s)
    fork = tall * rng.uniform(0.2, 0.45)
    thick = tall * rng.uniform(0.015, 0.035)
    lean = rng.normal(0, 0.04, 2) * tall
    top = np.array([lean[0], tall * 0.75, lean[1]])
    s.tube((0, 0, 0), (lean[0] * 0.4, fork, lean[1] * 0.4), thick, trunk, thick * 0.7)
    s.tube((lean[0] * 0.4, fork, lean[1] * 0.4), top, thick * 0.7, trunk, thick * 0.2)
    crown = tall * rng.uniform(0.22, 0.42)
    tips = [(lean[0] * 0.4, fork, lean[1] * 0.4)]
    for _ in range(int(rng.integers(4, 10))):
        a, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.95) * tall
        tip = (crown * np.cos(a) * rng.uniform(0.4, 1), up, crown * np.sin(a) * rng.uniform(0.4, 1))
        s.tube(
            (lean[0] * 0.4, min(up * 0.8, fork * rng.uniform(1, 1.6)), lean[1] * 0.4),
            tip,
            thick * 0.4,
            trunk,
            thick * 0.08,
        )
        tips.append(tip)
    kind = rng.random()
    if kind < 0.12:
        return
    if kind < 0.75:
        leaves = m.leafy(s)
        for tip in tips[1:]:
            points, faces, uv = blob(rng, 0.35, 10, 7)
            size = crown * rng.uniform(0.35, 0.7)
            s.mesh(points * size * (1, 0.8, 1) + np.asarray(tip), faces, leaves, uv * size)
    count = int(rng.integers(60, 220))
    centre = np.asarray(tips[1:])[rng.integers(0, len(tips) - 1, count)] + rng.normal(
        0, crown * 0.33, (count, 3)
    )
    turns = np.stack([turned(a, b) for a, b in rng.uniform(0, 6.3, (count, 2))])
    s.cards(
        centre,
        turns,
        crown * rng.uniform(0.12, 0.3, (count, 1)) * np.ones((1, 2)),
        m.leafy(s, s.bank.pick(rng, "leaves", "leaves", "leaf", "twigs")),
    )


def conifer(s: Scene, tall: float) -> None:
    """Add a fir of stacked cones."""
    rng, needles = s.rng, m.leafy(s, dry=0.03)
    s.tube((0, 0, 0), (0, tall * 0.3, 0), tall * 0.02, m.bark(s))
    tiers = int(rng.integers(3, 8))
    wide = tall * rng.uniform(0.14, 0.28)
    for k in range(tiers):
        low = tall * (0.12 + 0.85 * k / tiers)
        s.tube(
            (0, low, 0),
            (0, low + 1.6 * tall / tiers * 0.85, 0),
            wide * (1 - 0.85 * k / tiers),
            needles,
            0.01 * tall,
        )


def bush(s: Scene, size: float) -> None:
    """Add a shrub: a lump, leaf cards, or both."""
    rng = s.rng
    if rng.random() < 0.6:
        points, faces, uv = blob(rng, 0.3, 10, 7)
        s.mesh(points * size / 2 * (1.2, 0.8, 1.2) + (0, size * 0.3, 0), faces, m.leafy(s), uv * size / 2)
    sprig(s, size, int(rng.integers(15, 60)), upright=0.7)


def person(s: Scene, tall: float, *, seated: bool = False) -> None:
    """Add a person of capsules and ellipsoids: legs, trunk, arms in some pose, head with hair."""
    rng, h = s.rng, tall
    trousers, shirt, flesh = m.cloth(s), m.cloth(s), m.skin(s)
    hair = s.material(
        s.bank.pick(rng, "blades", "fbm"),
        m.family(rng, m.hue(rng, 0.02, 0.12, (0.2, 0.7), (0.01, 0.35))),
        repeats=4,
        bump=0.5,
    )
    sleeve = shirt if rng.random() < 0.6 else flesh
    hip = 0.27 * h if seated else 0.52 * h
    stride = 0.0 if seated else rng.uniform(0, 0.14) * h
    for side in (-1, 1):
        hx = side * 0.055 * h
        if seated:
            knee, foot = (hx * 1.2, hip + 0.01 * h, -0.25 * h), (hx * 1.2, 0.04 * h, -0.25 * h)
        else:
            knee, foot = (
                (hx * 1.1, 0.28 * h, -side * stride * 0.6),
                (hx * 1.2, 0.04 * h, -side * stride * 0.8),
            )
        s.capsule((hx, hip, 0), knee, 0.05 * h, trousers, 0.036 * h)
        s.capsule(knee, foot, 0.036 * h, trousers, 0.028 * h)
        s.ball((foot[0], 0.025 * h, foot[2] - 0.04 * h), (0.03 * h, 0.025 * h, 0.07 * h), m.plastic(s))
    shoulder = hip + 0.29 * h
    broad = rng.uniform(0.085, 0.12) * h
    s.ball((0, hip + 0.02 * h, 0), (broad * 0.85, 0.08 * h, 0.065 * h), trousers)
    s.ball((0, hip + 0.16 * h, 0), (broad, 0.17 * h, rng.uniform(0.06, 0.09) * h), shirt)
    s.capsule((-broad * 0.9, shoulder - 0.03 * h, 0), (broad * 0.9, shoulder - 0.03 * h, 0), 0.045 * h, shirt)
    for side in (-1, 1):
        start = (side * broad * 1.05, shoulder - 0.03 * h, 0)
        swing, out, bend = rng.normal(0, 0.4), abs(rng.normal(0, 0.25)), rng.uniform(0, 1.6)
        elbow = (
            start[0] + side * 0.17 * h * np.sin(out),
            start[1] - 0.17 * h * np.cos(swing) * np.cos(out),
            -0.17 * h * np.sin(swing),
        )
        hand = (
            elbow[0] - side * 0.04 * h,
            elbow[1] - 0.15 * h * np.cos(swing + bend),
            elbow[2] - 0.15 * h * np.sin(swing + bend),
        )
        s.capsule(start, elbow, 0.03 * h, shirt, 0.025 * h)
        s.capsule(elbow, hand, 0.024 * h, sleeve, 0.018 * h)
        s.ball(hand, (0.022 * h, 0.035 * h, 0.022 * h), flesh)
    s.tube((0, shoulder - 0.02 * h, 0), (0, shoulder + 0.06 * h, 0), 0.03 * h, flesh)
    head = shoulder + 0.11 * h
    gaze = turned(rng.normal(0, 0.4), rng.normal(0, 0.15))
    with s.at(0, head, 0):
        s.ball((0, 0, 0), (0.045 * h, 0.066 * h, 0.054 * h), flesh, gaze)
        s.ball(gaze @ (0, 0.015 * h, 0.012 * h), (0.05 * h, 0.062 * h, 0.055 * h), hair, gaze)
        s.ball(gaze @ (0, -0.008 * h, -0.055 * h), (0.008 * h, 0.014 * h, 0.012 * h), flesh, gaze)
        dark = s.material(s.bank.pick(rng, "flat"), np.full((3, 3), 0.03), shine=0.5, power=60)
        for x in (-0.018, 0.018):
            s.ball(gaze @ (x * h, 0.008 * h, -0.049 * h), (0.007 * h, 0.005 * h, 0.005 * h), dark, gaze)
        s.ball(
            gaze @ (0, -0.034 * h, -0.047 * h),
            (0.014 * h, 0.0045 * h, 0.005 * h),
            s.material(
                s.bank.pick(rng, "flat"), m.family(rng, m.hue(rng, 0.97, 1.03, (0.4, 0.6), (0.2, 0.5)))
            ),
            gaze,
        )
        if rng.random() < 0.3:
            s.ball(gaze @ (0, -0.03 * h, 0.03 * h), (0.055 * h, 0.09 * h, 0.035 * h), hair, gaze)


def car(s: Scene) -> None:
    """Add a car or van: body, cabin with panes, wheels, lights."""
    rng = s.rng
    paint = s.material(
        s.bank.pick(rng, "flat"),
        m.family(rng, m.any_colour(rng), 0.1),
        shine=0.8,
        power=80,
        mirror=0.5,
        stains=0.15,
    )
    pane, tyre, rim = m.glass(s), s.material(s.bank.pick(rng, "flat"), np.full((3, 3), 0.03)), m.metal(s)
    long, wide = rng.uniform(3.6, 4.9), rng.uniform(1.65, 1.9)
    waist, roof, van = rng.uniform(0.85, 1.0), rng.uniform(1.4, 1.75), rng.random() < 0.25
    s.box((0, (waist + 0.25) / 2, 0), (wide / 2, (waist - 0.25) / 2, long / 2), paint)
    s.ball((0, waist - 0.05, -long / 2 + 0.6), (wide / 2 * 0.98, 0.16, 0.75), paint)
    back, front = (
        (long / 2 - 0.1, -long / 2 + (0.7 if van else 1.3))
        if van or rng.random() < 0.5
        else (long / 2 - 0.9, -long / 2 + 1.3)
    )
    high = roof + (0.5 if van else 0)
    half = wide / 2
    # The cabin: a block narrower at the top, as a mesh of its four sides, and its roof.
    low = np.array([[-half, waist, front], [half, waist, front], [half, waist, back], [-half, waist, back]])
    tip = np.array(
        [
            [-0.8 * half, high, front + 0.7],
            [0.8 * half, high, front + 0.7],
            [0.8 * half, high, back - 0.35],
            [-0.8 * half, high, back - 0.35],
        ]
    )
    for k in range(4):
        corners = np.stack([low[k], low[(k + 1) % 4], tip[k], tip[(k + 1) % 4]])
        s.mesh(corners, grid(2, 2), pane, np.zeros((4, 2)))
    s.box((0, high, (front + back) / 2 + 0.17), (0.82 * half, 0.03, (back - front) / 2 - 0.5), paint)
    for k in range(4):
        s.tube(low[k], tip[k], 0.04, paint)
    for x in (-1, 1):
        s.box((x * (half + 0.08), waist + 0.08, front + 0.35), (0.1, 0.07, 0.05), paint)
        s.box(
            (x * (half - 0.25), 0.68, -long / 2),
            (0.17, 0.08, 0.03),
            m.lamp(s, 1.5) if rng.random() < 0.2 else m.plastic(s),
        )
        s.box(
            (x * (half - 0.2), 0.75, long / 2),
            (0.14, 0.1, 0.03),
            s.material(s.bank.pick(rng, "flat"), np.array([[0.6, 0.03, 0.02]] * 3), glow=0.5),
        )
        for z in (-long / 2 + 0.8, long / 2 - 0.8):
            s.tube((x * (half - 0.2), 0.31, z), (x * (half + 0.01), 0.31, z), 0.31, tyre)
            s.tube((x * (half - 0.1), 0.31, z), (x * (half + 0.025), 0.31, z), 0.19, rim)
    s.box((0, 0.5, -long / 2), (half * 0.5, 0.1, 0.025), tyre)


def bicycle(s: Scene) -> None:
    """Add a bicycle or motorcycle: spoked wheels, a frame of tubes, a cushion, an engine at times."""
    rng, frame, rubber, bright = (
        s.rng,
        m.plastic(s),
        s.material(s.bank.pick(s.rng, "flat"), np.full((3, 3), 0.03)),
        m.metal(s),
    )
    heavy = rng.random() < 0.5
    r, base = rng.uniform(0.28, 0.36), rng.uniform(0.95, 1.4)
    thick = 0.055 if heavy else 0.018
    for z in (-base / 2, base / 2):
        ring = [(0.0, r + r * np.sin(a), z + r * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 15)]
        for a, b in itertools.pairwise(ring):
            s.tube(a, b, thick, rubber)
        for a in ring[:-1:2] if heavy else ring[:-1]:
            s.tube((0, r, z), a, 0.01 if heavy else 0.004, bright)
        s.tube((-0.06, r, z), (0.06, r, z), 0.06 if heavy else 0.025, bright)
    cushion, bars = (0.0, rng.uniform(0.75, 0.95), base * 0.22), (0.0, rng.uniform(0.95, 1.1), -base * 0.32)
    bottom = (0.0, r * 0.95, base * 0.02)
    rod = 0.03 if heavy else 0.017
    for a, b in (
        (cushion, bottom),
        (bottom, (0, 0.8, -base * 0.33)),
        (cushion, (0, 0.8, -base * 0.33)),
        (cushion, (0, r, base / 2)),
        (bottom, (0, r, base / 2)),
    ):
        s.tube(a, b, rod, frame)
    for x in (-0.07, 0.07):
        s.tube((x, r, -base / 2), (x * 0.8, bars[1], bars[2]), rod, bright)
    s.tube((-0.32, bars[1] + 0.03, bars[2] + 0.1), (0.32, bars[1] + 0.03, bars[2] + 0.1), 0.014, rubber)
    s.ball(
        (0, cushion[1] + 0.03, cushion[2] + (0.1 if heavy else 0)),
        (0.14 if heavy else 0.08, 0.05, 0.3 if heavy else 0.13),
        rubber,
    )
    if heavy:
        s.ball((0, 0.8, -base * 0.08), (0.15, 0.13, 0.27), frame)
        s.ball((0, bars[1] - 0.08, bars[2] - 0.12), (0.1, 0.1, 0.08), m.glass(s))
        for _ in range(int(rng.integers(4, 9))):
            c = (rng.normal(0, 0.08), rng.uniform(0.3, 0.6), rng.normal(0, 0.15))
            if rng.random() < 0.5:
                s.tube(
                    c,
                    (c[0] + rng.normal(0, 0.08), c[1] + rng.normal(0, 0.1), c[2] + rng.normal(0, 0.15)),
                    rng.uniform(0.03, 0.1),
                    bright,
                )
            else:
                s.box(
                    c, rng.uniform(0.04, 0.14, 3), m.metal(s), turned(rng.normal(0, 0.3), rng.normal(0, 0.4))
                )
        s.tube((0.14, 0.3, -0.1), (0.16, 0.38, base * 0.6), 0.045, bright)


def fence(s: Scene, long: float, tall: float) -> None:
    """Add a fence along x: wire mesh, bars, planks or rails."""
    rng, kind = s.rng, s.rng.integers(4)
    post = m.timber(s) if rng.random() < 0.5 else m.metal(s)
    for x in np.arange(-long / 2, long / 2 + 0.1, rng.uniform(1.5, 3)):
        s.tube((x, 0, 0), (x, tall * 1.05, 0), rng.uniform(0.025, 0.06), post)
    if kind <= 1:
        cutout = s.bank.pick(rng, "mesh" if kind == 0 else "bars")
        colours = m.family(rng, m.any_colour(rng))
        s.card(
            (0, tall / 2, 0),
            (long / 2, tall / 2),
            s.material(s.bank.pick(rng, "flat"), colours, cutout=cutout, repeats=1 / tall),
        )
    elif kind == 2:
        for y in np.linspace(0.3, 1, int(rng.integers(2, 5))) * tall:
            s.box((0, y, 0), (long / 2, rng.uniform(0.02, 0.06), 0.02), post)
    else:
        pitch = rng.uniform(0.08, 0.2)
        for x in np.arange(-long / 2, long / 2, pitch)[:120]:
            s.box((x, tall / 2, 0), (pitch * 0.38, tall / 2 * rng.uniform(0.95, 1), 0.012), post)


def street_lamp(s: Scene) -> None:
    """Add a lamp post with an arm."""
    rng, pole, tall = s.rng, m.metal(s), s.rng.uniform(3.5, 8)
    s.tube((0, 0, 0), (0, tall, 0), 0.08, pole, 0.05)
    s.tube((0, tall, 0), (rng.uniform(0.3, 1.8), tall + 0.2, 0), 0.04, pole)
    s.ball((1.0, tall + 0.12, 0), (0.3, 0.08, 0.15), m.lamp(s, 2, 0.6) if rng.random() < 0.4 else pole)


def sign(s: Scene) -> None:
    """Add a traffic sign or a board on a post."""
    rng, tall = s.rng, s.rng.uniform(1.8, 3)
    s.tube((0, 0, 0), (0, tall, 0), 0.03, m.metal(s))
    size = rng.uniform(0.25, 0.5)
    face = m.paper(s)
    if rng.random() < 0.5:
        s.tube((0, tall - size, -0.03), (0, tall - size, -0.05), size, face)
    else:
        s.box((0, tall - size, -0.05), (size * rng.uniform(0.7, 1.6), size, 0.01), face)


def house(s: Scene, wide: float, deep: float, storeys: int) -> None:
    """Add a house: a block with windows, painted or built out, a door, a flat or a pitched roof."""
    rng, storey = s.rng, s.rng.uniform(2.7, 3.5)
    tall = storeys * storey
    built = wide < 16 and rng.random() < 0.5
    body = (m.wall(s) if rng.random() < 0.5 else m.stone(s)) if built else m.facade(s, storey)
    s.box((0, tall / 2, 0), (wide / 2, tall / 2, deep / 2), body)
    if built:
        frame, pane = m.timber(s), m.glass(s)
        columns, ww, wh = (
            max(2, int(wide / rng.uniform(1.8, 3.2))),
            rng.uniform(0.35, 0.6),
            rng.uniform(0.5, 0.85),
        )
        for j in range(min(storeys, 5)):
            for i in range(columns):
                x, y = (i + 0.5) * wide / columns - wide / 2, (j + 0.5) * storey
                for z in (-1, 1):
                    s.box((x, y, z * deep / 2), (ww + 0.08, wh + 0.08, 0.06), frame)
                    s.box((x, y, z * (deep / 2 + 0.05)), (ww, wh, 0.03), pane)
                    s.box((x, y - wh - 0.08, z * (deep / 2 + 0.1)), (ww + 0.15, 0.04, 0.12), frame)
    if rng.random() < 0.5:
        for z in (-1, 1):
            s.box(
                (rng.uniform(-0.3, 0.3) * wide, 1.05, z * (deep / 2 + 0.02)), (0.5, 1.05, 0.05), m.timber(s)
            )
    roof = s.material(
        s.bank.pick(rng, "bricks", "tiles", "stones", "fbm"),
        m.family(rng, m.hue(rng, 0.0, 0.1, (0.1, 0.7), (0.08, 0.45))),
        repeats=0.6,
        bump=1.0,
        stains=0.4,
    )
    if storeys <= 4 and rng.random() < 0.75:
        rise, over = wide * rng.uniform(0.2, 0.5), rng.uniform(0.1, 0.6)
        points = np.array(
            [
                [x, tall + (rise if x == 0 else -over * 2 * rise / wide), z * (deep / 2 + over)]
                for z in (-1, 1)
                for x in (-wide / 2 - over, 0.0, wide / 2 + over)
            ]
        )
        half_slope = np.hypot(wide / 2, rise)
        uv = np.array([[z * deep / 2, x * half_slope] for z in (-1, 1) for x in (-1, 0, 1)])
        faces = np.array([[0, 1, 3], [1, 4, 3], [1, 2, 4], [2, 5, 4]])
        flat = np.repeat(np.cross(points[1] - points[0], points[3] - points[0])[None], 6, 0)
        s.mesh(points, faces[:2], roof, uv, flat)
        s.mesh(points, faces[2:], roof, uv, flat * (-1, 1, 1))
        for z in (-1, 1):
            gable = np.array(
                [
                    [-wide / 2, tall, z * deep / 2],
                    [wide / 2, tall, z * deep / 2],
                    [0, tall + rise, z * deep / 2],
                ]
            )
            s.mesh(gable, np.array([[0, 1, 2]]), body, gable[:, :2])
        if rng.random() < 0.5:
            s.box(
                (rng.uniform(-0.2, 0.2) * wide, tall + rise, rng.uniform(-0.3, 0.3) * deep),
                (0.3, 0.7, 0.3),
                m.stone(s),
            )
    else:
        s.box((0, tall, 0), (wide / 2 + 0.1, 0.2, deep / 2 + 0.1), m.stone(s))


def clutter(s: Scene, size: float) -> None:
    """Add a few solids stuck together, like a machine, a tool or a toy, about `size` metres."""
    rng = s.rng
    stuff = [m.anything(s) for _ in range(int(rng.integers(1, 4)))]
    for _ in range(int(rng.integers(2, 9))):
        c = np.array([rng.normal(0, 0.22), rng.uniform(0.05, 0.8), rng.normal(0, 0.22)]) * size
        half = rng.uniform(0.04, 0.3, 3) * size
        what = stuff[rng.integers(len(stuff))]
        kind = rng.integers(4)
        turn = turned(rng.uniform(0, 6), *(rng.normal(0, 0.4, 2) if rng.random() < 0.5 else (0, 0)))
        if kind == 0:
            s.box(c, half, what, turn)
        elif kind == 1:
            s.ball(c, half, what, turn)
        else:
            end = c + turn[:, rng.integers(3)] * half[0] * 3
            s.tube(c, end, half[1] * rng.uniform(0.15, 0.8), what, half[1] * rng.uniform(0.15, 0.8))
