"""The picture kernels: soft shadows, ambient occlusion, one mirror bounce, sky, fog, smooth edges.

Light is sampled with one ray a pixel towards one lamp and one into the hemisphere, in a pattern of 4 x 4
pixels; a filter over such a square, which stops at edges, then sees each of the sixteen samples once.
Colours are linear RGB.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from training.worlds.tracer import FAR, LEVELS, STACK, cast, fast, paint, surface, texel

LAMP: Final = 8
"""Numbers a lamp: 0 (sun) or 1 (bulb), direction or position (3), colour (3), size in radians or metres."""
AIR: Final = 20
"""Numbers of the air.

Light from above (3), from below (3), horizon (3), zenith (3), fog's colour (3), fog a metre,
reach of the occlusion in metres, clouds' cover, clouds' scale, clouds' offset."""
PATTERN: Final = 16

Array = np.ndarray[Any, Any]


@fast
def sky(
    air: Array, lamps: Array, textures: Array, dx: float, dy: float, dz: float, out: Array, spare: Array
) -> None:
    """Write the sky's colour (3) in a direction of unit length."""
    height = max(0.0, dy)
    mix = math.sqrt(height)
    for k in range(3):
        out[k] = air[6 + k] * (1 - mix) + air[9 + k] * mix
    if air[17] > 0:
        reach = air[18] / (height + 0.12)
        texel(textures, 0, dx * reach + air[19], dz * reach + 0.7 * air[19], 1, spare)
        cloud = min(1.0, max(0.0, (spare[1] - 1 + air[17]) * 4)) * min(1.0, height * 6)
        white = air[0] + air[1] + air[2]
        shade = 0.35 + 0.3 * spare[1]
        for k in range(3):
            out[k] = out[k] * (1 - cloud) + cloud * shade * (0.7 * white / 3 + 0.3 * air[k]) * 1.6
    for j in range(len(lamps)):
        if lamps[j, 0] < 0.5:
            cosine = dx * lamps[j, 1] + dy * lamps[j, 2] + dz * lamps[j, 3]
            if cosine > 0.9:
                glow = ((cosine - 0.9) / 0.1) ** 24
                for k in range(3):
                    out[k] += 0.7 * glow * lamps[j, 4 + k]


@fast
def _facing(
    world: Any,
    air: Array,
    lamps: Array,
    i: int,
    t: float,
    p: Array,
    d: Array,
    out: Array,
    at: Array,
    spare: Array,
) -> None:
    """Write the light (3) that a mirrored surface `i` sends, without shadows."""
    materials, owners = world[3], world[2]
    surface(world, i, p[0], p[1], p[2], d[0], d[1], d[2], at)
    paint(world, i, 0.01 * t, at, out, spare)
    glow = materials[owners[i], 14]
    up = 0.5 + 0.5 * at[1]
    for k in range(3):
        light = 0.6 * (air[k] * up + air[3 + k] * (1 - up))
        for j in range(len(lamps)):
            lx, ly, lz = lamps[j, 1], lamps[j, 2], lamps[j, 3]
            fall = 1.0
            if lamps[j, 0] > 0.5:
                lx, ly, lz = lx - p[0], ly - p[1], lz - p[2]
                square = lx * lx + ly * ly + lz * lz + 0.05
                far = math.sqrt(square)
                lx, ly, lz, fall = lx / far, ly / far, lz / far, 1 / square
            light += 0.7 * lamps[j, 4 + k] * fall * max(0.0, at[0] * lx + at[1] * ly + at[2] * lz)
        out[k] = out[k] * light + glow * out[k]


@fast
def shoot(
    world: Any,
    air: Array,
    lamps: Array,
    eye: Array,
    turn: Array,
    focal: float,
    pattern: Array,
    depth: Array,
    which: Array,
    normals: Array,
    albedo: Array,
    light: Array,
    direct: Array,
    shine: Array,
    extra: Array,
) -> None:
    """Cast one ray through the middle of each pixel and fill the picture's buffers.

    `turn` (3, 3) takes the camera's frame (right, up, forward) to the world; `depth` (H, W) gets metres
    along the view axis, FAR for the sky; `light` and `shine` (H, W, 3) get one noisy sample of diffuse and
    of mirror-like light.
    """
    height, width = depth.shape
    owners, materials, textures = world[2], world[3], world[4]
    stack = np.empty(STACK, np.int64)
    at, spare, colour, p, d, q = np.empty(11), np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    other = np.empty(11)
    for y in range(height):
        for x in range(width):
            cx, cy = (x + 0.5 - 0.5 * width) / focal, (0.5 * height - y - 0.5) / focal
            for k in range(3):
                d[k] = turn[k, 0] * cx + turn[k, 1] * cy + turn[k, 2]
            length = math.sqrt(cx * cx + cy * cy + 1)
            t, i = cast(world, eye[0], eye[1], eye[2], d[0], d[1], d[2], FAR, False, stack)
            depth[y, x], which[y, x] = t, i
            for k in range(3):
                light[y, x, k], direct[y, x, k], shine[y, x, k] = 0, 0, 0
                extra[y, x, k], normals[y, x, k] = 0, 0
            if i < 0:
                sky(air, lamps, textures, d[0] / length, d[1] / length, d[2] / length, colour, spare)
                for k in range(3):
                    albedo[y, x, k] = 0
                    extra[y, x, k] = colour[k]
                continue
            for k in range(3):
                p[k] = eye[k] + t * d[k]
            surface(world, i, p[0], p[1], p[2], d[0], d[1], d[2], at)
            cosine = max(0.15, -(at[0] * d[0] + at[1] * d[1] + at[2] * d[2]) / length)
            gx, gy, gz = at[0], at[1], at[2]
            tx, ty, tz, bx, by, bz = at[5], at[6], at[7], at[8], at[9], at[10]
            paint(world, i, t / (focal * math.sqrt(cosine)), at, colour, spare)
            own = owners[i]
            for k in range(3):
                albedo[y, x, k], normals[y, x, k] = colour[k], at[k]
                extra[y, x, k] = materials[own, 14] * colour[k]
            lift = 1e-4 * t + 1e-5
            sx, sy, sz = p[0] + lift * gx, p[1] + lift * gy, p[2] + lift * gz
            cell = (y & 3) * 4 + (x & 3)
            if (x + y) & 1 == 0:
                # Occlusion: one direction of the hemisphere, as often as its cosine.
                radius, angle = math.sqrt(pattern[cell, 0]), 2 * math.pi * pattern[cell, 1]
                ha, hb, hc = (
                    radius * math.cos(angle),
                    radius * math.sin(angle),
                    math.sqrt(1 - pattern[cell, 0]),
                )
                ax, ay, az = (
                    ha * tx + hb * bx + hc * gx,
                    ha * ty + hb * by + hc * gy,
                    ha * tz + hb * bz + hc * gz,
                )
                blocked, what = cast(world, sx, sy, sz, ax, ay, az, air[16], True, stack)
                up = 0.5 + 0.5 * at[1]
                for k in range(3):
                    full = air[k] * up + air[3 + k] * (1 - up)
                    if what >= 0:
                        full *= 0.15 + 0.35 * blocked / air[16]
                    light[y, x, k] = full
            elif len(lamps) > 0:
                j = int(pattern[cell, 2] * len(lamps)) % len(lamps)
                spread = lamps[j, 7]
                lx, ly, lz = (
                    lamps[j, 1] + spread * (pattern[cell, 3] - 0.5),
                    lamps[j, 2] + spread * (pattern[cell, 4] - 0.5),
                    lamps[j, 3] + spread * (pattern[cell, 5] - 0.5),
                )
                fall, limit = 1.0, 1e6
                if lamps[j, 0] > 0.5:
                    lx, ly, lz = lx - p[0], ly - p[1], lz - p[2]
                    square = lx * lx + ly * ly + lz * lz
                    fall, limit = 1 / (square + 0.05), 0.98
                far = math.sqrt(lx * lx + ly * ly + lz * lz) + 1e-9
                towards = (at[0] * lx + at[1] * ly + at[2] * lz) / far
                if towards > 0 and gx * lx + gy * ly + gz * lz > 0:
                    _t, what = cast(world, sx, sy, sz, lx, ly, lz, limit, True, stack)
                    if what < 0:
                        hx, hy, hz = (
                            lx / far - d[0] / length,
                            ly / far - d[1] / length,
                            lz / far - d[2] / length,
                        )
                        half = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
                        peak = max(0.0, (at[0] * hx + at[1] * hy + at[2] * hz) / half) ** materials[own, 12]
                        for k in range(3):
                            flux = lamps[j, 4 + k] * fall * len(lamps)
                            direct[y, x, k] = flux * towards
                            shine[y, x, k] = flux * materials[own, 11] * peak * towards
            if materials[own, 13] > 0:
                dot = d[0] * at[0] + d[1] * at[1] + d[2] * at[2]
                for k in range(3):
                    q[k] = (d[k] - 2 * dot * at[k]) / length
                t2, i2 = cast(world, sx, sy, sz, q[0], q[1], q[2], FAR, False, stack)
                if i2 < 0:
                    sky(air, lamps, textures, q[0], q[1], q[2], colour, spare)
                else:
                    for k in range(3):
                        p[k] += t2 * q[k]
                    _facing(world, air, lamps, i2, t + t2, p, q, colour, other, spare)
                fresnel = materials[own, 13] * (0.15 + 0.85 * (1 - cosine) ** 4)
                for k in range(3):
                    extra[y, x, k] += fresnel * colour[k]
                    albedo[y, x, k] *= 1 - fresnel


@fast
def gather(depth: Array, normals: Array, noisy: Array, parity: int, out: Array) -> None:
    """Add to `out` a buffer's mean over squares of 4 x 4 pixels, of the pixels whose x + y has this parity.

    Pixels of another surface do not count, unless there are no others.
    """
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            if depth[y, x] >= FAR:
                continue
            a, b, c, total = 0.0, 0.0, 0.0, 0.0
            any_a, any_b, any_c, any_total = 0.0, 0.0, 0.0, 0.0
            for v in range(max(0, y - 2), min(height, y + 2)):
                first = max(0, x - 2)
                for u in range(first + ((first + v + parity) & 1), min(width, x + 2), 2):
                    if depth[v, u] >= FAR:
                        continue
                    any_total += 1
                    any_a, any_b, any_c = (
                        any_a + noisy[v, u, 0],
                        any_b + noisy[v, u, 1],
                        any_c + noisy[v, u, 2],
                    )
                    if abs(depth[v, u] - depth[y, x]) > 0.06 * depth[y, x]:
                        continue
                    dot = normals[v, u, 0] * normals[y, x, 0]
                    dot += normals[v, u, 1] * normals[y, x, 1] + normals[v, u, 2] * normals[y, x, 2]
                    if dot < 0.75:
                        continue
                    total += 1
                    a, b, c = a + noisy[v, u, 0], b + noisy[v, u, 1], c + noisy[v, u, 2]
            if total == 0:
                a, b, c, total = any_a, any_b, any_c, max(any_total, 1.0)
            out[y, x, 0] += a / total
            out[y, x, 1] += b / total
            out[y, x, 2] += c / total


@fast
def _mist(air: Array, reach: float, colour: Array) -> None:
    """Mix the fog into a colour seen over `reach` metres."""
    if air[15] > 0:
        through = math.exp(-air[15] * reach)
        for k in range(3):
            colour[k] = colour[k] * through + air[12 + k] * (1 - through)


@fast
def compose(
    world: Any,
    air: Array,
    lamps: Array,
    eye: Array,
    turn: Array,
    focal: float,
    depth: Array,
    which: Array,
    albedo: Array,
    light: Array,
    shine: Array,
    extra: Array,
    out: Array,
) -> None:
    """Put the buffers together, and smooth the edges by three more rays through each pixel on one."""
    height, width = depth.shape
    owners, materials, textures = world[2], world[3], world[4]
    stack = np.empty(STACK, np.int64)
    at, spare, colour, d, total = np.empty(11), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for y in range(height):
        for x in range(width):
            for k in range(3):
                total[k] = albedo[y, x, k] * light[y, x, k] + shine[y, x, k] + extra[y, x, k]
            if depth[y, x] < FAR:
                _mist(air, depth[y, x], total)
            i = which[y, x]
            edge = False
            for v in range(max(0, y - 1), min(height, y + 2)):
                for u in range(max(0, x - 1), min(width, x + 2)):
                    if which[v, u] != i and abs(depth[v, u] - depth[y, x]) > 0.004 * depth[y, x]:
                        edge = True
            if edge:
                for n in range(3):
                    cx = (x + (0.2, 0.85, 0.45)[n] - 0.5 * width) / focal
                    cy = (0.5 * height - y - (0.3, 0.2, 0.9)[n]) / focal
                    for k in range(3):
                        d[k] = turn[k, 0] * cx + turn[k, 1] * cy + turn[k, 2]
                    length = math.sqrt(cx * cx + cy * cy + 1)
                    t, j = cast(world, eye[0], eye[1], eye[2], d[0], d[1], d[2], FAR, False, stack)
                    if j < 0:
                        sky(air, lamps, textures, d[0] / length, d[1] / length, d[2] / length, colour, spare)
                        for k in range(3):
                            total[k] += colour[k]
                        continue
                    px, py, pz = eye[0] + t * d[0], eye[1] + t * d[1], eye[2] + t * d[2]
                    surface(world, j, px, py, pz, d[0], d[1], d[2], at)
                    paint(world, j, t / focal, at, colour, spare)
                    gu, gv, least = x, y, FAR
                    for v in range(max(0, y - 1), min(height, y + 2)):
                        for u in range(max(0, x - 1), min(width, x + 2)):
                            gap = abs(depth[v, u] - t) if which[v, u] == j else abs(depth[v, u] - t) + 1.0
                            if gap < least and which[v, u] >= 0:
                                gu, gv, least = u, v, gap
                    glow = materials[owners[j], 14]
                    for k in range(3):
                        colour[k] = colour[k] * (light[gv, gu, k] + glow) + shine[gv, gu, k]
                    _mist(air, t, colour)
                    for k in range(3):
                        total[k] += colour[k]
                for k in range(3):
                    total[k] *= 0.25
            for k in range(3):
                out[y, x, k] = total[k]


@fast
def probe(world: Any, eye: Array, turn: Array, focal: float, depth: Array) -> None:
    """Fill `depth` (H, W) alone."""
    height, width = depth.shape
    stack = np.empty(STACK, np.int64)
    for y in range(height):
        for x in range(width):
            cx, cy = (x + 0.5 - 0.5 * width) / focal, (0.5 * height - y - 0.5) / focal
            dx = turn[0, 0] * cx + turn[0, 1] * cy + turn[0, 2]
            dy = turn[1, 0] * cx + turn[1, 1] * cy + turn[1, 2]
            dz = turn[2, 0] * cx + turn[2, 1] * cy + turn[2, 2]
            depth[y, x], _i = cast(world, eye[0], eye[1], eye[2], dx, dy, dz, FAR, False, stack)


__all__ = ["AIR", "LAMP", "LEVELS", "PATTERN", "compose", "gather", "probe", "shoot", "sky"]
