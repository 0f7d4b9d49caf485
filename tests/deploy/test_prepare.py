"""A task's volumes are opened and its files written before its role starts: deploy/docker/prepare.py."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bus.blobs import BlobStore
from bus.runtime.settings import S3Settings

SCRIPT = Path(__file__).parents[2] / "deploy" / "docker" / "prepare.py"


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_folders_are_opened_to_every_user(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir(mode=0o700)
    assert run(PREPARE_OPEN=":".join(map(str, folders))).returncode == 0
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o1777, 0o1777]


def test_certificates_become_a_file_that_every_user_may_read(tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert run(PREPARE_AUTHORITIES=text, PREPARE_AUTHORITIES_FILE=str(file)).returncode == 0
    assert file.read_text() == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_task_does_not_start_without_certificates(tmp_path: Path) -> None:
    done = run(PREPARE_AUTHORITIES="not filled yet", PREPARE_AUTHORITIES_FILE=str(tmp_path / "a.pem"))
    assert done.returncode == 1
    assert "aws.md" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.stack
async def test_a_checkpoint_is_fetched_once(tmp_path: Path, s3_settings: S3Settings, unique) -> None:
    key, file = unique("checkpoint"), tmp_path / "checkpoint.pt"
    async with BlobStore(s3_settings) as store:
        await store.put(key, b"weights", "application/octet-stream")
    assert s3_settings.access_key_id
    assert s3_settings.secret_access_key
    given = {
        "PREPARE_CHECKPOINT": f"s3://{s3_settings.bucket}/{key}",
        "PREPARE_CHECKPOINT_FILE": str(file),
        "AWS_ENDPOINT_URL_S3": s3_settings.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": s3_settings.access_key_id.get_secret_value(),
        "AWS_SECRET_ACCESS_KEY": s3_settings.secret_access_key.get_secret_value(),
        "AWS_DEFAULT_REGION": s3_settings.region,
    }
    assert run(**given).returncode == 0
    assert file.read_bytes() == b"weights"
    file.write_bytes(b"changed")  # as long as the object: taken for it, and not fetched again
    assert run(**given).returncode == 0
    assert file.read_bytes() == b"changed"
    assert await asyncio.to_thread(os.listdir, tmp_path) == [file.name]


def test_a_wrong_address_is_named() -> None:
    done = run(PREPARE_CHECKPOINT="https://example.org/x", PREPARE_CHECKPOINT_FILE="/nowhere")
    assert (done.returncode, done.stderr) == (
        1,
        "A checkpoint is s3://BUCKET/KEY, not https://example.org/x.\n",
    )
