"""The commands of docs/operations/encryption.md make certificates that our clients accept."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from bus.runtime import tls

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "encryption.md"


def commands() -> str:
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (found,) = [block for block in blocks if "openssl" in block]
    return found


def made(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="install openssl")
async def test_certificates_made_by_the_page_s_commands_are_accepted(tmp_path: Path) -> None:
    made(tmp_path)
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(tmp_path / "kafka.both.pem")
    trusting = tls.client_context(tls.KAFKA, ca_file=str(tmp_path / "ca.pem"))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=shown)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname="kafka.internal"
        )
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            await asyncio.open_connection(
                "127.0.0.1", port, ssl=trusting, server_hostname="postgres.internal"
            )
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(tls.sentence(refused.value, tls.KAFKA))
