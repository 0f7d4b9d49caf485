"""The folder of a backup, readable by its owner alone.

======================  ===========================================================================
``manifest.json``       what it is and the digests of the files beside it; written last, so a folder
                        without it is a backup that was cut off
``database.dump``       the database, as ``pg_dump --format=custom`` writes it
``objects.jsonl``       one line an object: key, size, version, sha256, media type
``objects/KEY``         the objects
``home.json``           secrets of a one-machine system (`sharpstream backup`)
======================  ===========================================================================
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from ledger.backup.errors import BackupDamagedError, BackupError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database.dump"
LISTING: Final = "objects.jsonl"
OBJECTS: Final = "objects"
HOME: Final = "home.json"
_BESIDE: Final = (DATABASE, LISTING, HOME)
_CHUNK: Final = 1024 * 1024
_LONGEST_MANIFEST: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = 16 * 1024


class File(Struct, frozen=True, kw_only=True):
    """A file of the folder."""

    bytes: int
    sha256: str


class StoredObject(Struct, frozen=True, kw_only=True):
    """An object of the store. ``etag`` is the store's name for this content of the key."""

    key: str
    bytes: int
    etag: str
    sha256: str
    media_type: str


class BackedUpTopic(Struct, frozen=True, kw_only=True):
    """A topic with its settings, which the restore makes anew, empty."""

    name: str
    partitions: int
    config: dict[str, str]


class BackedUpPartner(Struct, frozen=True, kw_only=True):
    """A partner, whose user, rights and quotas are made anew with a new password."""

    id: UUID
    slug: str
    state: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What the backup is; ``taken_at`` is the time of the database's snapshot."""

    format: int = FORMAT
    id: UUID
    release: str
    taken_at: datetime
    topic_epoch: int
    migrations: list[str]
    accounts: int
    scenes: int
    events: int
    objects: int
    object_bytes: int
    topics: list[BackedUpTopic]
    partners: list[BackedUpPartner]
    files: dict[str, File]


class Folder:
    """The paths of one backup."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def database(self) -> Path:
        """The dump."""
        return self.root / DATABASE

    @property
    def listing(self) -> Path:
        """The list of objects."""
        return self.root / LISTING

    def create(self) -> None:
        """Make it, empty. Raises `BackupError` where something is there already, or the disk refuses."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            found = {path.name for path in self.root.iterdir()} - {HOME}
            if found:
                raise BackupError(
                    f"{self.root} is not empty ({', '.join(sorted(found)[:3])}): name a new folder. A backup"
                    " that was cut off has no manifest.json and may be removed."
                )
            (self.root / OBJECTS).mkdir(mode=0o700)
        except OSError as error:
            raise BackupError(f"{self.root} cannot be written: {error.strerror or error}.") from error

    def object_path(self, key: str) -> Path:
        """Return where an object lies. Raises `BackupDamagedError` for a key that leads elsewhere."""
        parts = key.split("/")
        if not all(parts) or {".", ".."} & set(parts) or "\0" in key:
            raise BackupDamagedError(f"{self.listing} names an object that cannot be: {key[:200]!r}.")
        return self.root.joinpath(OBJECTS, *parts)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest once everything else is on the disk."""
        os.sync()
        fresh = self.root / f"{MANIFEST}.new"
        with fresh.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.root / MANIFEST)
        os.sync()

    def files(self) -> dict[str, File]:
        """Return the files beside the manifest, as they are now."""
        return {name: _file(path) for name in _BESIDE if (path := self.root / name).exists()}

    def read(self) -> Manifest:
        """Return the manifest once the files beside it are what it says.

        Raises `BackupError` for a folder that is none of a finished backup, `BackupDamagedError`.
        """
        path = self.root / MANIFEST
        try:
            with path.open("rb") as file:
                manifest = msgspec.json.decode(file.read(_LONGEST_MANIFEST), type=Manifest)
        except FileNotFoundError:
            raise BackupError(
                f"{self.root} holds no finished backup: {MANIFEST}, which is written last, is not there."
            ) from None
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error
        except msgspec.DecodeError as error:
            raise BackupDamagedError(f"{path} is damaged: {error}.") from error
        if manifest.format != FORMAT:
            raise BackupError(
                f"{self.root} has format {manifest.format}, of release {manifest.release}; this release reads"
                f" format {FORMAT}: restore it by that release, then upgrade."
            )
        for name, written in manifest.files.items():
            if name not in _BESIDE or not (self.root / name).is_file() or _file(self.root / name) != written:
                raise BackupDamagedError(
                    f"{self.root / name} is not what was backed up. Nothing was changed; take another copy."
                )
        return manifest

    def objects(self) -> Iterator[StoredObject]:
        """Yield what the listing names. Raises `BackupDamagedError`."""
        with self.listing.open("rb") as lines:
            while line := lines.readline(_LONGEST_LINE):
                try:
                    yield msgspec.json.decode(line, type=StoredObject)
                except msgspec.DecodeError as error:
                    raise BackupDamagedError(f"{self.listing} is damaged: {error}.") from error


def whole(folder: Folder) -> Manifest:
    """Return the manifest once every file was read. Raises `BackupError` and `BackupDamagedError`."""
    manifest = folder.read()
    for stored in folder.objects():
        path = folder.object_path(stored.key)
        if not path.is_file() or _file(path) != File(bytes=stored.bytes, sha256=stored.sha256):
            raise BackupDamagedError(f"{path} is not what was backed up: take another copy of the backup.")
    return manifest


def _file(path: Path) -> File:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return File(bytes=size, sha256=digest.hexdigest())
