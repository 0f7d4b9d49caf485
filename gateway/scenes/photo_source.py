"""Fetches the photo: from the request itself, from a URL that the client names, or from an upload.

Returns bytes within the size limit; must not check their content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

import aiohttp

from bus.blobs import BlobMissingError
from bus.contract.limits import MAX_PHOTO_BYTES
from gateway.errors import DomainError
from gateway.scenes.accept_dependencies import AcceptDependencies
from gateway.scenes.generate_request import Original, Source
from gateway.scenes.photo_errors import too_large
from gateway.ssrf import AddressRefusedError, exact

_HEADERS: Final = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "Sharpstream/1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A photo's bytes; for an upload also its id, and as ``stored`` its key and version in the store."""

    photo: bytes
    upload_id: UUID | None = None
    stored: tuple[str, str] | None = None


Charge: TypeAlias = Callable[[int], None]
"""Takes bytes from the memory for photos; raises `DomainError` busy where there are none left."""


def uncharged(size: int) -> None:
    """Charge nothing: the caller bounds its memory otherwise."""


async def fetch(
    dependencies: AcceptDependencies, account_id: UUID, source: Source, charge: Charge = uncharged
) -> Fetched:
    """Return the photo of any source. Raises `DomainError` as `from_url`, `from_upload` and `from_scene`."""
    match source:
        case bytes():
            return Fetched(photo=source)
        case UUID():
            return await from_upload(dependencies, account_id, source, charge)
        case Original():
            return await from_scene(dependencies, source, charge)
        case _:
            return await from_url(dependencies, source, charge)


async def from_url(dependencies: AcceptDependencies, url: str, charge: Charge = uncharged) -> Fetched:
    """Fetch the photo. Raises `DomainError`: url_refused, url_failed, photo_too_large."""
    dependencies.images.check(url)
    limit_s = dependencies.fetch_seconds
    try:
        async with asyncio.timeout(limit_s):  # for the whole fetch: a server may send a byte a minute
            return Fetched(photo=await _get(dependencies, url, charge))
    except TimeoutError as error:
        raise DomainError("url_failed", f"The photo was not here within {limit_s:g} s.") from error
    except AddressRefusedError as error:
        raise DomainError("url_refused", error.message) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DomainError("url_failed", "The address did not answer, or broke off.") from error


async def from_upload(
    dependencies: AcceptDependencies, account_id: UUID, upload_id: UUID, charge: Charge = uncharged
) -> Fetched:
    """Read an upload. Raises `DomainError`: not_found, upload_used, upload_expired, upload_missing."""
    upload = await dependencies.uploads.get(account_id, upload_id)
    if upload is None:
        raise DomainError("not_found", "You have no upload with this id.")
    if upload.used:
        raise DomainError("upload_used", "This upload has been used already; make another one.")
    if upload.expired:
        raise DomainError("upload_expired", "This upload was not used in time; make another one.")
    charge(upload.bytes)
    try:
        photo, version = await dependencies.blobs.read(upload.key, most=MAX_PHOTO_BYTES)
    except BlobMissingError as error:
        raise DomainError(
            "upload_missing", "Nothing is there yet; PUT the photo to its url first."
        ) from error
    if len(photo) > MAX_PHOTO_BYTES:
        raise too_large()
    return Fetched(photo=photo, upload_id=upload_id, stored=(upload.key, version))


async def from_scene(
    dependencies: AcceptDependencies, original: Original, charge: Charge = uncharged
) -> Fetched:
    """Read the photo of another scene of the account. Raises `DomainError` photo_erased."""
    charge(original.bytes)
    try:
        photo, version = await dependencies.blobs.read(original.key, most=MAX_PHOTO_BYTES)
    except BlobMissingError as error:  # erased, or deleted with its scene, since its row was read
        raise photo_erased() from error
    return Fetched(photo=photo, stored=(original.key, version))


def photo_erased() -> DomainError:
    """Return the error for a photo that is not stored any more."""
    return DomainError(
        "photo_erased",
        "The photo was erased, so it cannot be processed again; send it once more as a new one.",
    )


async def _get(dependencies: AcceptDependencies, url: str, charge: Charge) -> bytes:
    async with dependencies.outgoing.get(exact(url), allow_redirects=False, headers=_HEADERS) as answer:
        if answer.status != 200:
            hint = " Redirects are not followed: give the final address." if answer.status // 100 == 3 else ""
            raise DomainError(
                "url_failed", f"The address answered {answer.status}.{hint}", status=answer.status
            )
        if (answer.content_length or 0) > MAX_PHOTO_BYTES:
            raise too_large()
        photo = bytearray()
        async for piece in answer.content.iter_any():
            charge(len(piece))
            photo += piece
            if len(photo) > MAX_PHOTO_BYTES:
                raise too_large()
        return bytes(photo)
