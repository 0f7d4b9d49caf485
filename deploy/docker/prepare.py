"""Prepares the volumes of a task in a cloud, as root without capabilities, before the role starts.

Read from the environment, each if set:

* ``PREPARE_OPEN``: folders, with ``:`` between them, that every user may write to (a new volume is root's);
* ``PREPARE_AUTHORITIES`` and ``PREPARE_AUTHORITIES_FILE``: certificates, and the file for them;
* ``PREPARE_CHECKPOINT`` and ``PREPARE_CHECKPOINT_FILE``: ``s3://BUCKET/KEY``, and where it is stored. One
  that is there with the object's size is left alone.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path


def main() -> int:
    """Do what the environment asks for; 1 with a sentence where that is impossible."""
    for folder in filter(None, os.environ.get("PREPARE_OPEN", "").split(":")):
        Path(folder).chmod(0o1777)
    if file := os.environ.get("PREPARE_AUTHORITIES_FILE"):
        certificates = os.environ.get("PREPARE_AUTHORITIES", "")
        if "-----BEGIN CERTIFICATE-----" not in certificates:
            sys.stderr.write(
                "The certificates by which Postgres is known are not there yet: put those that AWS publishes"
                " into the secret (docs/operations/aws.md).\n"
            )
            return 1
        Path(file).write_text(certificates, encoding="ascii")
        Path(file).chmod(0o644)
    if address := os.environ.get("PREPARE_CHECKPOINT"):
        return _fetch(address, Path(os.environ["PREPARE_CHECKPOINT_FILE"]))
    return 0


def _fetch(address: str, file: Path) -> int:
    found = re.fullmatch(r"s3://([^/]+)/(.+)", address)
    if found is None:
        sys.stderr.write(f"A checkpoint is s3://BUCKET/KEY, not {address}.\n")
        return 1
    import botocore.session  # noqa: PLC0415  (half a second, which only this needs)

    client = botocore.session.get_session().create_client("s3")
    answer = client.get_object(Bucket=found[1], Key=found[2])
    if file.exists() and file.stat().st_size == answer["ContentLength"]:
        return 0
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            for piece in answer["Body"].iter_chunks(1024 * 1024):
                out.write(piece)
        part.chmod(0o644)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
