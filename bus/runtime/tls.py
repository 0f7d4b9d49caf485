"""TLS of the roles' connections to their servers: one kind of context, and each failure as a sentence.

TLS 1.2 or later; the server's certificate and its host name are always verified.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bus.runtime.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """What a server is called, and the keys (or parameters) that concern TLS with it."""

    server: str
    address: str
    """Names the server's address."""
    switch: str
    """Says whether TLS is spoken."""
    ca: str
    """Names the file of the authorities."""
    cert: str
    """Names the client's own certificate."""


KAFKA: Final = Keys(
    server="Kafka",
    address="KAFKA_BOOTSTRAP_SERVERS",
    switch="KAFKA_SECURITY_PROTOCOL",
    ca="KAFKA_SSL_CA_FILE",
    cert="KAFKA_SSL_CERT_FILE",
)
POSTGRES: Final = Keys(
    server="Postgres",
    address="the host of DATABASE_URL",
    switch="sslmode in DATABASE_URL",
    ca="sslrootcert in DATABASE_URL",
    cert="sslcert in DATABASE_URL",
)
COLLECTOR: Final = Keys(
    server="The collector",
    address="OTEL_EXPORTER_OTLP_ENDPOINT",
    switch="OTEL_EXPORTER_OTLP_ENDPOINT (http or https)",
    ca="OTEL_EXPORTER_OTLP_CERTIFICATE",
    cert="OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
)
STORE: Final = Keys(
    server="The object store",
    address="S3_ENDPOINT_URL",
    switch="S3_ENDPOINT_URL (http or https)",
    ca="S3_CA_FILE",
    cert="S3_ENDPOINT_URL",  # no store of ours asks a client for a certificate
)

_EXPIRED: Final = 10
_NOT_YET: Final = 9
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})
_OTHER_HOST: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR numbers."""
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_OLD_TLS: Final = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")


def client_context(
    keys: Keys, *, ca_file: str | None, cert_file: str | None = None, key_file: str | None = None
) -> ssl.SSLContext:
    """Return the context of a client; without ``ca_file`` the system's authorities are trusted.

    The files are read now. Raises `ConfigurationError` that names the key of a file that cannot be used.
    """
    check_ca_file(keys, ca_file)
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file:
        try:
            context.load_cert_chain(cert_file, key_file or None)
        except OSError as error:
            raise ConfigurationError(
                f"{keys.cert} and its key file are no certificate with its unencrypted private key in PEM:"
                f" {cert_file}, {key_file or cert_file} ({_reason(error)})."
            ) from error
    elif key_file:
        raise ConfigurationError(f"There is a private key without a certificate: set {keys.cert} too.")
    return context


def check_ca_file(keys: Keys, ca_file: str | None) -> None:
    """Raise `ConfigurationError` unless the file, where there is one, holds certificates."""
    if not ca_file:
        return
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"{keys.ca} names {ca_file}, which cannot be read as certificates in PEM ({_reason(error)})."
        ) from error


def sentence(error: BaseException, keys: Keys) -> str | None:
    """Return what failed in TLS and which key to set; None where TLS is not the reason."""
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError) and hasattr(each, "verify_code"):
            return _of_certificate(each, keys)  # not aiohttp's own, which has none
        # A connection that was cut is no matter of settings: it has no reason, or this one.
        reason = getattr(each, "reason", None) if isinstance(each, ssl.SSLError) else None
        if isinstance(each, ssl.SSLError) and reason and "UNEXPECTED_EOF" not in reason:
            return _of_handshake(each, keys)
    return None


def no_tls(keys: Keys) -> str:
    """Return the sentence for a server that speaks no TLS where the settings want it."""
    return (
        f"{keys.server} speaks no TLS at {keys.address}, and {keys.switch} wants it: change that, or name the"
        " port with TLS."
    )


def wants_tls(keys: Keys) -> str:
    """Return the sentence for a server that speaks TLS alone where the settings want none."""
    return (
        f"{keys.server} speaks TLS alone at {keys.address}: set {keys.switch} to a way with TLS,"
        f" and {keys.ca} where its authority is your own."
    )


def wants_certificate(keys: Keys, said: str = "") -> str:
    """Return the sentence for a server that ends the connection where it expects the certificate."""
    return (
        f"{keys.server} at {keys.address} wants a certificate of its clients, or refuses this one{said}: set"
        f" {keys.cert} to one that its authority has signed. Its log says more."
    )


def _of_certificate(error: ssl.SSLCertVerificationError, keys: Keys) -> str:
    shown = f"The certificate of {keys.server.removeprefix('The ')}"
    code = error.verify_code
    if code == _EXPIRED:
        return f"{shown} at {keys.address} has expired: replace it there; no key of ours changes that."
    if code == _NOT_YET:
        return f"{shown} at {keys.address} is not valid yet: compare the clocks of both machines."
    if code in _OTHER_HOST:
        return (
            f"{shown} is for other hosts than {keys.address} names ({error.verify_message.rstrip('.')}):"
            " use a name that is in it, or make one for this name."
        )
    if code in _UNTRUSTED:
        return (
            f"{shown} at {keys.address} is signed by an authority that is not trusted here: set {keys.ca}"
            " to the PEM file of that authority."
        )
    return f"{shown} at {keys.address} is refused: {error.verify_message}. See {keys.ca}."


def _of_handshake(error: ssl.SSLError, keys: Keys) -> str:
    reason = _reason(error)
    if any(word in reason for word in _NO_TLS):
        return no_tls(keys)
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA")):
        return wants_certificate(keys, f" ({reason})")
    if any(word in reason for word in _OLD_TLS):
        return f"{keys.server} at {keys.address} speaks neither TLS 1.2 nor 1.3: raise it there ({reason})."
    return f"TLS with {keys.server} at {keys.address} failed: {reason}. See {keys.switch}, {keys.ca}."


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was raised from, botocore's own way included; a cycle ends it."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "certificate_error", None)]
        if isinstance(kwargs := getattr(each, "kwargs", None), dict):  # botocore's
            waiting.append(kwargs.get("error"))
