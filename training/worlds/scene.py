"""A scene under construction: lists of primitives, materials and lamps for the ray caster."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from training.worlds import tracer
from training.worlds.shading import AIR
from training.worlds.tracer import BALL, BOX, CARD, MATERIAL, SHAPE, TRIANGLE, TUBE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.worlds.textures import Bank

Array = np.ndarray[Any, Any]
Rng = np.random.Generator
Vector = Any  # (3,): a tuple, list or array
IDENTITY = np.eye(3)


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Array:
    """Return the rotation (3, 3) by angles in radians about y, then the turned x, then the turned z."""
    cy, sy, cp, sp, cr, sr = (
        math.cos(yaw),
        math.sin(yaw),
        math.cos(pitch),
        math.sin(pitch),
        math.cos(roll),
        math.sin(roll),
    )
    return np.array(
        [
            [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
            [cp * sr, cp * cr, -sp],
            [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
        ]
    )


class Scene:
    """Collects what stands in a world. Every `add` method takes the current frame (`at`) into account."""

    def __init__(self, rng: Rng, bank: Bank, *, held_out: bool = False) -> None:
        self.rng, self.bank, self.held_out = rng, bank, held_out
        self._turn, self._origin = IDENTITY, np.zeros(3)
        self._kinds: list[int] = []
        self._shapes: list[Array] = []
        self._owners: list[int] = []
        self._blocks: list[tuple[int, Array, int]] = []  # many of one kind at once
        self._materials: list[list[float]] = []
        self.lamps: list[list[float]] = []
        self.air = np.zeros(AIR)
        self.air[16] = 2.0

    # -- frames
    # ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def at(
        self, x: float, y: float, z: float, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0
    ) -> Iterator[None]:
        """Move what is added meanwhile into a frame with its origin at (x, y, z) and turned."""
        turn, origin = self._turn, self._origin
        self._origin = origin + turn @ (x, y, z)
        if yaw or pitch or roll:
            self._turn = turn @ turned(yaw, pitch, roll)
        try:
            yield
        finally:
            self._turn, self._origin = turn, origin

    # -- materials
    # ---------------------------------------------------------------------------------------------------

    def material(
        self,
        texture: int,
        colours: Array,
        *,
        repeats: float = 1.0,
        shine: float = 0.0,
        power: float = 20.0,
        mirror: float = 0.0,
        glow: float = 0.0,
        cutout: int = -1,
        fits: bool = False,
        bump: float = 0.0,
        stains: float = 0.0,
    ) -> int:
        """Add a material and return its number; `colours` (3, 3) has a row for each weight of the texture."""
        row = [
            float(texture),
            repeats,
            *np.asarray(colours, float).ravel().tolist(),
            shine,
            power,
            mirror,
            glow,
            float(cutout),
            float(fits),
            bump,
            stains,
            0.0,
        ]
        assert len(row) == MATERIAL  # noqa: S101
        self._materials.append(row)
        return len(self._materials) - 1

    # -- primitives
    # --------------------------------------------------------------------------------------------------

    def _solid(
        self,
        kind: int,
        centre: Vector,
        half: Vector,
        material: int,
        turn: Array | None = None,
        top: float = 1.0,
    ) -> None:
        axes = self._turn if turn is None else self._turn @ turn
        row = np.zeros(SHAPE)
        hx, hy, hz = max(half[0], 1e-5), max(half[1], 1e-5), max(half[2], 1e-5)
        row[0:3], row[3:6], row[6:9] = axes[:, 0] / hx, axes[:, 1] / hy, axes[:, 2] / hz
        row[9:12] = self._origin + self._turn @ np.asarray(centre, float)
        row[12], row[13], row[14], row[15] = hx, hy, hz, top
        self._kinds.append(kind)
        self._shapes.append(row)
        self._owners.append(material)

    def box(self, centre: Vector, half: Vector, material: int, turn: Array | None = None) -> None:
        """Add a box by its centre and half sizes."""
        self._solid(BOX, centre, half, material, turn)

    def ball(self, centre: Vector, half: Vector, material: int, turn: Array | None = None) -> None:
        """Add an ellipsoid by its centre and half axes."""
        self._solid(BALL, centre, half, material, turn)

    def card(
        self, centre: Vector, half: tuple[float, float], material: int, turn: Array | None = None
    ) -> None:
        """Add a flat rectangle that faces its own z, cut out where its material says."""
        self._solid(CARD, centre, (half[0], half[1], 1.0), material, turn)

    def tube(
        self, start: Vector, end: Vector, radius: float, material: int, tip: float | None = None
    ) -> None:
        """Add a cylinder or cone stump from `start` to `end`, where its radius is `tip`."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        axis = b - a
        length = math.sqrt(float(axis @ axis)) + 1e-9
        axis /= length
        side = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0])
        side -= axis * (side @ axis)
        side /= math.sqrt(float(side @ side))
        other = np.array(
            [
                side[1] * axis[2] - side[2] * axis[1],
                side[2] * axis[0] - side[0] * axis[2],
                side[0] * axis[1] - side[1] * axis[0],
            ]
        )
        turn = np.stack([side, axis, other], -1)
        top = 1.0 if tip is None else tip / radius
        self._solid(TUBE, (a + b) / 2, (radius, length / 2, radius), material, turn, top)

    def capsule(
        self, start: Vector, end: Vector, radius: float, material: int, tip: float | None = None
    ) -> None:
        """Add a tube with round ends."""
        self.tube(start, end, radius, material, tip)
        end_radius = radius if tip is None else tip
        self.ball(start, (radius,) * 3, material)
        self.ball(end, (end_radius,) * 3, material)

    def cards(self, centres: Array, turns: Array, halves: Array, material: int) -> None:
        """Add many cards: centres (N, 3), rotations (N, 3, 3), half sizes (N, 2)."""
        n = len(centres)
        rows = np.zeros((n, SHAPE))
        axes = self._turn @ turns
        rows[:, 0:3], rows[:, 3:6] = axes[:, :, 0] / halves[:, :1], axes[:, :, 1] / halves[:, 1:]
        rows[:, 6:9] = axes[:, :, 2]
        rows[:, 9:12] = self._origin + centres @ self._turn.T
        rows[:, 12:14], rows[:, 14], rows[:, 15] = halves, 1, 1
        self._blocks.append((CARD, rows, material))

    def mesh(
        self, points: Array, faces: Array, material: int, uv: Array, normals: Array | None = None
    ) -> None:
        """Add triangles: points (V, 3), faces (F, 3), texture coordinates in metres (V, 2).

        Without `normals` (V, 3) the surface is smooth.
        """
        points = self._origin + points @ self._turn.T
        a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
        flat = np.cross(b - a, c - a)
        if normals is None:
            normals = np.zeros_like(points)
            for k in range(3):
                np.add.at(normals, faces[:, k], flat)
        normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
        rows = np.concatenate([a, b - a, c - a, normals[faces].reshape(-1, 9), uv[faces].reshape(-1, 6)], 1)
        self._blocks.append((TRIANGLE, rows[(flat**2).sum(1) > 1e-18], material))

    def triangles(self, corners: Array, normals: Array, uv: Array, material: int) -> None:
        """Add triangles (F, 3, 3) with their corners' normals (F, 3, 3) and texture coordinates (F, 3, 2)."""
        points = self._origin + corners @ self._turn.T
        edges = points[:, 1:] - points[:, :1]
        flat = np.cross(edges[:, 0], edges[:, 1])
        rows = np.concatenate(
            [
                points[:, 0],
                edges.reshape(-1, 6),
                (normals @ self._turn.T).reshape(-1, 9),
                uv.reshape(-1, 6),
            ],
            1,
        )
        self._blocks.append((TRIANGLE, rows[(flat**2).sum(1) > 1e-18], material))

    def varied(self, rng: Rng) -> None:
        """Give some of the materials a texture cut from a photograph, in their own colours or in its own."""
        numbers = self.bank.numbers
        if "grain" not in numbers:
            return
        for row in self._materials:
            if row[15] >= 0 or row[16] > 0.5 or row[14] > 0:  # cutouts, pictures, lamps
                continue
            kind = rng.random()
            if kind < 0.3:
                row[0] = float(self.bank.pick(rng, "grain"))
            elif kind < 0.4:
                row[0] = float(self.bank.pick(rng, "patch"))
                row[2:11] = (np.eye(3) * rng.uniform(0.6, 1.2)).ravel().tolist()

    # -- the result
    # --------------------------------------------------------------------------------------------------

    def world(self) -> tuple[Array, ...]:
        """Return the arrays that the ray caster reads, its hierarchy built."""
        kinds = [np.array(self._kinds, np.int64)]
        shapes = [np.array(self._shapes).reshape(-1, SHAPE)]
        owners = [np.array(self._owners, np.int64)]
        for kind, rows, material in self._blocks:
            kinds.append(np.full(len(rows), kind))
            shapes.append(rows)
            owners.append(np.full(len(rows), material))
        all_kinds, all_shapes, all_owners = map(np.concatenate, (kinds, shapes, owners))
        n = len(all_kinds)
        low, high, order = np.empty((n, 3)), np.empty((n, 3)), np.empty(n, np.int64)
        boxes, links = np.empty((2 * n + 2, 6)), np.empty((2 * n + 2, 2), np.int64)
        tracer.bounds(all_kinds, all_shapes, low, high)
        tracer.build(low, high, order, boxes, links)
        return (
            all_kinds,
            all_shapes,
            all_owners,
            np.array(self._materials),
            self.bank.pixels,
            order,
            boxes,
            links,
        )


def lathe(radii: Array, heights: Array, around: int = 14) -> tuple[Array, Array, Array]:
    """Return points, faces and texture coordinates of a shape turned about the y axis."""
    angle = np.linspace(0, 2 * np.pi, around + 1)
    points = np.stack(
        [
            radii[:, None] * np.cos(angle),
            np.broadcast_to(heights[:, None], (len(radii), around + 1)),
            radii[:, None] * np.sin(angle),
        ],
        -1,
    )
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(radii), np.diff(heights)))])
    uv = np.stack(np.broadcast_arrays(angle * radii.max(), along[:, None]), -1)
    return points.reshape(-1, 3), grid(len(radii), around + 1), uv.reshape(-1, 2)


def grid(rows: int, columns: int) -> Array:
    """Return the faces (F, 3) of a grid of points in row-major order."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return np.concatenate(
        [
            np.stack([first, first + 1, first + columns], -1),
            np.stack([first + 1, first + columns + 1, first + columns], -1),
        ]
    )


def blob(rng: Rng, roughness: float, around: int = 14, rows: int = 9) -> tuple[Array, Array, Array]:
    """Return points, faces and texture coordinates of a lumpy ball of radius about 1."""
    v = np.linspace(0, np.pi, rows)
    u = np.linspace(0, 2 * np.pi, around + 1)
    unit = np.stack(
        np.broadcast_arrays(
            np.sin(v)[:, None] * np.cos(u), np.cos(v)[:, None] + 0 * u, np.sin(v)[:, None] * np.sin(u)
        ),
        -1,
    )
    radius = np.ones(unit.shape[:2])
    for frequency in (1.5, 3.0, 6.0):
        wave, phase = rng.normal(size=(3, 3)) * frequency, rng.random(3) * 7
        radius += roughness / frequency * np.sin(unit @ wave.T + phase).sum(-1)
    uv = np.stack(np.broadcast_arrays(u, v[:, None]), -1)
    return (unit * radius[..., None]).reshape(-1, 3), grid(rows, around + 1), uv.reshape(-1, 2)
