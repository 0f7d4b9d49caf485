"""The bank of textures: noise, wood, brick, cloth, print, plants, photographs.

A texture holds for each pixel the weights of three colours; a material brings the colours, so that one
texture serves walls of every hue. A cutout holds in its first channel what is kept. Everything tiles, is
256 x 256, and follows from the seed alone.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.spatial import cKDTree

from training.worlds import photographic
from training.worlds.tracer import LEVELS, OFFSETS, TEXTURE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, Any]
Rng = np.random.Generator

N: Final = TEXTURE
GRID_V, GRID_U = np.meshgrid((np.arange(N) + 0.5) / N, (np.arange(N) + 0.5) / N, indexing="ij")
PHOTOGRAPHS: Final = (
    "astronaut",
    "brick",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "rocket",
    "hubble_deep_field",
)
"""Pictures in scikit-image's wheel, CC0 or in the public domain; its stereo pair is never among them."""


def noise(rng: Rng, slope: float, stretch: float = 1.0) -> Array:
    """Return tiling noise (N, N) in 0..1, its spectrum falling with `slope`, `stretch`ed along u."""
    fy, fx = np.meshgrid(np.fft.fftfreq(N) * N, np.fft.rfftfreq(N) * N, indexing="ij")
    radius = np.hypot(fx * stretch, fy)
    radius[0, 0] = 1
    amplitude = radius ** (-slope)
    amplitude[0, 0] = 0
    spectrum = amplitude * np.exp(2j * np.pi * rng.random(amplitude.shape))
    field = np.fft.irfft2(spectrum, s=(N, N))
    order = np.clip((field - field.mean()) / (5 * field.std() + 1e-12) + 0.5, 0, 1)
    return np.asarray(order)


def step(value: Array, edge: float, soft: float) -> Array:
    """Return 0 below `edge` and 1 above it, over a width of `soft`."""
    return np.clip((value - edge) / soft + 0.5, 0, 1)


def weights(a: Array, third: Array | float = 0.0) -> Array:
    """Return the weights (N, N, 3) of two colours blended by `a` and covered by the third."""
    third = np.broadcast_to(np.asarray(third), a.shape)
    return np.stack([(1 - a) * (1 - third), a * (1 - third), third], -1)


def _cells(rng: Rng, count: int) -> tuple[Array, Array, Array]:
    """Return the distances to the nearest and second of random points (tiling), and the nearest's number."""
    points = rng.random((count, 2))
    tree = cKDTree(points, boxsize=1.0)
    distance, index = tree.query(np.stack([GRID_U.ravel(), GRID_V.ravel()], -1), k=2)
    shape = (N, N)
    return distance[:, 0].reshape(shape), distance[:, 1].reshape(shape), index[:, 0].reshape(shape)


def _fbm(rng: Rng) -> Array:
    return weights(noise(rng, rng.uniform(0.9, 2.0)), 0.6 * step(noise(rng, 0.6), 0.72, 0.05))


def _plaster(rng: Rng) -> Array:
    return weights(
        0.5 + 0.35 * (noise(rng, rng.uniform(0.3, 1.2)) - 0.5), 0.3 * step(noise(rng, 1.8), 0.6, 0.3)
    )


def _marble(rng: Rng) -> Array:
    turns = rng.integers(1, 4)
    vein = np.abs(np.sin(np.pi * (turns * (GRID_U + GRID_V) + 6 * noise(rng, 1.9))))
    return weights(vein ** rng.uniform(0.3, 2.0), step(noise(rng, 1.4), 0.75, 0.1))


def _bricks(rng: Rng) -> Array:
    rows, columns = int(rng.integers(3, 9)) * 2, int(rng.integers(2, 6))
    v = GRID_V * rows
    row = v.astype(int)
    u = (GRID_U + 0.5 / columns * (row % 2)) % 1.0 * columns
    column = u.astype(int)
    tone = rng.random((rows, columns))[row, column]
    gap = rng.uniform(0.03, 0.1)
    edge = np.minimum(np.minimum(u % 1, 1 - u % 1) * rows / columns / 1.5, np.minimum(v % 1, 1 - v % 1))
    mortar = 1 - step(edge + 0.06 * (noise(rng, 1.0) - 0.5), gap, 0.05)
    return weights(np.clip(0.7 * tone + 0.6 * (noise(rng, 0.7) - 0.3), 0, 1), mortar)


def _planks(rng: Rng) -> Array:
    rows = int(rng.integers(2, 9))
    v = GRID_V * rows
    row = v.astype(int)
    shift = rng.random(rows)[row]
    grain = noise(rng, 1.1, rng.uniform(6, 20))
    column = ((GRID_U + shift) % 1 < rng.uniform(0.3, 0.7)).astype(int)
    tone = rng.random((rows, 2))[row, column]
    a = np.clip(0.45 * tone + 0.75 * (np.roll(grain, 37) - 0.5) + 0.3, 0, 1)
    gap = np.minimum(v % 1, 1 - v % 1)
    return weights(a, 0.9 * (1 - step(gap, rng.uniform(0.01, 0.04), 0.03)))


def _wood(rng: Rng) -> Array:
    grain = noise(rng, rng.uniform(0.9, 1.4), rng.uniform(8, 25))
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.integers(2, 7) * GRID_V + 4 * noise(rng, 2.2, 6)))
    return weights(np.clip(0.55 * grain + 0.45 * rings, 0, 1), 0.5 * step(grain, 0.78, 0.1))


def _tiles(rng: Rng) -> Array:
    count = int(rng.integers(1, 9))
    u, v = GRID_U * count, GRID_V * count
    tone = rng.random((count, count))[v.astype(int), u.astype(int)]
    if rng.random() < 0.4:
        tone = ((u.astype(int) + v.astype(int)) % 2).astype(float)
    edge = np.minimum(np.minimum(u % 1, 1 - u % 1), np.minimum(v % 1, 1 - v % 1))
    a = np.clip(tone * rng.uniform(0.1, 1) + 0.4 * (noise(rng, rng.uniform(0.8, 1.6)) - 0.5), 0, 1)
    return weights(a, 1 - step(edge, 0.02 + 0.02 * rng.random() * count / 4, 0.02))


def _stripes(rng: Rng) -> Array:
    bands = int(rng.integers(4, 24))
    tone = rng.random(bands)
    third = (rng.random(bands) < 0.2).astype(float)
    index = (GRID_U * bands).astype(int)
    return weights(np.clip(tone[index] + 0.2 * (noise(rng, 0.5) - 0.5), 0, 1), third[index])


def _checks(rng: Rng) -> Array:
    bands = int(rng.integers(3, 10)) * 2
    tone = np.round(rng.random(bands), 1)
    i, j = (GRID_U * bands).astype(int), (GRID_V * bands).astype(int)
    weave = 0.25 * ((np.arange(N)[:, None] // 2 + np.arange(N)[None] // 2) % 2)
    line = ((i % (bands // 2) == 0) | (j % (bands // 2) == 0)) * 0.7
    return weights(np.clip(0.5 * (tone[i] + tone[j]) - 0.12 + weave, 0, 1), line)


def _weave(rng: Rng) -> Array:
    count = int(rng.integers(16, 60))
    a = 0.5 + 0.5 * np.sin(2 * np.pi * count * GRID_U) * np.sin(2 * np.pi * count * GRID_V)
    return weights(
        np.clip(0.6 * a + 0.6 * (noise(rng, 1.1) - 0.3), 0, 1), 0.35 * step(noise(rng, 1.5), 0.6, 0.2)
    )


def _print(rng: Rng) -> Array:
    """Flowers, dots and rings, as on wallpaper and cloth."""
    count = int(rng.integers(4, 60))
    near, _second, index = _cells(rng, count)
    size = rng.uniform(0.15, 0.5) / np.sqrt(count) * rng.uniform(0.5, 1.2, count)[index]
    kind = rng.integers(0, 3, count)[index]
    points = rng.random(count)[index]
    wave = 1 + 0.3 * np.sin(40 * near / size + 6 * points)
    dots = step(-near, -1, 1) * (near < size * wave)
    middle = near < 0.4 * size
    third = np.where(kind == 0, dots * ~middle, np.where(kind == 1, middle, dots * (near > 0.7 * size)))
    return weights(np.clip(np.where(dots, points, 0.15 * noise(rng, 0.8)), 0, 1), third)


def _text(rng: Rng) -> Array:
    """Lines of marks the size of letters, as on pages and signs."""
    page = np.zeros((N, N))
    pitch = int(rng.integers(7, 30))
    v = int(rng.integers(2, 12))
    while v + pitch < N - 4:
        u = int(rng.integers(4, 16))
        end = N - int(rng.integers(4, 12)) - (int(rng.integers(0, N // 2)) if rng.random() < 0.25 else 0)
        tall = max(3, int(pitch * 0.6))
        while u < end - tall:
            for _ in range(int(rng.integers(2, 9))):
                wide = max(2, int(tall * rng.uniform(0.4, 0.8)))
                glyph = rng.random((3, 3)) < 0.55
                if u + wide < end:
                    page[v : v + tall, u : u + wide] = np.kron(
                        glyph, np.ones((tall // 3 + 1, wide // 3 + 1))
                    )[:tall, :wide]
                u += wide + max(1, tall // 6)
            u += tall // 2
        v += pitch + (pitch if rng.random() < 0.12 else 0)
    return weights(0.3 * noise(rng, 1.5), page)


def _stones(rng: Rng) -> Array:
    count = int(rng.integers(20, 700))
    near, second, index = _cells(rng, count)
    gap = 1 - step((second - near) * np.sqrt(count), 0.15, 0.2)
    a = np.clip(0.7 * rng.random(count)[index] + 0.5 * (noise(rng, 0.9) - 0.3), 0, 1)
    return weights(a, gap * rng.uniform(0.3, 1))


def _foliage(rng: Rng) -> Array:
    """Leaves over leaves, darker the deeper they lie."""
    a, third = np.zeros((N, N)), np.ones((N, N))
    ny, nx = np.arange(N)[:, None], np.arange(N)[None]
    big = rng.uniform(5, 18)
    for layer in np.linspace(0.1, 1, int(min(500, 30000 / big**2))):
        cu, cv, size, turn = (
            rng.random() * N,
            rng.random() * N,
            big * rng.uniform(0.6, 1.3),
            rng.random() * np.pi,
        )
        reach = int(size) + 1
        v = (
            (ny[int(cv) - reach : int(cv) + reach] - cv)
            if reach < cv < N - reach
            else (ny - cv + N / 2) % N - N / 2
        )
        u = (
            (nx[:, int(cu) - reach : int(cu) + reach] - cu)
            if reach < cu < N - reach
            else (nx - cu + N / 2) % N - N / 2
        )
        along, across = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
        leaf = (along / size) ** 2 + (across / (0.45 * size)) ** 2 < 1
        where = np.nonzero(leaf)
        rows = where[0] + (int(cv) - reach if reach < cv < N - reach else 0)
        columns = where[1] + (int(cu) - reach if reach < cu < N - reach else 0)
        a[rows, columns] = rng.uniform(0.2, 1.0) * (0.9 + 0.1 * np.sign(across[where]))
        third[rows, columns] = 0.8 * (1 - layer)
    return weights(np.clip(a, 0, 1), third)


def _blades(rng: Rng) -> Array:
    return weights(
        np.clip(noise(rng, 0.8, 1 / rng.uniform(3, 8)), 0, 1), 0.6 * step(noise(rng, 0.9, 0.2), 0.62, 0.1)
    )


def _facade(rng: Rng) -> Array:
    """Rows of windows in a wall; the third colour is glass."""
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(2, 8))
    u, v = GRID_U * columns % 1, GRID_V * rows % 1
    wide, tall = rng.uniform(0.35, 0.85), rng.uniform(0.4, 0.8)
    inside = (abs(u - 0.5) < wide / 2) & (abs(v - 0.5) < tall / 2)
    frame = inside & ~((abs(u - 0.5) < wide / 2 - 0.05) & (abs(v - 0.5) < tall / 2 - 0.05))
    bars = inside & ((abs(u - 0.5) < 0.02) | (abs(v - 0.5 + tall * 0.15) < 0.02)) & (rng.random() < 0.7)
    lit = rng.random((rows, columns))[(GRID_V * rows).astype(int), (GRID_U * columns).astype(int)]
    a = np.where(frame | bars, 1.0, 0.25 * noise(rng, 1.0) + 0.1 * (v > 0.97))
    return weights(a, (inside & ~frame & ~bars) * (0.6 + 0.4 * lit))


def _poster(rng: Rng) -> Array:
    """Overlapping shapes of flat colour, as on posters, boxes and toys."""
    out = weights(np.full((N, N), rng.random()), 0.0)
    for _ in range(int(rng.integers(3, 14))):
        cu, cv, size, turn = rng.random(), rng.random(), rng.uniform(0.05, 0.4), rng.random() * 7
        u, v = GRID_U - cu, GRID_V - cv
        x, y = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
        shape = (
            (np.hypot(x, y) < size)
            if rng.random() < 0.4
            else ((abs(x) < size) & (abs(y) < size * rng.uniform(0.1, 1)))
        )
        out[shape] = rng.dirichlet([0.5, 0.5, 0.5])
    return out


def _book_spines(rng: Rng) -> Array:
    edges = np.sort(rng.random(int(rng.integers(12, 36))))
    index = np.searchsorted(edges, GRID_U[0])
    tone, third = rng.random(len(edges) + 1), (rng.random(len(edges) + 1) < 0.3) * 0.8
    label = (abs(GRID_V - 0.3) < 0.08) * (rng.random(len(edges) + 1) < 0.6)[index][None]
    a = np.clip(tone[index][None] + 0.3 * label + 0 * GRID_V, 0, 1)
    gap = np.isin(np.arange(N), (edges * N).astype(int))[None]
    return np.asarray(
        weights(a, np.maximum(third[index][None] * (1 - label), 0)) * (1 - 0.8 * gap[..., None])
    )


def _carpet(rng: Rng) -> Array:
    field = noise(rng, 1.3)
    field = (field + field[::-1] + field[:, ::-1] + field[::-1, ::-1]) / 4
    levels = np.round(field * 6 * rng.uniform(1, 3)) % 3
    border = np.maximum(abs(GRID_U - 0.5), abs(GRID_V - 0.5)) > 0.42
    return weights(
        np.clip((levels == 1) * 0.9 + 0.15 * noise(rng, 0.2), 0, 1), ((levels == 2) ^ border) * 0.8
    )


def _flat(rng: Rng) -> Array:
    return weights(0.5 + 0.12 * (noise(rng, rng.uniform(0.2, 1.5)) - 0.5))


@functools.cache
def _photograph(name: str) -> Array:
    """Return a photograph of scikit-image's wheel, linear light, (H, W, 3)."""
    import skimage.data  # noqa: PLC0415  (0.3 s)
    from PIL import Image  # noqa: PLC0415

    folder = Path(skimage.data.__file__).parent
    path = next(folder.glob(f"{name}.*g"))
    with Image.open(path) as picture:
        return (np.asarray(picture.convert("RGB"), float) / 255) ** 2.2


def _photo(rng: Rng) -> Array:
    picture = _photograph(PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))])
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(0.35, 1.0))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    rows = top + (np.arange(N) * side // N)
    columns = left + (np.arange(N) * side // N)
    cut = picture[rows][:, columns]
    return np.asarray(cut[:, ::-1] if rng.random() < 0.5 else cut)


SURFACES: Final[dict[str, tuple[Callable[[Rng], Array], int]]] = {
    "cloud": (lambda rng: weights(noise(rng, 1.6)), 1),
    "fbm": (_fbm, 5),
    "plaster": (_plaster, 4),
    "marble": (_marble, 3),
    "bricks": (_bricks, 4),
    "planks": (_planks, 4),
    "wood": (_wood, 5),
    "tiles": (_tiles, 5),
    "stripes": (_stripes, 3),
    "checks": (_checks, 3),
    "weave": (_weave, 5),
    "print": (_print, 4),
    "text": (_text, 4),
    "stones": (_stones, 5),
    "foliage": (_foliage, 4),
    "blades": (_blades, 3),
    "facade": (_facade, 5),
    "poster": (_poster, 5),
    "books": (_book_spines, 2),
    "carpet": (_carpet, 2),
    "flat": (_flat, 3),
    "photo": (_photo, 8),
}
"""How each kind is made and how many of it a bank holds; "cloud" is the first and serves skies and stains."""


def _leaf(rng: Rng) -> Array:
    u, v = 2 * GRID_U - 1, GRID_V
    width = rng.uniform(0.3, 0.95) * np.sin(np.pi * np.clip(v, 0, 1) ** rng.uniform(0.6, 1.5))
    return (abs(u) < width * (1 + rng.uniform(0, 0.2) * np.sin(v * rng.uniform(20, 60)))).astype(float)


def _leaves(rng: Rng) -> Array:
    near, _second, index = _cells(rng, int(rng.integers(12, 60)))
    count = int(index.max()) + 1
    reach = rng.uniform(0.3, 0.6) / np.sqrt(count) * rng.uniform(0.6, 1.4, count)
    return np.asarray(near < reach[index], float)


def _tuft(rng: Rng) -> Array:
    out = np.zeros((N, N), bool)
    for _ in range(int(rng.integers(10, 30))):
        root, lean, thick, tall = (
            rng.uniform(0.25, 0.75),
            rng.uniform(-0.5, 0.5),
            rng.uniform(0.008, 0.03),
            rng.uniform(0.4, 1),
        )
        v = GRID_V / tall
        out |= (abs(GRID_U - root - lean * v**2) < thick * (1.1 - v)) & (v < 1)
    return out.astype(float)


def _mesh(rng: Rng) -> Array:
    count, thick = int(rng.integers(4, 12)), rng.uniform(0.06, 0.14)
    a, b = (GRID_U + GRID_V) * count % 1, (GRID_U - GRID_V) * count % 1
    return ((a < thick) | (b < thick)).astype(float)


def _bars(rng: Rng) -> Array:
    count, thick = int(rng.integers(4, 14)), rng.uniform(0.12, 0.5)
    return ((GRID_U * count % 1 < thick) | (abs(GRID_V - 0.15) < 0.04) | (abs(GRID_V - 0.85) < 0.04)).astype(
        float
    )


def _twigs(rng: Rng) -> Array:
    out = np.zeros((N, N), bool)
    todo = [(0.5, 0.0, np.pi / 2, 0.05, 0.28)]
    while todo:
        u, v, turn, thick, length = todo.pop()
        eu, ev = u + length * np.cos(turn), v + length * np.sin(turn)
        t = np.clip(((GRID_U - u) * (eu - u) + (GRID_V - v) * (ev - v)) / length**2, 0, 1)
        out |= np.hypot(GRID_U - u - t * (eu - u), GRID_V - v - t * (ev - v)) < thick * (1 - 0.4 * t)
        if thick > 0.008:
            todo += [
                (eu, ev, turn + rng.normal(0, 0.55), thick * 0.62, length * rng.uniform(0.65, 0.9))
                for _ in range(2)
            ]
    return out.astype(float)


CUTOUTS: Final[dict[str, tuple[Callable[[Rng], Array], int]]] = {
    "leaf": (_leaf, 4),
    "leaves": (_leaves, 3),
    "tuft": (_tuft, 2),
    "mesh": (_mesh, 2),
    "bars": (_bars, 3),
    "twigs": (_twigs, 2),
}


class Bank:
    """The textures of one seed: `pixels` (K, pixels of all levels, 3), and the numbers of each kind."""

    def __init__(self, seed: int, photographs: Sequence[Array] = ()) -> None:
        rng = np.random.default_rng([seed, 77])
        self.numbers: dict[str, list[int]] = {}
        pictures: list[Array] = []
        for name, (make, count) in {**SURFACES, **CUTOUTS}.items():
            self.numbers[name] = list(range(len(pictures), len(pictures) + count))
            for _ in range(count):
                picture = make(rng)
                # Surfaces are drawn top row first; v runs upwards, as cutouts are made.
                pictures.append(picture[::-1] if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1))
        if photographs:
            for name, cut in photographic.KINDS.items():
                first = len(pictures)
                self.numbers[name] = list(range(first, first + photographic.COUNT))
                pictures += [
                    cut(rng, photographs[int(rng.integers(len(photographs)))])[::-1]
                    for _ in range(photographic.COUNT)
                ]
        self.pixels = np.zeros((len(pictures), int(OFFSETS[-1]) + 1, 3), np.uint8)
        for k, picture in enumerate(pictures):
            level = np.clip(picture, 0, 1)
            for n in range(LEVELS):
                size = N >> n
                self.pixels[k, OFFSETS[n] : OFFSETS[n] + size * size] = np.round(255 * level).reshape(-1, 3)
                if size > 1:
                    level = level.reshape(size // 2, 2, size // 2, 2, 3).mean((1, 3))

    def pick(self, rng: Rng, *kinds: str) -> int:
        """Return the number of a texture of one of the kinds."""
        numbers = self.numbers[kinds[rng.integers(len(kinds))]]
        return numbers[rng.integers(len(numbers))]
