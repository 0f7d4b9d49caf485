"""The pages of a TIFF: which one is the photo, its size and its kind, without decoding.

Reduced pages, masks and thumbnails are never the photo. Sources: TIFF 6.0, BigTIFF, TIFF/EP, DNG.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from photo import raw
from photo.errors import damaged, short, unsupported
from photo.header import MAX_METADATA, Header
from photo.tags import Directory, Tiff

LOSSLESS: Final = {1: "none", 5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits", 50000: "Zstandard"}
"""Compressions of bytes, whatever the samples are."""
PICTORIAL: Final = {2: "CCITT", 3: "CCITT", 4: "CCITT", 7: "JPEG"}
"""Compressions of pixels of certain kinds."""
_COLOURS: Final = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4}
"""Photometric interpretation -> colour channels: white is zero, black is zero, RGB, palette, CMYK."""
_KINDS: Final = {6: "YCbCr", 8: "CIELAB", 9: "CIELAB", 10: "CIELAB", 32844: "LogLuv", 32845: "LogLuv"}
_DEPTHS: Final = {1: frozenset(range(1, 33)), 2: frozenset({8, 16, 32}), 3: frozenset({16, 24, 32, 64})}
"""Sample format (unsigned, signed, float) -> bits a sample."""
_MAX_SEGMENTS: Final = 1_000_000
_MAX_WASTE: Final = 2
"""Pixels of all tiles, as a multiple of the picture's..."""
_SMALL: Final = 4 * 1024 * 1024
"""...beyond these: a small picture may lie in one large tile."""
_ORIENTATION: Final = 274


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The photo's page. ``segments``: (offset, bytes) of its strips or tiles, plane after plane.

    ``across`` and ``rows``: pixels of one segment, a strip as wide as the picture. ``form``: 1 unsigned,
    2 signed, 3 float. ``alpha``: the channel that the colours are multiplied by, None where there is none.
    """

    source: Directory
    width: int
    height: int
    photometric: int
    compression: int
    samples: int
    bits: int
    form: int
    planar: bool
    tiled: bool
    across: int
    rows: int
    predictor: int
    alpha: int | None
    segments: list[tuple[int, int]]

    @property
    def colours(self) -> int:
        """Channels of colour, without alpha."""
        return _COLOURS.get(self.photometric, 3)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of one segment."""
        return (self.across * (1 if self.planar else self.samples) * self.bits + 7) // 8

    @property
    def columns(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.across)


def read(data: bytes) -> Header:
    """Return the facts. Raises `PhotoError` for a TIFF that is short, damaged or of an unread kind."""
    tiff = Tiff.open(data)
    if tiff is None:
        raise short("header")
    chain = list(tiff.pages())
    if not chain:
        raise short("header") if tiff.first >= len(data) - 2 else damaged("it has no page")
    below = [page for each in chain for page in _below(tiff, each)]
    if any(raw.is_raw(page) for page in (*chain, *below)):
        raise unsupported("A camera raw file", "Develop it and save it as JPEG")
    source = _photo(chain, below)
    page = _page(source, len(data))
    return Header(
        format="TIFF",
        width=page.width,
        height=page.height,
        orientation=source.number(_ORIENTATION, chain[0].number(_ORIENTATION, 1)),
        bits=page.bits,
        channels=page.samples,
        decode_bytes=_decode_bytes(page) + len(data),
        icc=_blob(source, 34675),
        xmp=_blob(source, 700),
        exif=data,  # its own directories hold the tags
        detail=page,
    )


def _below(tiff: Tiff, page: Directory) -> Iterator[Directory]:
    for at in page.values(330)[:16]:
        found = tiff.directory(at) if isinstance(at, int) else None
        if found is not None:
            yield found


def _photo(chain: list[Directory], below: list[Directory]) -> Directory:
    """Return the first page that is the picture in full, of the chain or else below one of its pages."""
    for page in (*chain, *below):
        kind = page.number(254)
        if not kind & 0b101 and page.number(255, 1) != 2 and page.number(256) and page.number(257):
            return page
    raise unsupported("A TIFF that holds only a small preview")


def _page(source: Directory, size: int) -> Page:
    width, height = source.number(256), source.number(257)
    bits, forms = _integers(source, 258) or (1,), _integers(source, 339) or (1,)
    samples = source.number(277, 1)
    if not 1 <= samples <= 16 or len({*bits}) != 1 or len({*forms}) != 1:
        raise unsupported("A TIFF with channels that differ")
    form = forms[0] if forms[0] in {2, 3} else 1
    tiled = 322 in source
    across = source.number(322) if tiled else width
    rows = source.number(323) if tiled else min(source.number(278, height) or height, height)
    page = Page(
        source=source,
        width=width,
        height=height,
        photometric=source.number(262, 1),
        compression=source.number(259, 1),
        samples=samples,
        bits=bits[0],
        form=form,
        planar=source.number(284, 1) == 2 and samples > 1,
        tiled=tiled,
        across=across,
        rows=rows,
        predictor=source.number(317, 1),
        alpha=_alpha(source, samples),
        segments=list(zip(*_offsets(source, tiled=tiled), strict=False)),
    )
    _check_kind(page, forms[0])
    _check_segments(page, size)
    return page


def _integers(source: Directory, tag: int) -> tuple[int, ...]:
    """Return the numbers of a tag that must hold whole ones: text and fractions there are damage."""
    found = source.values(tag)
    if not all(isinstance(each, int) for each in found):
        raise damaged("a field that must hold whole numbers does not")
    return found


def _alpha(source: Directory, samples: int) -> int | None:
    """Return the channel of associated alpha: the first extra one that says so."""
    extra = _integers(source, 338)
    return samples - len(extra) + extra.index(1) if 1 in extra and len(extra) < samples else None


def _offsets(source: Directory, *, tiled: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    offsets = _integers(source, 324 if tiled else 273)
    counts = _integers(source, 325 if tiled else 279)
    if offsets and not counts and source.number(259, 1) == 1 and len(offsets) == 1:
        counts = (max(0, len(source.reader.data) - offsets[0]),)  # old files leave it out
    if len(offsets) != len(counts):
        raise damaged("its strips or tiles are not stated")
    return offsets, counts


def _check_kind(page: Page, form: int) -> None:
    """Raise `PhotoUnsupportedError` for samples, colours or a compression that are not read."""
    if page.compression not in LOSSLESS and page.compression not in PICTORIAL:
        raise unsupported(f"A TIFF with compression {page.compression}", "Save it with LZW or no compression")
    pictorial = page.compression in PICTORIAL
    if page.photometric not in _COLOURS and not (page.photometric == 6 and page.compression == 7):
        name = _KINDS.get(page.photometric, f"colour space {page.photometric}")
        raise unsupported(f"A TIFF in {name}", "Save it as RGB")
    if form > 4 or page.bits not in _DEPTHS[page.form] or (pictorial and page.bits not in {1, 8}):
        kind = {1: "unsigned", 2: "signed", 3: "float"}[page.form]
        raise unsupported(f"A TIFF with {page.bits} bits a sample ({kind})", "Save it with 8 or 16 bits")
    if page.samples < page.colours or (page.photometric == 3 and (page.bits > 8 or page.form != 1)):
        raise damaged("its channels do not fit its colours")
    if page.photometric == 3 and len(_integers(page.source, 320)) != 3 << page.bits:
        raise damaged("its palette is missing")
    if page.predictor not in {1, 2, 3} or (page.predictor == 2 and page.bits not in {8, 16, 32, 64}):
        raise unsupported("A TIFF with this predictor", "Save it with LZW or no compression")
    if page.photometric == 5 and page.source.number(332, 1) != 1:
        raise unsupported("A TIFF with inks other than CMYK", "Save it as RGB")


def _check_segments(page: Page, size: int) -> None:
    """Raise `PhotoError` unless the segments cover the picture, little more, and lie within the file."""
    if not 0 < page.across <= 100_000 or not 0 < page.rows <= 1_000_000:
        raise damaged("its strips or tiles have no size")
    down = -(-page.height // page.rows)
    needed = page.columns * down * (page.samples if page.planar else 1)
    if needed > min(len(page.segments), _MAX_SEGMENTS):
        raise damaged("some of its strips or tiles are missing")
    if page.tiled and (page.across % 16 or page.rows % 16):
        raise damaged("its tiles have an impossible size")
    area = page.width * page.height
    if page.tiled and page.columns * page.across * down * page.rows > max(_MAX_WASTE * area, _SMALL):
        raise unsupported("A TIFF whose tiles are larger than its picture")
    if max(start + count for start, count in page.segments[:needed]) > size:
        raise short("data")
    if page.compression == 1:
        _check_raw(page, down)


def _check_raw(page: Page, down: int) -> None:
    for index, (_, count) in enumerate(page.segments[: page.columns * down]):
        last = index // page.columns == down - 1
        rows = page.height - (down - 1) * page.rows if last and not page.tiled else page.rows
        if count < rows * page.row_bytes:
            raise damaged("a strip or tile is shorter than its pixels")


def _decode_bytes(page: Page) -> int:
    """Return an estimate: unpacked bytes, and the result with what it is converted from."""
    area = page.width * page.height
    if page.compression in PICTORIAL:
        return area * (4 + 3)
    planes = page.samples if page.planar else 1
    unpacked = page.columns * page.row_bytes * page.height * planes if page.compression != 1 else 0
    return unpacked + area * (4 + 4 + 3 if page.colours == 4 else 2 * 3)


def _blob(source: Directory, tag: int) -> bytes | None:
    body = source.raw(tag)
    return body if 0 < len(body) <= MAX_METADATA else None
