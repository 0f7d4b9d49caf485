"""An authority of the test's own, and the certificates that it signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Files:
    """A certificate with its chain, its private key (PKCS 8, not encrypted), and both in one file."""

    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """The key, then the certificate: what Kafka's PEM keystore reads."""
        path = self.key.with_suffix(".both.pem")
        path.write_bytes(self.key.read_bytes() + self.certificate.read_bytes())
        path.chmod(0o600)
        return path


class Authority:
    """Writes into ``folder``; ``ca`` is the file to trust."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name.replace(' ', '-')}.pem"
        made = self._builder(self._name, self._key, timedelta(days=1)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        made = made.add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        self.ca.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def sign(self, name: str, *hosts: str, left: timedelta = HOUR) -> Files:
        """Return the certificate of a server with these names and addresses, or of a client without any.

        ``left``: how long it is still good; a negative time makes one that has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key, left).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        if hosts:
            names = [_general(host) for host in hosts]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        files = Files(
            certificate=self._folder / f"{self.ca.stem}-{name}.pem",
            key=self._folder / f"{self.ca.stem}-{name}.key",
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files.key.write_bytes(private)
        files.key.chmod(0o600)
        files.certificate.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))
        return files

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, left: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        public, mine = key.public_key(), self._key.public_key()
        return (
            x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number())
            .not_valid_before(now - 2 * HOUR)
            .not_valid_after(now + left)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(mine), critical=False)
        )


def _general(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if host[0].isdecimal() else x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
