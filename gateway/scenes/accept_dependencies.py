"""The dependencies of accepting a photo, from the API or from a partner's topic."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from bus.blobs import Blobs
from gateway.accounts.quotas import Quotas
from gateway.scenes.photo_reader import PhotoReader
from gateway.scenes.uploads import Uploads
from gateway.ssrf import SsrfGuard


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptDependencies:
    """Built by the gateway (`gateway.scenes.dependencies`) and the partners role (`gateway.partners.intake`).

    ``bucket``: of the object store ``blobs``. ``photos`` reads them. ``outgoing`` fetches
    an ``image_url`` within ``fetch_seconds``, from addresses that ``images`` allows. ``receivers``: the
    addresses that a webhook may have. ``quotas``: how much an account may have in flight.
    """

    blobs: Blobs
    bucket: str
    fetch_seconds: float
    images: SsrfGuard
    outgoing: aiohttp.ClientSession
    photos: PhotoReader
    receivers: SsrfGuard
    quotas: Quotas
    uploads: Uploads
