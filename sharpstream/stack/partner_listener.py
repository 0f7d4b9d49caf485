"""The partners' listener: the only listener of Kafka for clients other than our roles.

By default it accepts connections from this machine only, unencrypted. With a certificate it uses TLS, and
only then it may be opened to other machines. ACLs decide what a partner may do, not this module.
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
"""The name by which partners reach this machine; unset, only this machine can connect."""
PEM_KEY: Final = "SHARPSTREAM_PARTNERS_PEM"
"""One file: the private key (PKCS 8, not encrypted), then the certificate and its chain."""
REAUTHENTICATE_MS: Final = 10 * 60_000
"""Connections authenticate again after this, so that a new password ends the old one's connections."""

LIMITS: Final[dict[str, object]] = {
    # For all partners together; one with a consumer and a producer has about five.
    "listener.name.partners.max.connections": 200,
    "listener.name.partners.max.connection.creation.rate": 20,
    # A request is held in memory whole, by everybody whom the broker knows; 100 MB by default.
    "socket.request.max.bytes": 8 * 1024 * 1024,
    # Each producer id that wrote in this time takes memory, and a client may take as many as it likes. By
    # default a day. It must outlast a producer's retries, which are 2 minutes.
    "producer.id.expiration.ms": 15 * 60_000,
    "producer.id.expiration.check.interval.ms": 60_000,
    "group.max.size": 200,
    # Of 8 by default: eight connections of a partner could hold them all, with a batch of 7 s each.
    "num.io.threads": 16,
    # A client beyond its share waits for one such window at most, whatever it has cost: 1 s by default, less
    # than the broker needs to unpack one batch of 2 MB.
    "quota.window.size.seconds": 10,
    # Of 11 by default: rates are still measured over 10 to 20 s, so bursts are no longer.
    "quota.window.num": 2,
}
"""What one client may cost a broker. `deploy/kafka/server.properties` has the same."""


@dataclass(frozen=True, kw_only=True)
class PartnerListener:
    """The name of its host, and its certificate."""

    host: str | None = None
    pem: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the listener that the environment configures. Raises `StartError` for an unsafe one."""
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
        """Kafka's name of its security protocol."""
        return "SASL_SSL" if self.pem else "SASL_PLAINTEXT"

    def listens(self, port: int) -> str:
        """Return ``host:port`` to bind: every interface if other machines may connect."""
        return f"{'0.0.0.0' if self.host else LOOPBACK}:{port}"  # noqa: S104  (asked for, with TLS)

    def address(self, port: int) -> str:
        """Return ``host:port`` as partners use it."""
        return f"{self.host or LOOPBACK}:{port}"

    def options(self) -> dict[str, object]:
        """Return the broker's properties that only this listener has."""
        mine = "listener.name.partners"
        options = {f"{mine}.scram-sha-512.connections.max.reauth.ms": REAUTHENTICATE_MS, **LIMITS}
        if self.pem:
            options |= {
                f"{mine}.ssl.keystore.type": "PEM",
                f"{mine}.ssl.keystore.location": self.pem,
                f"{mine}.ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
            }
        return options

    def variables(self, port: int) -> dict[str, str]:
        """Return the gateway's settings of what new partners receive."""
        return {
            "PARTNERS_BOOTSTRAP_SERVERS": self.address(port),
            "PARTNERS_SECURITY_PROTOCOL": self.protocol,
        }
