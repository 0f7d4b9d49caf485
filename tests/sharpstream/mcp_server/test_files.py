"""Which files an assistant may have read and written, whatever a text has talked it into."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pytest

from sharpstream.client import ServiceError
from sharpstream.mcp_server import files
from sharpstream.mcp_server.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    ["../a.glb", "/etc/a.glb", "a/../../b.glb", ".ssh/../../.a.glb", ".hidden.glb", "", "a" * 201, "a\0.glb"],
)
def test_nothing_is_written_elsewhere(folder: Folder, name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        folder.target(name, ".glb")
    assert caught.value.code == files.PATH_REFUSED


def test_no_link_leads_out(folder: Folder, tmp_path: Path) -> None:
    folder.root.mkdir()
    (folder.root / "way").symlink_to(tmp_path)
    with pytest.raises(ServiceError) as caught:
        folder.target("way/a.glb", ".glb")
    assert caught.value.code == files.PATH_REFUSED


def test_a_file_has_the_ending_of_its_format(folder: Folder) -> None:
    assert folder.target("kitchen", ".glb") == folder.root / "kitchen.glb"
    assert folder.target("rooms/kitchen.GLB", ".glb") == folder.root / "rooms" / "kitchen.GLB"
    assert folder.target("profile.py", ".glb") == folder.root / "profile.py.glb"


async def test_a_file_is_written_whole_and_never_over_another(folder: Folder) -> None:
    async def fetch(file: BinaryIO) -> str:
        file.write(b"whole")
        return hashlib.sha256(b"whole").hexdigest()

    path = folder.target("a", ".glb")
    assert await folder.write(path, fetch) == (5, hashlib.sha256(b"whole").hexdigest())
    with pytest.raises(ServiceError) as caught:
        folder.target("a", ".glb")
    assert caught.value.code == files.FILE_EXISTS
    with pytest.raises(ServiceError) as caught:
        await folder.write(path, fetch)  # it has appeared since the name was checked
    assert caught.value.code == files.FILE_EXISTS
    assert [each.name for each in folder.root.iterdir()] == ["a.glb"]


async def test_a_broken_download_leaves_nothing(folder: Folder) -> None:
    async def fetch(file: BinaryIO) -> str:
        file.write(b"half")
        raise ServiceError("download_failed", "The connection broke.")

    with pytest.raises(ServiceError, match="connection broke"):
        await folder.write(folder.target("a", ".glb"), fetch)
    assert list(folder.root.iterdir()) == []


def test_only_photos_are_read(tmp_path: Path) -> None:
    photo = tmp_path / "a.JPG"
    photo.write_bytes(b"x")
    assert files.photo(str(photo)) == photo
    (tmp_path / "id_rsa").write_text("secret")
    (tmp_path / "large.png").touch()
    with (tmp_path / "large.png").open("r+b") as file:
        file.truncate(files.MOST_PHOTO_BYTES + 1)
    for path, code in (
        (str(tmp_path / "id_rsa"), files.PATH_REFUSED),
        ("a.jpg", files.PATH_REFUSED),
        (str(tmp_path / "none.jpg"), files.FILE_NOT_READ),
        (str(tmp_path / "large.png"), files.FILE_TOO_LARGE),
    ):
        with pytest.raises(ServiceError) as caught:
            files.photo(path)
        assert caught.value.code == code, path


def test_a_download_has_a_limit() -> None:
    files.limited(10, None)
    for done, total in ((files.MOST_BYTES + 1, None), (0, files.MOST_BYTES + 1)):
        with pytest.raises(ServiceError) as caught:
            files.limited(done, total)
        assert caught.value.code == files.FILE_TOO_LARGE
