"""The partners' door: the one listener of Kafka that others than our roles may knock at.

On this machine alone, in clear, unless the operator says otherwise: with a certificate it speaks TLS, and
only then it may be opened to other machines. Everything that a partner may do is decided by ACLs, not here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sharpstream.stack.errors import StartError
from sharpstream.stack.ports import LOOPBACK

HOST_KEY: Final = "SHARPSTREAM_PARTNERS_HOST"
"""The name by which partners reach this machine; unset, only this machine itself can."""
PEM_KEY: Final = "SHARPSTREAM_PARTNERS_PEM"
"""One file: the private key (PKCS 8, not encrypted), then the certificate and its chain."""
REAUTHENTICATE_MS: Final = 10 * 60_000
"""A connection proves itself again after this, so that a changed password ends the old one's connections."""


@dataclass(frozen=True, kw_only=True)
class PartnerListener:
    """Where it is, and how it speaks."""

    host: str | None = None
    pem: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the door as the environment says. Raises `StartError` for one that would be unsafe."""
        given = os.environ if environment is None else environment
        host, pem = given.get(HOST_KEY) or None, given.get(PEM_KEY) or None
        if host and not pem:
            raise StartError(
                f"{HOST_KEY} opens Kafka to other machines, which needs TLS: set {PEM_KEY} to a file with "
                "the private key and the certificate, or unset it."
            )
        if pem and not Path(pem).is_file():
            raise StartError(f"{PEM_KEY} names {pem}, where there is no file.")
        return cls(host=host, pem=Path(pem).resolve() if pem else None)

    @property
    def protocol(self) -> str:
        """Kafka's name of how it speaks."""
        return "SASL_SSL" if self.pem else "SASL_PLAINTEXT"

    def listens(self, port: int) -> str:
        """Return ``host:port`` to bind: every interface where others are let in."""
        return f"{'0.0.0.0' if self.host else LOOPBACK}:{port}"  # noqa: S104  (asked for, with TLS)

    def address(self, port: int) -> str:
        """Return ``host:port`` as partners know it."""
        return f"{self.host or LOOPBACK}:{port}"

    def options(self) -> dict[str, object]:
        """Return the broker's properties that only this listener has."""
        mine = "listener.name.partners"
        options: dict[str, object] = {f"{mine}.scram-sha-512.connections.max.reauth.ms": REAUTHENTICATE_MS}
        if self.pem:
            options |= {
                f"{mine}.ssl.keystore.type": "PEM",
                f"{mine}.ssl.keystore.location": self.pem,
                f"{mine}.ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
            }
        return options

    def variables(self, port: int) -> dict[str, str]:
        """Return what the gateway tells new partners."""
        return {
            "PARTNERS_BOOTSTRAP_SERVERS": self.address(port),
            "PARTNERS_SECURITY_PROTOCOL": self.protocol,
        }
