"""Parses the upload form while it streams in: each part is bounded, the photo is held in memory once.

Litestar's own parser buffers any number of parts and answers 400 for all excess. Here each limit has its own
code, and the rest of a refused upload is not read.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Request
from multipart import MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser

from bus.contract.limits import MAX_METADATA_BYTES, MAX_PHOTO_BYTES
from gateway.errors import DomainError
from gateway.http.errors import HttpError
from gateway.scenes import part_names
from gateway.scenes.generate_request import UploadForm
from gateway.scenes.photo_errors import too_large
from gateway.scenes.photo_source import Charge, uncharged

PHOTO_FIELD: Final = "image"
TEXT_LIMITS: Final = {
    "metadata": MAX_METADATA_BYTES,
    "focal_length_px": 64,
    "focal_length_mm": 64,
    "priority": 64,
    "webhook_url": 2048,
    "delete_after_hours": 64,
}
"""Bytes of each text field."""
MAX_BODY_BYTES: Final = MAX_PHOTO_BYTES + MAX_METADATA_BYTES + 64 * 1024
"""The photo, the metadata, and the form around them."""
MAX_PARTS: Final = 16
_TOO_LONG: Final = {"metadata": "metadata_too_large", "webhook_url": "url_refused"}


async def read_form(request: Request[Any, Any, Any], charge: Charge = uncharged) -> UploadForm:
    """Read the multipart body, charging its bytes as they arrive.

    Raises `DomainError` for a defect as soon as it is found.
    """
    kind, options = request.content_type
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise HttpError(
            "unsupported_media_type",
            f"Send multipart/form-data with the photo in the field '{PHOTO_FIELD}'.",
            headers={"Accept": "multipart/form-data"},
        )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise too_large()
    reader = _FormReader()
    try:
        parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS, header_charset=part_names.LATIN)
        with parser:
            async for chunk in _chunks(request):
                charge(len(chunk))
                for event in parser.parse(chunk):
                    reader.take(event)
                if parser.closed:
                    break
    except ParserLimitReached as error:
        raise DomainError(
            "upload_malformed", f"The form has more than {MAX_PARTS} parts, or a part with too long a head."
        ) from error
    except (ParserError, ValueError) as error:
        raise DomainError(
            "upload_malformed",
            "The form cannot be read; check its boundary, and send it to its end.",
        ) from error
    return reader.form()


async def _chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield the body as the server receives it; the rest of a refused body is never requested."""
    total, more = 0, True
    while more:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise DomainError("client_gone", "The client closed the connection before its upload was whole.")
        total += len(message["body"])
        if total > MAX_BODY_BYTES:
            raise too_large()
        if message["body"]:
            yield message["body"]
        more = message.get("more_body", False)


class _FormReader:
    """Takes the parser's events one by one: a segment, its bytes, then None."""

    def __init__(self) -> None:
        self._photo: io.BytesIO | None = None
        self._filename: str | None = None
        self._texts: dict[str, str] = {}
        self._strange: list[str] = []
        self._name = ""
        self._sink: io.BytesIO | None = None
        self._room = 0
        self._type: str | None = None

    def take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._sink is not None:
            self._room -= len(event)
            if self._room < 0:
                raise self._full()
            self._sink.write(event)

    def form(self) -> UploadForm:
        if self._photo is None:
            found = f" The form has a file in '{self._strange[0]}'." if self._strange else ""
            raise DomainError(
                "photo_missing",
                f"Send the photo in the form field '{PHOTO_FIELD}'.{found}",
                expected=PHOTO_FIELD,
                received=sorted({*self._texts, *self._strange}),
            )
        if self._strange:
            raise _unknown(self._strange[0])
        # getvalue shares its buffer without a copy.
        return UploadForm(photo=self._photo.getvalue(), filename=self._filename, texts=self._texts)

    def _begin(self, segment: MultipartSegment) -> None:
        name, filename = part_names.names(segment.header("Content-Disposition", ""))
        self._name, self._sink = name, None
        if name == PHOTO_FIELD:
            if self._photo is not None:
                raise _repeated(name)
            self._photo, self._room = io.BytesIO(), MAX_PHOTO_BYTES
            self._filename = filename
            self._sink = self._photo
        elif name in TEXT_LIMITS:  # also with a file name, which browsers give to a Blob
            if name in self._texts:
                raise _repeated(name)
            self._sink, self._room = io.BytesIO(), TEXT_LIMITS[name]
            self._type = segment.header("Content-Type")
        elif filename is not None:
            self._strange.append(name)  # its bytes are skipped: the answer names the unknown field
        else:
            raise _unknown(name)

    def _end(self) -> None:
        if self._sink is None or self._sink is self._photo:
            return
        try:
            self._texts[self._name] = part_names.text_of(self._sink.getvalue(), self._type)
        except UnicodeDecodeError as error:
            raise DomainError("upload_malformed", f"The field '{self._name}' is not UTF-8 text.") from error

    def _full(self) -> DomainError:
        if self._name == PHOTO_FIELD:
            return too_large()
        limit = TEXT_LIMITS[self._name]
        code = _TOO_LONG.get(self._name) or f"{_family(self._name)}_invalid"
        return DomainError(code, f"The field '{self._name}' has more than {limit} bytes.", limit=limit)


def _family(name: str) -> str:
    return "focal_length" if name.startswith("focal_length") else name


def _repeated(name: str) -> DomainError:
    return DomainError("field_repeated", f"The field '{name}' is given more than once; send it once.")


def _unknown(name: str) -> DomainError:
    names = ", ".join([PHOTO_FIELD, *TEXT_LIMITS])
    return DomainError("field_unknown", f"The form has a field '{name[:64]}' that is not known; use {names}.")
