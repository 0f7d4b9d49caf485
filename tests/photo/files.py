"""Writes photo files for tests, tag by tag and box by box, so that each can be wrong in one way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]
HEIC = Path(__file__).parents[1] / "gateway" / "tiny.heic"
COLOURS = ((200, 90, 60), (80, 180, 90), (60, 80, 190), (190, 180, 80))
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def quarters(width: int = 96, height: int = 64, colours: Sequence[Sequence[int]] = COLOURS) -> Array:
    """Return four colours, each a quarter: upper left, upper right, lower left, lower right."""
    pixels = np.zeros((height, width, len(colours[0])), np.uint8)
    for index, colour in enumerate(colours):
        y, x = divmod(index, 2)
        pixels[y * height // 2 : (y + 1) * height // 2, x * width // 2 : (x + 1) * width // 2] = colour
    return pixels


def centres(pixels: Array) -> Array:
    """Return the colour in the middle of each quarter, as integers."""
    height, width = pixels.shape[:2]
    return np.array(
        [pixels[int(height * y), int(width * x)] for y in (0.25, 0.75) for x in (0.25, 0.75)]
    ).astype(int)


def noise(width: int = 640, height: int = 480, cell: int = 8) -> Array:
    """Return cells of random colours, whose loss shows anywhere."""
    cells = np.random.default_rng(1).integers(0, 255, (height // cell, width // cell, 3))
    return np.kron(cells, np.ones((cell, cell, 1))).astype(np.uint8)


def encoded(pixels: Array | Image.Image, kind: str, **options: Any) -> bytes:
    """Return the picture as Pillow writes it."""
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, kind, **options)
    return out.getvalue()


# --- TIFF and EXIF ----------------------------------------------------------------------------------

Values = Sequence[Any] | bytes
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}


class TiffWriter:
    """Writes a TIFF structure; tags are number -> (type, values)."""

    def __init__(self, order: str = "<", *, big: bool = False) -> None:
        self.order, self.big = order, big
        mark = b"II" if order == "<" else b"MM"
        head = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
        self.out = bytearray(mark + head)

    def add(self, data: bytes) -> int:
        """Append data; return where they are."""
        self.out += bytes(-len(self.out) % 4)
        at = len(self.out)
        self.out += data
        return at

    def packed(self, kind: int, values: Values) -> bytes:
        """Return values as they stand in the file."""
        if isinstance(values, bytes):
            return values
        if kind in {5, 10}:
            code = "I" if kind == 5 else "i"
            return b"".join(struct.pack(f"{self.order}2{code}", *each) for each in values)
        return struct.pack(f"{self.order}{len(values)}{_CODES[kind]}", *values)

    def directory(self, tags: Mapping[int, tuple[int, Values]], following: int = 0) -> int:
        """Append a directory; return where it is."""
        sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
        entry, inline, offset_code = ("HHQ", 8, "Q") if self.big else ("HHI", 4, "I")
        entries = b""
        for tag, (kind, values) in sorted(tags.items()):
            data = self.packed(kind, values)
            entries += struct.pack(self.order + entry, tag, kind, len(data) // sizes[kind])
            entries += (
                data.ljust(inline, b"\0")
                if len(data) <= inline
                else struct.pack(self.order + offset_code, self.add(data))
            )
        count = struct.pack(self.order + ("Q" if self.big else "H"), len(tags))
        return self.add(count + entries + struct.pack(self.order + offset_code, following))

    def done(self, first: int) -> bytes:
        """Return the file whose first directory is there."""
        code, at = ("Q", 8) if self.big else ("I", 4)
        struct.pack_into(self.order + code, self.out, at, first)
        return bytes(self.out)


def strip_tags(
    writer: TiffWriter,
    pixels: Array,
    photometric: int,
    *,
    data: bytes | None = None,
    compression: int = 1,
    rows: int = 0,
) -> dict[int, tuple[int, Values]]:
    """Append the pixels in strips; return the tags of a baseline page."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    height, width, samples = pixels.shape
    rows = rows or height
    forms = {"u": 1, "i": 2, "f": 3}
    raw = pixels.astype(pixels.dtype.newbyteorder(writer.order))
    strips = [raw[top : top + rows].tobytes() for top in range(0, height, rows)] if data is None else [data]
    return {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [pixels.dtype.itemsize * 8] * samples),
        259: (3, [compression]),
        262: (3, [photometric]),
        273: (4, [writer.add(strip) for strip in strips]),
        277: (3, [samples]),
        278: (4, [rows]),
        279: (4, [len(strip) for strip in strips]),
        339: (3, [forms[pixels.dtype.kind]] * samples),
    }


def tiff(
    pixels: Array,
    photometric: int = 2,
    extra: Mapping[int, tuple[int, Values]] | None = None,
    *,
    order: str = "<",
    big: bool = False,
    **options: Any,
) -> bytes:
    """Return a TIFF of one page."""
    writer = TiffWriter(order, big=big)
    return writer.done(
        writer.directory({**strip_tags(writer, pixels, photometric, **options), **(extra or {})})
    )


def exif(
    first: Mapping[int, tuple[int, Values]] | None = None,
    camera: Mapping[int, tuple[int, Values]] | None = None,
    shared: Mapping[int, tuple[int, Values]] | None = None,
    gps: Mapping[int, tuple[int, Values]] | None = None,
    order: str = "<",
) -> bytes:
    """Return an EXIF block of these directories: IFD0, Exif, interoperability, GPS."""
    writer = TiffWriter(order)
    below = dict(camera or {})
    if shared:
        below[0xA005] = (4, [writer.directory(shared)])
    top = dict(first or {})
    if gps:
        top[0x8825] = (4, [writer.directory(gps)])
    if below:
        top[0x8769] = (4, [writer.directory(below)])
    return writer.done(writer.directory(top))


# --- JPEG, PNG, WebP --------------------------------------------------------------------------------


def jpeg_segment(code: int, body: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Return the JPEG with segments behind its first marker."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    """Return the JPEG with an EXIF block."""
    return with_segments(jpeg, jpeg_segment(0xE1, b"Exif\0\0" + block))


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(pixels: Array, colour: int, depth: int = 8, *chunks: bytes, data: bytes | None = None) -> bytes:
    """Return a PNG of rows of samples (bytes, or 16 bits); ``chunks`` stand before the picture."""
    height, width = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = pixels.astype(">u2" if depth == 16 else np.uint8).reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows) if data is None else data
    return (
        PNG_HEAD
        + chunk(b"IHDR", head)
        + b"".join(chunks)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a WebP of these chunks."""
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def riff_chunks(webp: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a WebP."""
    found, at = [], 12
    while at + 8 <= len(webp):
        name, size = struct.unpack_from("<4sI", webp, at)
        found.append((name, webp[at + 8 : at + 8 + size]))
        at += 8 + size + (size & 1)
    return found


# --- HEIF and AVIF ----------------------------------------------------------------------------------


def box(name: bytes, *parts: bytes) -> bytes:
    """Return a box."""
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def full(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box with a version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def coded_picture(file: bytes) -> tuple[bytes, bytes, bytes, tuple[int, int]]:
    """Return (item type, configuration property, coded bytes, size) of the first coded picture of a file."""
    at = next(file.find(name) for name in (b"hvcC", b"av1C") if name in file)
    (size,) = struct.unpack_from(">I", file, at - 4)
    configuration = file[at - 4 : at - 4 + size]
    kind = b"hvc1" if file[at : at + 4] == b"hvcC" else b"av01"
    from photo import boxes  # noqa: PLC0415

    meta = next(each for each in boxes.boxes(file, 0, len(file)) if each.name == b"meta")
    found = boxes.items(file, meta)
    item = next(item for item, each in found.types.items() if each == kind)
    body = next(body for name, body in found.of(item) if name == b"ispe")
    return kind, configuration, found.content(file, item, 1 << 30), struct.unpack_from(">II", body, 4)


def heif(
    source: bytes,
    properties: Iterable[bytes] = (),
    *,
    brand: bytes = b"heic",
    block: bytes = b"",
    xmp: bytes = b"",
    size: tuple[int, int] | None = None,
    grid: tuple[int, int, int, int] | None = None,
) -> bytes:
    """Return a file with the coded picture of ``source`` and these properties (irot, imir, colr, clap, ...).

    ``block``: EXIF. ``size``: what ispe states. ``grid``: rows, columns, width, height of tiles that all are
    this picture.
    """
    kind, configuration, coded, stated = coded_picture(source)
    stated = size or stated
    given = list(properties)
    items: list[tuple[int, bytes, bytes, bytes]] = [(1, kind, coded, b"")]
    references = b""
    primary = 1
    ipco = [configuration, full(b"ispe", 0, 0, struct.pack(">II", *stated))]
    associations = {1: [1, 2, *range(3, 3 + len(given))]}
    ipco += given
    if grid:
        rows, columns, width, height = grid
        ipco.append(full(b"ispe", 0, 0, struct.pack(">II", width, height)))
        tiles = range(100, 100 + rows * columns)
        primary = 2
        associations = {**{tile: [1, 2] for tile in tiles}, 2: [len(ipco), *range(3, 3 + len(given))]}
        items = [(tile, kind, coded, b"") for tile in tiles]
        items.append((2, b"grid", struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height), b""))
        references += box(b"dimg", struct.pack(f">HH{len(tiles)}H", 2, len(tiles), *tiles))
    if block:
        items.append((10, b"Exif", bytes(4) + block, b""))
        references += box(b"cdsc", struct.pack(">HHH", 10, 1, primary))
    if xmp:
        items.append((11, b"mime", xmp, b"application/rdf+xml\0"))
        references += box(b"cdsc", struct.pack(">HHH", 11, 1, primary))
    ftyp = box(b"ftyp", brand, bytes(4), b"mif1", brand, b"miaf")
    return _with_media(ftyp, primary, items, ipco, associations, references)


def _with_media(
    ftyp: bytes,
    primary: int,
    items: list[tuple[int, bytes, bytes, bytes]],
    ipco: list[bytes],
    associations: dict[int, list[int]],
    references: bytes,
) -> bytes:
    def meta(base: int) -> bytes:
        extents, at = b"", base
        for item, _, data, _ in items:
            extents += struct.pack(">HHHII", item, 0, 1, at, len(data))
            at += len(data)
        infos = b"".join(
            full(b"infe", 2, 0, struct.pack(">HH", item, 0), kind, b"\0", mime)
            for item, kind, _, mime in items
        )
        ipma = b"".join(
            struct.pack(">HB", item, len(found)) + bytes(index | essential[index - 1] for index in found)
            for item, found in sorted(associations.items())
        )
        return full(
            b"meta",
            0,
            0,
            full(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, 0, struct.pack(">H", primary)),
            full(b"iloc", 0, 0, struct.pack(">HH", 0x4400, len(items)), extents),
            full(b"iinf", 0, 0, struct.pack(">H", len(items)), infos),
            full(b"iref", 0, 0, references) if references else b"",
            box(
                b"iprp", box(b"ipco", *ipco), full(b"ipma", 0, 0, struct.pack(">I", len(associations)), ipma)
            ),
        )

    essential = [0 if each[4:8] in {b"ispe", b"colr"} else 0x80 for each in ipco]
    base = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(base) + box(b"mdat", *(data for _, _, data, _ in items))


def nclx(primaries: int, transfer: int, matrix: int = 6, full_range: int = 1) -> bytes:
    """Return a colour property by code points."""
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7))


def irot(quarters_anticlockwise: int) -> bytes:
    """Return a rotation property."""
    return box(b"irot", bytes([quarters_anticlockwise]))


def imir(axis: int) -> bytes:
    """Return a mirror property: 0 exchanges top and bottom, 1 left and right."""
    return box(b"imir", bytes([axis]))
