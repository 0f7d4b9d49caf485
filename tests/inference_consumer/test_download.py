"""The download's own cases; `test_checkpoint` has those of resuming."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference_consumer.download import (
    RESERVE_BYTES,
    Announced,
    Download,
    DownloadError,
    DownloadInterruptedError,
    NoSpaceError,
)
from tests.inference_consumer.weights_server import DIGEST, WEIGHTS, Behaviour, serving


@pytest.fixture
def does() -> Behaviour:
    return Behaviour()


@pytest.fixture
def url(does: Behaviour) -> Iterator[str]:
    with serving(does) as address:
        yield f"{address}/file"


def download(url: str, folder: Path, **options: Any) -> Download:
    return Download(url=url, part=folder / "x.part", schemes=("http",), **options)


def test_a_full_disk_is_said_and_what_was_written_is_freed(url: str, tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    fetching = download(url, tmp_path)
    fetching.part.symlink_to("/dev/full")
    with pytest.raises(NoSpaceError, match="is full"):
        fetching.attempt()
    assert not fetching.part.is_symlink()


def test_a_file_that_leaves_too_little_free_is_not_fetched(url: str, tmp_path: Path) -> None:
    room = RESERVE_BYTES + len(WEIGHTS)
    with pytest.raises(NoSpaceError, match="are to stay free"):
        download(url, tmp_path, free=lambda _: room - 1).attempt()
    assert list(tmp_path.iterdir()) == []
    download(url, tmp_path, free=lambda _: room).attempt()


def test_a_resumed_file_needs_room_for_the_rest_alone(url: str, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(WEIGHTS[:-10])
    download(url, tmp_path, free=lambda _: RESERVE_BYTES + 10).attempt()
    assert (tmp_path / "x.part").read_bytes() == WEIGHTS


def test_a_folder_that_cannot_be_written_is_not_a_failure_of_the_network(url: str, tmp_path: Path) -> None:
    (tmp_path / "x.part").mkdir()
    with pytest.raises(DownloadError, match=os.strerror(errno.EISDIR)):
        download(url, tmp_path).attempt()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, DownloadError), (404, DownloadError), (408, DownloadInterruptedError),
     (429, DownloadInterruptedError), (500, DownloadInterruptedError), (503, DownloadInterruptedError)],
)  # fmt: skip
def test_refusals_are_permanent_and_overload_is_not(
    does: Behaviour, url: str, tmp_path: Path, status: int, kind: type[Exception]
) -> None:
    does.statuses = [status]
    with pytest.raises(kind, match=str(status)):
        download(url, tmp_path).attempt()


def test_a_server_that_does_not_answer_is_an_interruption(does: Behaviour, tmp_path: Path) -> None:
    with serving(does) as address:
        pass
    with pytest.raises(DownloadInterruptedError, match="cannot be fetched"):
        download(f"{address}/file", tmp_path).attempt()


@pytest.mark.parametrize("address", ["http://", "http://[::1/file"])
def test_an_address_that_is_none_is_permanent(address: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError):
        download(address, tmp_path).attempt()


@pytest.mark.parametrize(("header", "stated"), [(DIGEST.upper(), DIGEST), ("abc-1", None), (None, None)])
def test_the_servers_word_is_heard_before_the_content(
    does: Behaviour, url: str, tmp_path: Path, header: str | None, stated: str | None
) -> None:
    does.checksum = header
    said: list[Announced] = []
    download(url, tmp_path, announced=said.append).attempt()
    assert said == [Announced(len(WEIGHTS), stated)]
    download(url, tmp_path, announced=said.append).attempt()  # complete: the server has nothing to send
    assert said[1].size == len(WEIGHTS)


def test_the_checksum_of_a_redirect_counts(does: Behaviour, url: str, tmp_path: Path) -> None:
    """The host states it in its own answer, the store behind it does not."""
    store = Behaviour()
    with serving(store) as behind:
        does.statuses, does.location, does.checksum = [302], f"{behind}/blob", DIGEST
        said: list[Announced] = []
        download(url, tmp_path, announced=said.append).attempt()
    assert said == [Announced(len(WEIGHTS), DIGEST)]
    assert store.paths == ["/blob"]


def test_an_announcement_can_refuse_the_file(url: str, tmp_path: Path) -> None:
    def refuse(_: Announced) -> None:
        raise DownloadError("not this one")

    with pytest.raises(DownloadError, match="not this one"):
        download(url, tmp_path, announced=refuse).attempt()
    assert list(tmp_path.iterdir()) == []


def test_progress_is_reported_up_to_the_whole(url: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    download(url, tmp_path, arrived=lambda have, whole: seen.append((have, whole))).attempt()
    assert seen == sorted(seen)
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
