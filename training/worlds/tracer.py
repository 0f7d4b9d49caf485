"""The ray caster: primitives, a bounding volume hierarchy, first hits and shading, compiled by Numba.

World frame: x right, y up, z forward, metres. A ray's parameter `t` is a distance in units of its
direction; a camera's rays have a forward component of 1, so that `t` is the depth. Solids are unit shapes
under one affine map: the rows of `shapes[i, 0:9]` take the world into the shape's own frame, `shapes[i,
9:12]` is its centre. Every array is float64, but for the textures (uint8, linear light). Nothing is
infinite here: `FAR` stands for it, so that fast mathematics stays allowed.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numba import njit

BOX: Final = 0
BALL: Final = 1
TUBE: Final = 2
CARD: Final = 3
TRIANGLE: Final = 4

SHAPE: Final = 24
"""Numbers a shape.

Solids: matrix (9), centre (3), half sizes (3), top radius over bottom radius (1).
Triangles: corner, two edges (9), normals of the corners (9), texture coordinates (6)."""
MATERIAL: Final = 20
"""Numbers a material.

Texture, repeats a metre, colour matrix (9), highlight, shininess, mirror, emission, cutout texture,
fits once (1) or repeats (0), bump, stains, unused."""
FAR: Final = 1e9
TEXTURE: Final = 256
"""Pixels along a side of the finest level of a texture."""
LEVELS: Final = 9
OFFSETS: Final = np.array([(4**9 - 4 ** (9 - level)) // 3 for level in range(LEVELS)])
"""Pixels before each level of a texture, finest first."""
LEAF: Final = 2
BINS: Final = 12
STACK: Final = 64

Array = np.ndarray[Any, Any]

fast = njit(cache=True, fastmath=True, error_model="numpy")
inner = njit(cache=True, fastmath=True, error_model="numpy", forceinline=True)
"""For the innermost functions: a call passes every field of every array, and costs more than the work."""


@fast
def texel(textures: Array, which: int, u: float, v: float, level: int, out: Array) -> None:
    """Write the bilinear colour at (u, v), in repeats, of one level of a texture to `out` (3)."""
    size = TEXTURE >> level
    x, y = u * size - 0.5, v * size - 0.5
    fx, fy = math.floor(x), math.floor(y)
    x, y = x - fx, y - fy
    x0, y0 = int(fx) & (size - 1), int(fy) & (size - 1)
    x1, y1 = (x0 + 1) & (size - 1), (y0 + 1) & (size - 1)
    base = OFFSETS[level]
    a, b = base + y0 * size + x0, base + y0 * size + x1
    c, d = base + y1 * size + x0, base + y1 * size + x1
    wa, wb, wc, wd = (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    for k in range(3):
        out[k] = (
            wa * textures[which, a, k]
            + wb * textures[which, b, k]
            + wc * textures[which, c, k]
            + wd * textures[which, d, k]
        ) / 255.0


@inner
def _box(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> float:
    """Return where a ray enters the box [-1, 1]^3, or leaves it if it starts inside; -1 for a miss."""
    ax, bx = (-1 - ox) / dx, (1 - ox) / dx
    ay, by = (-1 - oy) / dy, (1 - oy) / dy
    az, bz = (-1 - oz) / dz, (1 - oz) / dz
    near = max(min(ax, bx), max(min(ay, by), min(az, bz)))
    far = min(max(ax, bx), min(max(ay, by), max(az, bz)))
    if near > far or far < 0:
        return -1.0
    return near if near > 0 else far


@inner
def _ball(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> float:
    """Return where a ray meets the unit sphere first, -1 for a miss."""
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    c = ox * ox + oy * oy + oz * oz - 1
    root = b * b - a * c
    if root < 0:
        return -1.0
    root = math.sqrt(root)
    if -b - root > 0:
        return (-b - root) / a
    return (-b + root) / a


@inner
def _tube(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, top: float) -> float:
    """Return where a ray meets a closed cone stump: -1 <= y <= 1, radius 1 below and `top` above."""
    best = FAR
    slope = (top - 1) / 2
    middle = (top + 1) / 2
    r0, dr = middle + slope * oy, slope * dy  # the radius along the ray is r0 + t dr
    a = dx * dx + dz * dz - dr * dr
    b = ox * dx + oz * dz - r0 * dr
    c = ox * ox + oz * oz - r0 * r0
    root = b * b - a * c
    if root > 0 and abs(a) > 1e-12:
        root = math.sqrt(root)
        for sign in (-1.0, 1.0):
            t = (-b + sign * root) / a
            y = oy + t * dy
            if 0 < t < best and -1 <= y <= 1 and r0 + t * dr >= 0:
                best = t
    for cap in (-1.0, 1.0):
        t = (cap - oy) / dy
        if 0 < t < best:
            x, z = ox + t * dx, oz + t * dz
            radius = 1.0 if cap < 0 else top
            if x * x + z * z <= radius * radius:
                best = t
    return best if best < FAR else -1.0


@inner
def _triangle(s: Array, i: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> float:
    """Return where a ray meets a triangle (Moeller and Trumbore 1997), -1 for a miss."""
    px, py, pz = dy * s[i, 8] - dz * s[i, 7], dz * s[i, 6] - dx * s[i, 8], dx * s[i, 7] - dy * s[i, 6]
    det = s[i, 3] * px + s[i, 4] * py + s[i, 5] * pz
    if abs(det) < 1e-14:
        return -1.0
    tx, ty, tz = ox - s[i, 0], oy - s[i, 1], oz - s[i, 2]
    u = (tx * px + ty * py + tz * pz) / det
    if u < 0 or u > 1:
        return -1.0
    qx, qy, qz = ty * s[i, 5] - tz * s[i, 4], tz * s[i, 3] - tx * s[i, 5], tx * s[i, 4] - ty * s[i, 3]
    v = (dx * qx + dy * qy + dz * qz) / det
    if v < 0 or u + v > 1:
        return -1.0
    return float((s[i, 6] * qx + s[i, 7] * qy + s[i, 8] * qz) / det)


@inner
def _kept(textures: Array, which: int, u: float, v: float) -> bool:
    """Say whether a cutout keeps the point (u, v) of a card."""
    x, y = int(u * TEXTURE) & (TEXTURE - 1), int(v * TEXTURE) & (TEXTURE - 1)
    return bool(textures[which, y * TEXTURE + x, 0] > 127)


@inner
def _meet(
    kind: int,
    s: Array,
    i: int,
    materials: Array,
    owner: int,
    textures: Array,
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
) -> float:
    """Return where a ray meets one primitive, -1 for a miss."""
    if kind == TRIANGLE:
        return _triangle(s, i, ox, oy, oz, dx, dy, dz)
    ex, ey, ez = ox - s[i, 9], oy - s[i, 10], oz - s[i, 11]
    px, py, pz = (
        s[i, 0] * ex + s[i, 1] * ey + s[i, 2] * ez,
        s[i, 3] * ex + s[i, 4] * ey + s[i, 5] * ez,
        s[i, 6] * ex + s[i, 7] * ey + s[i, 8] * ez,
    )
    qx, qy, qz = (
        s[i, 0] * dx + s[i, 1] * dy + s[i, 2] * dz,
        s[i, 3] * dx + s[i, 4] * dy + s[i, 5] * dz,
        s[i, 6] * dx + s[i, 7] * dy + s[i, 8] * dz,
    )
    if abs(qx) < 1e-12:
        qx = 1e-12
    if abs(qy) < 1e-12:
        qy = 1e-12
    if abs(qz) < 1e-12:
        qz = 1e-12
    if kind == BOX:
        return _box(px, py, pz, qx, qy, qz)
    if kind == BALL:
        return _ball(px, py, pz, qx, qy, qz)
    if kind == TUBE:
        return _tube(px, py, pz, qx, qy, qz, s[i, 15])
    t = -pz / qz
    x, y = px + t * qx, py + t * qy
    if abs(x) > 1 or abs(y) > 1:
        return -1.0
    cutout = int(materials[owner, 15])
    if cutout >= 0:
        u, v = 0.5 * (x + 1), 0.5 * (y + 1)
        if materials[owner, 16] < 0.5:
            u, v = u * 2 * s[i, 12] * materials[owner, 1], v * 2 * s[i, 13] * materials[owner, 1]
        if not _kept(textures, cutout, u, v):
            return -1.0
    return float(t)


@fast
def bounds(kinds: Array, shapes: Array, low: Array, high: Array) -> None:
    """Fill the axis-parallel bounds (N, 3) of every primitive."""
    for i in range(len(kinds)):
        s = shapes[i]
        if kinds[i] == TRIANGLE:
            for k in range(3):
                a, b, c = s[k], s[k] + s[3 + k], s[k] + s[6 + k]
                low[i, k], high[i, k] = min(a, min(b, c)) - 1e-6, max(a, max(b, c)) + 1e-6
            continue
        # Rows of the matrix are rotated axes over half sizes: axis * half = row * half^2.
        for k in range(3):
            reach = 0.0
            ball = 0.0
            for axis in range(3):
                part = abs(s[3 * axis + k]) * s[12 + axis] ** 2
                if kinds[i] == CARD and axis == 2:
                    part = 0.0
                reach += part
                ball += part * part
            if kinds[i] == BALL:
                reach = math.sqrt(ball)
            if kinds[i] == TUBE:
                reach *= max(1.0, s[15])
            low[i, k], high[i, k] = s[9 + k] - reach - 1e-6, s[9 + k] + reach + 1e-6


@fast
def _cut(
    order: Array, low: Array, high: Array, start: int, end: int, axis: int, least: float, widest: float
) -> tuple[float, int]:
    """Return the cost of the best cut of a node along an axis, and the bin that it begins at.

    The cost is the surface area times the count, of both sides (MacDonald and Booth 1990), in `BINS` bins.
    """
    count = np.zeros(BINS)
    box = np.empty((BINS, 6))
    area = np.empty(BINS)
    for k in range(BINS):
        for n in range(3):
            box[k, n], box[k, 3 + n] = FAR, -FAR
    for j in range(start, end):
        i = order[j]
        centre = 0.5 * (low[i, axis] + high[i, axis])
        k = min(BINS - 1, int(BINS * (centre - least) / widest))
        count[k] += 1
        for n in range(3):
            box[k, n], box[k, 3 + n] = min(box[k, n], low[i, n]), max(box[k, 3 + n], high[i, n])
    total = 0.0
    side = np.empty(6)
    for n in range(3):
        side[n], side[3 + n] = FAR, -FAR
    for k in range(BINS - 1):
        total += count[k]
        for n in range(3):
            side[n], side[3 + n] = min(side[n], box[k, n]), max(side[3 + n], box[k, 3 + n])
        x, y, z = side[3] - side[0], side[4] - side[1], side[5] - side[2]
        area[k] = total * (x * y + y * z + z * x) if total > 0 else FAR * FAR
    best, where = FAR * FAR, 0
    total = 0.0
    for n in range(3):
        side[n], side[3 + n] = FAR, -FAR
    for k in range(BINS - 1, 0, -1):
        total += count[k]
        for n in range(3):
            side[n], side[3 + n] = min(side[n], box[k, n]), max(side[3 + n], box[k, 3 + n])
        x, y, z = side[3] - side[0], side[4] - side[1], side[5] - side[2]
        cost = area[k - 1] + total * (x * y + y * z + z * x)
        if total > 0 and cost < best:
            best, where = cost, k
    return best, where


@fast
def build(low: Array, high: Array, order: Array, boxes: Array, links: Array) -> int:
    """Build the hierarchy by the surface area heuristic; return how many nodes it has.

    Fills `order` (N), `boxes` (2N, 6) and `links` (2N, 2): the first child and 0, or minus a leaf's count
    and its start.
    """
    n = len(order)
    for i in range(n):
        order[i] = i
    starts = np.empty(STACK * 2, np.int64)
    ends = np.empty(STACK * 2, np.int64)
    nodes = np.empty(STACK * 2, np.int64)
    starts[0], ends[0], nodes[0] = 0, n, 0
    depth, used = 1, 1
    while depth > 0:
        depth -= 1
        start, end, node = starts[depth], ends[depth], nodes[depth]
        axis, cheapest, edge, origin, reach = -1, FAR * FAR, 0, 0.0, 1.0
        for k in range(3):
            lo, hi, cl, ch = FAR, -FAR, FAR, -FAR
            for j in range(start, end):
                i = order[j]
                lo, hi = min(lo, low[i, k]), max(hi, high[i, k])
                centre = 0.5 * (low[i, k] + high[i, k])
                cl, ch = min(cl, centre), max(ch, centre)
            boxes[node, k], boxes[node, 3 + k] = lo, hi
            if end - start > LEAF and ch - cl > 1e-9:
                cost, where = _cut(order, low, high, start, end, k, cl, ch - cl)
                if cost < cheapest:
                    axis, cheapest, edge, origin, reach = k, cost, where, cl, ch - cl
        if axis < 0 or depth > STACK * 2 - 4:
            links[node, 0], links[node, 1] = -(end - start), start
            continue
        a, b = start, end - 1
        while a <= b:
            i = order[a]
            centre = 0.5 * (low[i, axis] + high[i, axis])
            if min(BINS - 1, int(BINS * (centre - origin) / reach)) < edge:
                a += 1
            else:
                order[a], order[b] = order[b], i
                b -= 1
        if a in (start, end):
            a = (start + end) // 2
        links[node, 0], links[node, 1] = used, 0
        starts[depth], ends[depth], nodes[depth] = start, a, used
        starts[depth + 1], ends[depth + 1], nodes[depth + 1] = a, end, used + 1
        depth += 2
        used += 2
    return used


@inner
def _enter(
    b: Array, n: int, ox: float, oy: float, oz: float, ix: float, iy: float, iz: float, limit: float
) -> float:
    """Return where a ray enters a node's box before `limit`, FAR for a miss."""
    ax, bx = (b[n, 0] - ox) * ix, (b[n, 3] - ox) * ix
    ay, by = (b[n, 1] - oy) * iy, (b[n, 4] - oy) * iy
    az, bz = (b[n, 2] - oz) * iz, (b[n, 5] - oz) * iz
    near = max(min(ax, bx), max(min(ay, by), min(az, bz)))
    far = min(max(ax, bx), min(max(ay, by), max(az, bz)))
    if far < 0 or near > far or near > limit:
        return FAR
    return float(near)


@fast
def cast(
    world: Any,
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
    limit: float,
    shadow: bool,
    stack: Array,
) -> tuple[float, int]:
    """Return the first hit's t and primitive, or (FAR, -1); a shadow ray ends at any hit."""
    kinds, shapes, owners, materials, textures, order, boxes, links = world
    if abs(dx) < 1e-9:
        dx = 1e-9
    if abs(dy) < 1e-9:
        dy = 1e-9
    if abs(dz) < 1e-9:
        dz = 1e-9
    ix, iy, iz = 1 / dx, 1 / dy, 1 / dz
    best, which = limit, -1
    depth = 0
    if _enter(boxes, 0, ox, oy, oz, ix, iy, iz, best) < FAR:
        stack[0] = 0
        depth = 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        first = links[node, 0]
        if first < 0:
            start = links[node, 1]
            for j in range(start, start - first):
                i = order[j]
                t = _meet(kinds[i], shapes, i, materials, owners[i], textures, ox, oy, oz, dx, dy, dz)
                if 1e-6 < t < best:
                    best, which = t, i
                    if shadow:
                        return best, which
            continue
        a = _enter(boxes, first, ox, oy, oz, ix, iy, iz, best)
        b = _enter(boxes, first + 1, ox, oy, oz, ix, iy, iz, best)
        if a <= b:
            if b < FAR and depth < STACK - 2:
                stack[depth] = first + 1
                depth += 1
            if a < FAR:
                stack[depth] = first
                depth += 1
        else:
            if a < FAR and depth < STACK - 2:
                stack[depth] = first
                depth += 1
            stack[depth] = first + 1
            depth += 1
    if which < 0:
        return FAR, -1
    return best, which


@fast
def surface(
    world: Any, i: int, px: float, py: float, pz: float, dx: float, dy: float, dz: float, out: Array
) -> None:
    """Write the surface at a hit: normal (3) facing the ray, texture coordinates (2), two tangents (6)."""
    kinds, shapes, owners, materials, _textures, _order, _boxes, _links = world
    s = shapes
    repeats, fits = materials[owners[i], 1], materials[owners[i], 16] > 0.5
    if kinds[i] == TRIANGLE:
        # Barycentric coordinates by the areas of the parts.
        nx, ny, nz = (
            s[i, 4] * s[i, 8] - s[i, 5] * s[i, 7],
            s[i, 5] * s[i, 6] - s[i, 3] * s[i, 8],
            s[i, 3] * s[i, 7] - s[i, 4] * s[i, 6],
        )
        area = nx * nx + ny * ny + nz * nz
        wx, wy, wz = px - s[i, 0], py - s[i, 1], pz - s[i, 2]
        cx, cy, cz = wy * s[i, 8] - wz * s[i, 7], wz * s[i, 6] - wx * s[i, 8], wx * s[i, 7] - wy * s[i, 6]
        b1 = (cx * nx + cy * ny + cz * nz) / area
        cx, cy, cz = s[i, 4] * wz - s[i, 5] * wy, s[i, 5] * wx - s[i, 3] * wz, s[i, 3] * wy - s[i, 4] * wx
        b2 = (cx * nx + cy * ny + cz * nz) / area
        b0 = 1 - b1 - b2
        flip = 1.0 if nx * dx + ny * dy + nz * dz < 0 else -1.0
        sx, sy, sz = (
            b0 * s[i, 9] + b1 * s[i, 12] + b2 * s[i, 15],
            b0 * s[i, 10] + b1 * s[i, 13] + b2 * s[i, 16],
            b0 * s[i, 11] + b1 * s[i, 14] + b2 * s[i, 17],
        )
        if sx * nx + sy * ny + sz * nz < 0:
            sx, sy, sz = -sx, -sy, -sz
        out[0], out[1], out[2] = flip * sx, flip * sy, flip * sz
        out[3] = (b0 * s[i, 18] + b1 * s[i, 20] + b2 * s[i, 22]) * repeats
        out[4] = (b0 * s[i, 19] + b1 * s[i, 21] + b2 * s[i, 23]) * repeats
        out[5], out[6], out[7] = s[i, 3], s[i, 4], s[i, 5]
    else:
        ex, ey, ez = px - s[i, 9], py - s[i, 10], pz - s[i, 11]
        x, y, z = (
            s[i, 0] * ex + s[i, 1] * ey + s[i, 2] * ez,
            s[i, 3] * ex + s[i, 4] * ey + s[i, 5] * ez,
            s[i, 6] * ex + s[i, 7] * ey + s[i, 8] * ez,
        )
        lx, ly, lz = x, y, z  # the normal in the shape's own frame
        row = 0
        if kinds[i] == BOX:
            ax, ay, az = abs(x), abs(y), abs(z)
            if ax >= ay and ax >= az:
                lx, ly, lz = x, 0.0, 0.0
                u, v, row = z, y, 6
                su, sv = s[i, 14], s[i, 13]
            elif ay >= az:
                lx, ly, lz = 0.0, y, 0.0
                u, v = x, z
                su, sv = s[i, 12], s[i, 14]
            else:
                lx, ly, lz = 0.0, 0.0, z
                u, v = x, y
                su, sv = s[i, 12], s[i, 13]
        elif kinds[i] == CARD:
            lx, ly, lz = 0.0, 0.0, 1.0
            u, v = x, y
            su, sv = s[i, 12], s[i, 13]
        else:
            u, v = math.atan2(z, x) / math.pi, y
            su, sv = math.pi * 0.5 * (s[i, 12] + s[i, 14]), s[i, 13]
            if kinds[i] == TUBE:
                if abs(y) > 0.9999:
                    lx, ly, lz = 0.0, y, 0.0
                    u, v = x, z
                    su, sv = s[i, 12], s[i, 14]
                else:
                    radius = 0.5 * (s[i, 15] + 1) + 0.5 * (s[i, 15] - 1) * y
                    ly = -0.5 * (s[i, 15] - 1) * radius
        out[0], out[1], out[2] = (
            s[i, 0] * lx + s[i, 3] * ly + s[i, 6] * lz,
            s[i, 1] * lx + s[i, 4] * ly + s[i, 7] * lz,
            s[i, 2] * lx + s[i, 5] * ly + s[i, 8] * lz,
        )
        if out[0] * dx + out[1] * dy + out[2] * dz > 0:
            out[0], out[1], out[2] = -out[0], -out[1], -out[2]
        if fits:
            out[3], out[4] = 0.5 + 0.5 * u, 0.5 + 0.5 * v
        else:
            out[3], out[4] = u * su * repeats, v * sv * repeats
        out[5], out[6], out[7] = s[i, row], s[i, row + 1], s[i, row + 2]
    length = math.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2) + 1e-12
    out[0], out[1], out[2] = out[0] / length, out[1] / length, out[2] / length
    # The tangent made perpendicular to the normal, and the third axis.
    dot = out[5] * out[0] + out[6] * out[1] + out[7] * out[2]
    out[5], out[6], out[7] = out[5] - dot * out[0], out[6] - dot * out[1], out[7] - dot * out[2]
    length = math.sqrt(out[5] ** 2 + out[6] ** 2 + out[7] ** 2) + 1e-12
    out[5], out[6], out[7] = out[5] / length, out[6] / length, out[7] / length
    out[8], out[9], out[10] = (
        out[1] * out[7] - out[2] * out[6],
        out[2] * out[5] - out[0] * out[7],
        out[0] * out[6] - out[1] * out[5],
    )


@fast
def paint(world: Any, i: int, footprint: float, at: Array, colour: Array, spare: Array) -> None:
    """Write the albedo (3) at a surface `at`, and bend its normal by the texture's relief.

    `footprint` is the size of a pixel on the surface in metres; it chooses the texture's level.
    """
    _kinds, shapes, owners, materials, textures, _order, _boxes, _links = world
    own = owners[i]
    which = int(materials[own, 0])
    scale = materials[own, 1]
    if materials[own, 16] > 0.5:
        scale = 0.5 / max(shapes[i, 12], 1e-3)
    level = int(max(0.0, min(LEVELS - 1.0, math.log2(max(1.0, footprint * scale * TEXTURE)) + 0.3)))
    texel(textures, which, at[3], at[4], level, spare)
    a, b, c = spare[0], spare[1], spare[2]
    for k in range(3):
        colour[k] = materials[own, 2 + k] * a + materials[own, 5 + k] * b + materials[own, 8 + k] * c
    if materials[own, 18] > 0:  # stains: a slow variation over the surface, so that nothing is painted evenly
        texel(textures, 0, at[3] * 0.137 + 0.31, at[4] * 0.137, max(0, level - 2), spare)
        gain = 1 + materials[own, 18] * 2 * (spare[1] - 0.5)
        for k in range(3):
            colour[k] *= gain
    for k in range(3):
        colour[k] = min(0.95, max(0.01, colour[k]))
    if materials[own, 17] > 0 and level < 5:
        size = TEXTURE >> level
        texel(textures, which, at[3] + 1 / size, at[4], level, spare)
        du = spare[0] - a - 0.5 * (spare[2] - c)
        texel(textures, which, at[3], at[4] + 1 / size, level, spare)
        dv = spare[0] - a - 0.5 * (spare[2] - c)
        for k in range(3):
            at[k] += materials[own, 17] * (du * at[5 + k] + dv * at[8 + k])
        length = math.sqrt(at[0] ** 2 + at[1] ** 2 + at[2] ** 2) + 1e-12
        for k in range(3):
            at[k] /= length
