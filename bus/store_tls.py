"""Refuses to start where the object store and the settings do not agree about TLS."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from bus.runtime import tls, tls_probe
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import S3Settings

_HELLO: Final = b"GET / HTTP/1.0\r\nHost: %s\r\n\r\n"
_PORTS: Final = {"http": 80, "https": 443}


async def require(settings: S3Settings) -> None:
    """Raise `ConfigurationError` with a sentence; a store that is away is waited for.

    AWS itself, without an endpoint, is not asked: its clients speak TLS alone.
    """
    tls.check_ca_file(tls.STORE, settings.ca_file)
    if settings.endpoint_url and (said := await asyncio.to_thread(_trouble, settings, settings.endpoint_url)):
        raise ConfigurationError(said)


def _trouble(settings: S3Settings, endpoint: str) -> str | None:
    url = urlsplit(endpoint)
    if url.scheme not in _PORTS or not url.hostname:
        return None  # botocore says what is wrong with it
    context = tls.client_context(tls.STORE, ca_file=settings.ca_file) if url.scheme == "https" else None
    server = (url.hostname, url.port or _PORTS[url.scheme])
    return tls_probe.trouble([server], context, _HELLO % url.hostname.encode("idna"), tls.STORE)
