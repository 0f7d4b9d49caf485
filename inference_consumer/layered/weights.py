"""The files of MoGe-2: what each must be, and where it lies on this machine.

They are the authors' own ONNX exports, fetched from where the authors publish them (`fetch`), never shipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from bus.runtime import owned_folder
from inference_consumer.download import digest_of

log = structlog.stdlib.get_logger(__name__)


class Pinned(NamedTuple):
    """One file of a public repository; ``size`` and ``sha256`` None: the host's word at the first fetch."""

    name: str
    repository: str
    revision: str
    size: int | None
    sha256: str | None

    def url(self, mirror: str) -> str:
        """Return where a mirror has the file."""
        return f"{mirror.rstrip('/')}/{self.repository}/resolve/{self.revision}/model.onnx"


PINNED: Final[Mapping[str, Pinned]] = {
    each.name: each
    for each in (
        Pinned(
            name="moge2-s",
            repository="Ruicheng/moge-2-vits-normal-onnx",
            revision="e50ffda41565591092adea54c6ac83d6212e1e23",
            size=140_852_051,
            sha256="24eacb5dc7a2c54c7bc98f7de085ffbed79ad006ea5b664c2c2cdc02ff3a52f0",
        ),
        Pinned(
            name="moge2-b",
            repository="Ruicheng/moge-2-vitb-normal-onnx",
            revision="main",
            size=419_411_850,
            sha256="bbf14e07a30f11e69d36ab861590123f5598ababcbc8946a063eb4a966f35a21",
        ),
        Pinned(
            name="moge2-l",
            repository="Ruicheng/moge-2-vitl-normal-onnx",
            revision="main",
            size=None,
            sha256=None,
        ),
    )
}


class Cache:
    """The folder of the files; nothing is written before the first fetch."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache.expanduser() / "layered"
        owned_folder.check(self.folder)

    def path(self, file: Pinned) -> Path:
        """Return where the file lies once it is whole."""
        return self.folder / f"{file.name}.onnx"

    def sha256(self, file: Pinned) -> str | None:
        """Return what the file must be; None before the first fetch of one whose hash is the host's word."""
        if file.sha256 is not None:
            return file.sha256
        pin = self.pin_path(file)
        return pin.read_text().strip() if pin.is_file() else None

    def pin(self, file: Pinned, sha256: str) -> None:
        """Remember the host's word, so that every later fetch must give the same file."""
        self.pin_path(file).write_text(f"{sha256}\n")
        log.info("network_pinned", network=file.name, sha256=sha256, file=str(self.pin_path(file)))

    def pin_path(self, file: Pinned) -> Path:
        """Return the small file with the hash."""
        return self.folder / f"{file.name}.sha256"

    def whole(self, file: Pinned) -> str | None:
        """Return the file's sha256 if it is there and right; reads all of it."""
        path, wanted = self.path(file), self.sha256(file)
        if wanted is None or not path.is_file():
            return None
        return wanted if digest_of(path) == wanted else None
