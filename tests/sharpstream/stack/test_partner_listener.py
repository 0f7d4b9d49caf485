"""The partners' listener: closed to other machines without TLS, open with it to clients that trust it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bus.contract import topics
from bus.kafka import admin
from bus.runtime.settings import KafkaSettings
from sharpstream.stack.errors import StartError
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.partner_listener import HOST_KEY, LIMITS, PEM_KEY, PartnerListener
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor


def test_without_a_certificate_it_is_this_machines_alone() -> None:
    listener = PartnerListener.read({})
    assert (listener.listens(9), listener.address(9)) == ("127.0.0.1:9", "127.0.0.1:9")
    assert listener.variables(9)["PARTNERS_SECURITY_PROTOCOL"] == "SASL_PLAINTEXT"


def test_containers_have_the_same_limits() -> None:
    """Every limit, and every other property that both brokers set to a fixed value."""
    text = (Path(__file__).parents[3] / "deploy/kafka/server.properties").read_text()
    there = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    assert {name: there.get(name) for name in LIMITS} == {name: str(value) for name, value in LIMITS.items()}


def test_it_opens_to_others_only_with_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="needs TLS"):
        PartnerListener.read({HOST_KEY: "kafka.example.com"})
    with pytest.raises(StartError, match="no file"):
        PartnerListener.read({PEM_KEY: str(tmp_path / "missing.pem")})
    pem = tmp_path / "partners.pem"
    pem.write_text("x")
    listener = PartnerListener.read({HOST_KEY: "kafka.example.com", PEM_KEY: str(pem)})
    assert (listener.listens(9), listener.address(9)) == ("0.0.0.0:9", "kafka.example.com:9")
    assert listener.protocol == "SASL_SSL"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return the broker's PEM file and the certificate to trust, self-signed for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sharpstream test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    pem, trusted = folder / "partners.pem", folder / "ca.pem"
    pem.write_bytes(private + public)
    trusted.write_bytes(public)
    return pem, trusted


async def brokers(settings: KafkaSettings) -> int:
    client = AIOKafkaClient(**settings.client_options(), client_id="test", request_timeout_ms=5000)
    try:
        await client.bootstrap()
        return len(client.cluster.brokers())
    finally:
        await client.close()


@pytest.mark.stack
@pytest.mark.drill
async def test_a_folder_without_tls_starts_with_it_and_keeps_its_data(home: Home, tmp_path: Path) -> None:
    pem, trusted = certificate(tmp_path)
    memory = Memory(home)
    for listener, created in ((PartnerListener(), [topics.PROGRESS.name]), (PartnerListener(pem=pem), [])):
        kafka = Kafka(home, memory, durable=False, listener=listener)
        supervisor = Supervisor(home, [kafka])
        try:
            await supervisor.start(supervisor.parts)
            assert await admin.create_topics(kafka.settings, [topics.PROGRESS]) == created
            via_listener = kafka.settings.model_copy(
                update={"bootstrap_servers": kafka.partners, "security_protocol": listener.protocol}
            )
            if listener.pem:
                with pytest.raises(KafkaConnectionError):  # an untrusted certificate
                    await brokers(via_listener)
                via_listener = via_listener.model_copy(update={"ssl_ca_file": str(trusted)})
            assert await brokers(via_listener) == 1
        finally:
            await supervisor.stop()
