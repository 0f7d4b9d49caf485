"""Small files that take much memory or time to read."""

from __future__ import annotations

import io

from PIL import Image


def huge_canvas() -> bytes:
    """Return an animated WebP of two small frames on a canvas of 100 megapixels."""
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], quality=1)
    data = bytearray(out.getvalue())
    canvas = data.index(b"VP8X") + 12
    data[canvas : canvas + 6] = (9998).to_bytes(3, "little") * 2
    return bytes(data)


def many_scans(times: int = 42) -> bytes:
    """Return a progressive JPEG whose last scan comes again, as often as its size permits: some 1.5 s."""
    out = io.BytesIO()
    Image.new("L", (5400, 5500), 128).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * times + data[-2:]
