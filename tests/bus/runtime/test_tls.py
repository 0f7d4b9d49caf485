"""Settings and servers that do not agree about TLS are found at the start, each with the key to change."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from bus import store_tls
from bus.bridges.postgres_errors import tls_sentence
from bus.kafka import tls_check
from bus.runtime import tls
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import KafkaSettings, S3Settings
from tests.certificates import HOUR, Authority, Files

ANSWER = b"\x00\x00\x00\x06answer"


@contextmanager
def server(context: ssl.SSLContext | None, answer: bytes = ANSWER) -> Iterator[int]:
    """Yield the port of a server that answers each request with ``answer``; without one it closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        with (
                            context.wrap_socket(connection, server_side=True) if context else connection as c
                        ):
                            if c.recv(1024):
                                c.sendall(answer)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def speaks(files: Files, *, client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> Files:
    return authority.sign("server", "127.0.0.1", "localhost")


def kafka(port: int, protocol: str = "SASL_SSL", host: str = "127.0.0.1", **more: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=f"{host}:{port}", security_protocol=protocol, **more)  # type: ignore[arg-type]


def test_the_right_authority_is_no_trouble(authority: Authority, files: Files) -> None:
    with server(speaks(files)) as port:
        assert tls_check.trouble(kafka(port, ssl_ca_file=str(authority.ca))) is None
        assert tls_check.trouble(kafka(port, "SSL", "localhost", ssl_ca_file=str(authority.ca))) is None


def test_an_authority_that_is_not_trusted_names_the_file_to_set(tmp_path: Path, files: Files) -> None:
    other = Authority(tmp_path, "other authority")
    with server(speaks(files)) as port:
        for more in ({}, {"ssl_ca_file": str(other.ca)}):
            said = tls_check.trouble(kafka(port, **more))
            assert said is not None
            assert "not trusted here: set KAFKA_SSL_CA_FILE" in said


@pytest.mark.parametrize(
    ("hosts", "left", "expected"),
    [
        (["kafka.example.com"], HOUR, "other hosts than KAFKA_BOOTSTRAP_SERVERS names"),
        (["127.0.0.1"], -HOUR, "at KAFKA_BOOTSTRAP_SERVERS has expired: replace it"),
    ],
)
def test_another_host_and_an_expired_certificate_have_sentences_of_their_own(
    authority: Authority, hosts: list[str], left: object, expected: str
) -> None:
    with server(speaks(authority.sign("server", *hosts, left=left))) as port:  # type: ignore[arg-type]
        said = tls_check.trouble(kafka(port, ssl_ca_file=str(authority.ca)))
    assert said is not None
    assert expected in said


def test_a_port_without_tls_names_the_protocol(authority: Authority) -> None:
    for answer in (b"", ANSWER, b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        with server(None, answer) as port:
            said = tls_check.trouble(kafka(port, ssl_ca_file=str(authority.ca)))
        assert said is not None
        assert "speaks no TLS at KAFKA_BOOTSTRAP_SERVERS, and KAFKA_SECURITY_PROTOCOL wants it" in said


def test_a_port_with_tls_alone_names_the_protocol(files: Files) -> None:
    with server(speaks(files)) as port:
        said = tls_check.trouble(kafka(port, "SASL_PLAINTEXT"))
    assert said is not None
    assert "speaks TLS alone at KAFKA_BOOTSTRAP_SERVERS: set KAFKA_SECURITY_PROTOCOL" in said


def test_a_server_without_tls_is_no_trouble_where_none_is_wanted() -> None:
    for answer in (b"", ANSWER):  # one that closes is away, or full: its clients wait for it
        with server(None, answer) as port:
            assert tls_check.trouble(kafka(port, "PLAINTEXT")) is None


def test_a_server_that_is_away_is_no_trouble(authority: Authority, files: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = free.getsockname()[1]
    assert tls_check.trouble(kafka(away, ssl_ca_file=str(authority.ca))) is None
    with server(speaks(files)) as port:
        both = KafkaSettings(bootstrap_servers=f"127.0.0.1:{away}, 127.0.0.1:{port}", security_protocol="SSL")
        assert tls_check.trouble(both)  # the one that answers decides


def test_a_client_without_the_certificate_that_is_asked_for(authority: Authority, files: Files) -> None:
    mine = authority.sign("client")
    trusted = {"ssl_ca_file": str(authority.ca)}
    with server(speaks(files, client_ca=authority.ca)) as port:
        said = tls_check.trouble(kafka(port, **trusted))
        pair = {"ssl_cert_file": str(mine.certificate), "ssl_key_file": str(mine.key)}
        assert tls_check.trouble(kafka(port, **trusted, **pair)) is None
    assert said is not None
    assert "wants a certificate of its clients" in said
    assert "KAFKA_SSL_CERT_FILE" in said


def test_files_that_cannot_be_used_are_named_with_their_key(
    tmp_path: Path, authority: Authority, files: Files
) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for more, expected in (
        ({"ssl_ca_file": "/nowhere.pem"}, r"KAFKA_SSL_CA_FILE names /nowhere\.pem"),
        ({"ssl_ca_file": str(text)}, "KAFKA_SSL_CA_FILE"),
        ({"ssl_cert_file": str(text)}, "KAFKA_SSL_CERT_FILE and its key file"),
        (
            {"ssl_cert_file": str(files.certificate), "ssl_key_file": str(authority.sign("o").key)},
            "KEY_VALUES",
        ),
        ({"ssl_key_file": str(files.key)}, "set KAFKA_SSL_CERT_FILE too"),
    ):
        with pytest.raises(ConfigurationError, match=expected):
            kafka(1, "SSL", **more).client_options()


def test_the_context_verifies_names_and_speaks_no_old_tls(authority: Authority) -> None:
    context = tls.client_context(tls.KAFKA, ca_file=str(authority.ca))
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.client_context(tls.KAFKA, ca_file="").get_ca_certs() != context.get_ca_certs()


@pytest.mark.parametrize(
    ("scheme", "secured", "trusted", "expected"),
    [
        ("https", True, True, None),
        ("https", True, False, "set S3_CA_FILE to the PEM file of that authority"),
        ("https", False, True, "The object store speaks no TLS at S3_ENDPOINT_URL"),
        ("http", True, True, "The object store speaks TLS alone at S3_ENDPOINT_URL"),
        ("http", False, False, None),
    ],
)
async def test_the_store_is_asked_by_the_scheme_of_its_address(
    authority: Authority, files: Files, scheme: str, secured: bool, trusted: bool, expected: str | None
) -> None:
    ca = str(authority.ca) if trusted else None
    with server(speaks(files) if secured else None, b"HTTP/1.1 403 Forbidden\r\n\r\n") as port:
        settings = S3Settings(endpoint_url=f"{scheme}://127.0.0.1:{port}", ca_file=ca)
        if expected is None:
            await store_tls.require(settings)
            return
        with pytest.raises(ConfigurationError, match=expected):
            await store_tls.require(settings)


def test_a_connection_that_was_cut_is_no_matter_of_settings() -> None:
    for error in (
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        ConnectionResetError(),
        TimeoutError(),
    ):
        assert tls.sentence(error, tls.KAFKA) is None
        assert tls_sentence(error) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionError('PostgreSQL server at "a:1" rejected SSL upgrade'), "Postgres speaks no TLS"),
        (
            asyncpg.InvalidAuthorizationSpecificationError(
                'no pg_hba.conf entry for host "a", no encryption'
            ),
            "Postgres speaks TLS alone",
        ),
        (FileNotFoundError(2, "No such file or directory"), "A file that DATABASE_URL names"),
    ],
)
def test_what_postgres_says_about_tls_names_the_url(error: Exception, expected: str) -> None:
    said = tls_sentence(error)
    assert said is not None
    assert expected in said
    assert "DATABASE_URL" in said
