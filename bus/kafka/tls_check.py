"""Refuses to start where Kafka and the settings do not agree about TLS; one that is away is waited for."""

from __future__ import annotations

import asyncio
from typing import Final

from bus.runtime import tls, tls_probe
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import KafkaSettings

_API_VERSIONS: Final = bytes.fromhex("0000000a 0012 0000 00000000 ffff")
"""The request for the versions that a broker speaks, which it answers before any login."""


def trouble(kafka: KafkaSettings) -> str | None:
    """Return what is wrong about TLS and which key to set; None where nothing is. Blocks for some seconds.

    Raises `ConfigurationError` where a file of the settings cannot be read.
    """
    servers = []
    for each in kafka.bootstrap_servers.split(","):
        host, _, port = each.strip().rpartition(":")
        if port.isdecimal():
            servers.append((host.strip("[]"), int(port)))
    return tls_probe.trouble(servers, kafka.ssl_context(), _API_VERSIONS, tls.KAFKA)


async def require(kafka: KafkaSettings) -> None:
    """Raise `ConfigurationError` with the sentence of `trouble`."""
    if said := await asyncio.to_thread(trouble, kafka):
        raise ConfigurationError(said)
