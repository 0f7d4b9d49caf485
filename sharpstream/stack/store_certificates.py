"""Certificates by which the parts of the object store know each other, so that nobody else gets past S3.

The store's inner doors (gRPC and HTTP of master, volume server and filer) ask for no password; with these
they take connections only from who has the key. One authority a home, whose own key is thrown away, and one
certificate for all parts, good for longer than any home.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.state_dir import write_private_text

_YEARS: Final = 100
_PARTS: Final = (
    "volume",
    "master",
    "filer",
    "s3",
    "admin",
    "worker",
    "msg_broker",
    "msg_agent",
    "mq",
    "client",
)
_SERVE_HTTP: Final = ("volume", "master", "filer", "admin")


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files below one folder, which `make` writes."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.folder / "authority.pem"

    @property
    def certificate(self) -> Path:
        """The certificate of every part."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """Its private key."""
        return self.folder / "key.pem"

    def make(self) -> None:
        """Write the files unless they exist, for this user alone; the authority's file is the last."""
        self.folder.mkdir(exist_ok=True, mode=0o700)
        if self.authority.exists():
            return
        signer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority = _certificate(
            "sharpstream store authority", signer.public_key(), signer, is_authority=True
        )
        certificate = _certificate("sharpstream store", key.public_key(), signer, is_authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private_text(self.key, private.decode())
        write_private_text(self.certificate, _pem(certificate))
        write_private_text(self.authority, _pem(authority))

    def security(self) -> str:
        """Return SeaweedFS' ``security.toml``: both doors of every part ask for the certificate."""
        own: dict[str, object] = {"cert": self.certificate, "key": self.key}
        sections: dict[str, dict[str, object]] = {"grpc": {"ca": self.authority}}
        sections |= {f"grpc.{part}": dict(own) for part in _PARTS}
        sections |= {f"https.{part}": own | {"ca": self.authority} for part in _SERVE_HTTP}
        sections["https.client"] = own | {"ca": self.authority, "enabled": True}
        return "".join(
            f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
            for name, values in sections.items()
        )

    def client_context(self) -> ssl.SSLContext:
        """Return the TLS context of a client that the parts let in."""
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.certificate, self.key)
        return context


def _certificate(
    name: str, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("sharpstream store authority"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the clock may be set back
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
    )
    return built.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
