"""The picture of a shared scene for link previews: small, unsigned, in the formats that messengers read.

It is made of the photo's rendition, which resembles the scene as it opens, or of the scene's own preview
where the share hides the photo. Made in a worker without rights and kept in memory: a link that spreads is
asked for by thousands within minutes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from bus.blobs import Blobs
from bus.runtime.errors import SharpstreamError
from gateway.errors import DomainError
from gateway.scenes.photo_reader import PhotoReader
from gateway.scenes.renditions import Renditions
from gateway.scenes.repository import key_of
from gateway.scenes.shares import OpenedShare

Format = Literal["webp", "jpg"]
MEDIA_TYPES: Final[dict[Format, str]] = {"webp": "image/webp", "jpg": "image/jpeg"}
KEPT: Final = 64
"""Pictures in memory, 0.1 MB each."""
_SOURCE_BYTES: Final = 16 * 1024 * 1024
_AT_ONCE: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkPicture:
    """An encoded picture and its size in pixels."""

    data: bytes
    media_type: str


class LinkPictures:
    """Makes pictures of shared scenes, each once."""

    def __init__(self, blobs: Blobs, renditions: Renditions, photos: PhotoReader) -> None:
        self._blobs, self._renditions, self._photos = blobs, renditions, photos
        self._kept: OrderedDict[tuple[str, Format], LinkPicture] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def of(self, share: OpenedShare, wanted: Format) -> LinkPicture | None:
        """Return the picture; None while there is none: the photo is hidden and the scene was never opened.

        Raises `DomainError` where the stored picture cannot be read.
        """
        url = await self._source(share)
        if url is None:
            return None
        name = url, wanted
        if name not in self._kept:
            async with self._turns:
                if name not in self._kept:
                    self._kept[name] = await self._make(url, wanted, share)
        self._kept.move_to_end(name)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[name]

    async def _source(self, share: OpenedShare) -> str | None:
        shown = (await self._renditions.of(share.scene)).rendition if share.options.show_photo else None
        return shown or share.scene.preview_url

    async def _make(self, url: str, wanted: Format, share: OpenedShare) -> LinkPicture:
        try:
            source, _ = await self._blobs.read(key_of(url), most=_SOURCE_BYTES)
        except SharpstreamError as error:
            raise DomainError("not_found", "The picture of this scene is not there (any more).") from error
        data = await self._photos.link_picture(source, wanted, share.scene.user_id)
        return LinkPicture(data=data, media_type=MEDIA_TYPES[wanted])
