"""Meshes of the library and machines of many thin parts, placed around their foot, facing -z."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from training.worlds import library, parts
from training.worlds import materials as m
from training.worlds.scene import turned

if TYPE_CHECKING:
    from training.worlds.library import Mesh
    from training.worlds.scene import Scene

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


def detail(s: Scene, *kinds: str) -> int:
    """Return a texture cut from photographs, or one of `kinds` where the bank has none."""
    return s.bank.pick(s.rng, "grain" if "grain" in s.bank.numbers else kinds[s.rng.integers(len(kinds))])


def stuff(s: Scene, colour: Array) -> int:
    """Draw the material of a part of a mesh, near its own colour or of any."""
    rng = s.rng
    own = np.clip(colour * np.exp(rng.normal(0, 0.25, 3)), 0.02, 0.9)
    base = own if rng.random() < 0.55 else m.any_colour(rng)
    kind = rng.random()
    if kind < 0.3:
        texture, repeats, shine, mirror = s.bank.pick(rng, "flat"), 1.0, rng.uniform(0, 0.6), 0.0
    elif kind < 0.5:
        texture, repeats, shine, mirror = (
            s.bank.pick(rng, "wood", "planks"),
            rng.uniform(0.8, 3),
            rng.uniform(0, 0.3),
            0.0,
        )
    elif kind < 0.65:
        texture, repeats, shine, mirror = (
            s.bank.pick(rng, "weave", "fbm", "print", "stripes"),
            rng.uniform(2, 8),
            0.0,
            0.0,
        )
    elif kind < 0.9:
        texture, repeats, shine, mirror = (
            detail(s, "plaster", "fbm", "marble"),
            np.exp(rng.uniform(np.log(0.7), np.log(6))),
            rng.uniform(0, 0.3),
            0.0,
        )
    else:
        texture, repeats, shine, mirror = (
            s.bank.pick(rng, "flat", "plaster"),
            1.0,
            rng.uniform(0.3, 1.2),
            rng.uniform(0.2, 0.8),
        )
    return s.material(
        texture,
        m.family(rng, base, 0.3),
        repeats=repeats,
        shine=shine,
        power=rng.uniform(10, 100),
        mirror=mirror,
        stains=rng.uniform(0, 0.4),
        bump=rng.uniform(0, 0.4),
    )


def add_mesh(s: Scene, mesh: Mesh, scale: float = 1.0) -> None:
    """Add a mesh, each of its groups of one material, textured along its faces' nearest axes."""
    corners = mesh.corners * scale
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(flat).argmax(-1)
    across = np.where(axis == 0, 2, 0)
    up = np.where(axis == 1, 2, 1)
    index = np.arange(len(corners))[:, None], np.arange(3)[None]
    uv = np.stack([corners[(*index, across[:, None])], corners[(*index, up[:, None])]], -1)
    for number in np.unique(mesh.group):
        chosen = mesh.group == number
        s.triangles(
            corners[chosen], mesh.normals[chosen], uv[chosen], stuff(s, mesh.colours[number].astype(float))
        )


def thing(s: Scene, size: str, scale: float = 1.0) -> float:
    """Add a mesh (`Meshes.pick`) or, without a library, a thing of primitives; return its height."""
    found, rng = library.meshes(), s.rng
    mesh = None if found is None else found.pick(rng, size, held_out=s.held_out)
    if mesh is not None:
        add_mesh(s, mesh, scale)
        return float(mesh.size[1]) * scale
    if size == "small":
        tall = np.exp(rng.uniform(np.log(0.06), np.log(0.4)))
        parts.trinket(s, tall * scale)
        return float(tall) * scale
    tall = rng.uniform(0.5, 1.2) if size == "middle" else rng.uniform(1.2, 2.0)
    if rng.random() < 0.5:
        parts.clutter(s, tall * scale)
    else:
        parts.cabinet(s, rng.uniform(0.4, 1.4), tall * scale, 0.45)
    return float(tall) * scale


def wheel(s: Scene, radius: float, thick: float, spokes: int) -> None:
    """Add a wheel around the origin, its axle along x: tyre, rim, hub, spokes or a disc."""
    rng = s.rng
    rubber, bright = (
        s.material(s.bank.pick(rng, "flat"), np.full((3, 3), rng.uniform(0.02, 0.08))),
        m.metal(s),
    )
    angles = np.linspace(0, 2 * np.pi, 25)
    for part, material, r in ((1.0, rubber, thick), (0.86, bright, thick * 0.5)):
        ring = [(0.0, part * radius * np.sin(a), part * radius * np.cos(a)) for a in angles]
        for a, b in itertools.pairwise(ring):
            s.tube(a, b, r, material)
    hub = radius * rng.uniform(0.08, 0.2)
    s.tube((-hub, 0, 0), (hub, 0, 0), hub, bright)
    if rng.random() < 0.4:  # a brake's disc
        s.tube((hub, 0, 0), (hub + 0.008, 0, 0), radius * rng.uniform(0.3, 0.6), m.metal(s))
    thin = rng.uniform(0.002, 0.012)
    for k, a in enumerate(np.linspace(0, 2 * np.pi, spokes + 1)[:-1]):
        side = hub if k % 2 else -hub
        s.tube((side, 0, 0), (0, 0.86 * radius * np.sin(a), 0.86 * radius * np.cos(a)), thin, bright)


def hose(s: Scene, start: Array, end: Array, thick: float, material: int, bends: int = 6) -> None:
    """Add a cable or pipe that bends from one point to another."""
    rng = s.rng
    t = np.linspace(0, 1, bends + 1)[:, None]
    aside = rng.normal(0, 0.25, 3) * np.linalg.norm(end - start)
    points = start * (1 - t) + end * t + aside * np.sin(np.pi * t)
    for a, b in itertools.pairwise(points):
        s.capsule(a, b, thick, material)


def machine(s: Scene, size: float) -> None:
    """Add a machine about `size` metres wide: blocks with fins, pipes, hoses, wheels, levers, a tank."""
    rng = s.rng
    metals = [m.metal(s), m.metal(s), m.plastic(s), m.glass(s)]
    paint, dark = m.plastic(s), s.material(s.bank.pick(rng, "flat", "plaster"), np.full((3, 3), 0.035))
    deep = size * rng.uniform(0.15, 0.35)
    spots = np.stack(
        [
            rng.uniform(-0.45, 0.45, 40) * size,
            rng.uniform(0.12, 0.75, 40) * size,
            rng.uniform(-0.5, 0.5, 40) * deep,
        ],
        -1,
    )
    for spot in spots[: int(rng.integers(3, 8))]:
        half = rng.uniform(0.03, 0.14, 3) * size
        turn = turned(rng.normal(0, 0.2), rng.normal(0, 0.3), rng.normal(0, 0.4))
        kind = rng.integers(4)
        if kind == 0:  # a cylinder with cooling fins
            core = metals[rng.integers(4)]
            s.box(spot, half * (0.8, 1.5, 0.8), core, turn)
            for y in np.linspace(-1.3, 1.3, int(rng.integers(5, 12))):
                s.box(spot + turn[:, 1] * y * half[1], (half[0], 0.05 * half[1], half[2]), core, turn)
        elif kind == 1:
            s.ball(spot, half * 1.3, paint, turn)
        elif kind == 2:
            s.tube(spot - turn[:, 0] * half[0], spot + turn[:, 0] * half[0], half[1], metals[rng.integers(4)])
        else:
            s.box(spot, half, metals[rng.integers(4)] if rng.random() < 0.6 else paint, turn)
    for k in range(int(rng.integers(6, 24))):
        a, b = spots[rng.integers(40)], spots[rng.integers(40)]
        thick = np.exp(rng.uniform(np.log(0.003), np.log(0.03))) * size
        if k % 2:
            s.tube(a, b, thick, metals[rng.integers(4)])
        else:
            hose(s, a, b, thick * 0.6, dark if rng.random() < 0.6 else m.plastic(s))
    if rng.random() < 0.7:
        radius = size * rng.uniform(0.14, 0.24)
        for x in (-0.42, 0.42) if rng.random() < 0.7 else (rng.uniform(-0.4, 0.4),):
            with s.at(x * size, radius, rng.normal(0, 0.05) * deep, yaw=np.pi / 2 + rng.normal(0, 0.15)):
                wheel(s, radius, radius * rng.uniform(0.05, 0.2), int(rng.choice([5, 8, 18, 36])))
    for x in (-1, 1):
        if rng.random() < 0.6:
            s.tube(
                (x * 0.3 * size, 0, rng.uniform(-0.5, 0.5) * deep),
                (x * rng.uniform(0, 0.3) * size, 0.6 * size, 0),
                0.012 * size,
                metals[0],
            )


def rosette(s: Scene, size: float, count: int) -> None:
    """Add long leaves that rise from one foot and bend outwards, as of an aloe, an agave or a fern."""
    rng, leaf = s.rng, m.leafy(s, dry=0.05)
    for _ in range(count):
        a, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 1.3)
        long, wide = size * rng.uniform(0.6, 1.1), size * rng.uniform(0.03, 0.1)
        bend = rng.uniform(-0.2, 0.9)
        t = np.linspace(0, 1, 8)
        angle = lean + bend * t
        steps = np.stack([np.sin(angle) * np.cos(a), np.cos(angle), np.sin(angle) * np.sin(a)], -1)
        spine = np.cumsum(steps, 0) * long / 8
        side = np.array([-np.sin(a), 0.15 * rng.normal(), np.cos(a)])
        half = (wide * np.minimum(1, 3 * (1 - t)) * (0.6 + 0.4 * np.sin(np.pi * t)))[:, None]
        keel = np.array([-np.cos(a), 0.6, -np.sin(a)]) * wide * 0.35
        points = np.stack([spine - side * half, spine - keel, spine + side * half], 1).reshape(-1, 3)
        faces = []
        for k in range(7):
            for j in (0, 1):
                p = 3 * k + j
                faces += [[p, p + 1, p + 3], [p + 1, p + 4, p + 3]]
        uv = np.stack([np.tile([0, wide, 2 * wide], 8), np.repeat(t * long, 3)], -1)
        s.mesh(points, np.array(faces), leaf, uv)
