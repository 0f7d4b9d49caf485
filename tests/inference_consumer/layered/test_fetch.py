"""The fetch in the background: from a server that fails in every way, to a cache that may be full."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bus.runtime.backoff import Backoff
from bus.runtime.tasks import end
from inference_consumer.layered.fetch import Fetch
from inference_consumer.layered.weights import Cache, Pinned
from tests.inference_consumer.waiting import until
from tests.inference_consumer.weights_server import DIGEST, WEIGHTS, Behaviour, serving

FILE = Pinned(name="tiny", repository="Who/tiny", revision="abc", size=len(WEIGHTS), sha256=DIGEST)
UNKNOWN = FILE._replace(size=None, sha256=None)
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def does() -> Behaviour:
    return Behaviour()


@pytest.fixture
def mirror(does: Behaviour) -> Iterator[str]:
    with serving(does) as address:
        yield address


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def fetch(cache: Cache, mirror: str, file: Pinned = FILE) -> Fetch:
    return Fetch(file, cache, mirror, schemes=("http",), backoff=Backoff(0.01, 0.02))


@contextlib.asynccontextmanager
async def given_up(fetching: Fetch) -> AsyncIterator[list[Any]]:
    """Run the fetch until it has logged why it gives up; yield the log."""
    with capture_logs() as logs:
        running = asyncio.ensure_future(fetching.done())
        await until(lambda: any(each["event"] == "network_not_fetched" for each in logs))
        assert not running.done()
        yield logs
        await end([running])


def count(outcome: str) -> float:
    return (
        REGISTRY.get_sample_value(
            "sharpstream_network_fetches_total", {"network": "tiny", "outcome": outcome}
        )
        or 0.0
    )


async def test_the_file_is_fetched_and_checked(does: Behaviour, mirror: str, cache: Cache) -> None:
    before = count("fetched")
    fetching = fetch(cache, mirror)
    with capture_logs() as logs:
        await fetching.done()
    assert cache.whole(FILE) == DIGEST
    assert does.paths == ["/Who/tiny/resolve/abc/model.onnx"]
    assert [each["event"] for each in logs] == ["network_fetch_started", "network_fetched"]
    assert count("fetched") == before + 1
    size = REGISTRY.get_sample_value("sharpstream_network_bytes", {"network": "tiny"})
    assert size == len(WEIGHTS)
    assert not cache.folder.joinpath("tiny.part").exists()


async def test_what_another_worker_has_fetched_meanwhile_is_not_fetched_again(
    does: Behaviour, mirror: str, cache: Cache
) -> None:
    cache.folder.mkdir(parents=True)
    with cache.folder.joinpath("tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.ensure_future(fetch(cache, mirror).done())
        await asyncio.sleep(0)  # it has started its thread
        cache.path(FILE).write_bytes(WEIGHTS)
    async with asyncio.timeout(30):
        await waiting
    assert does.asked == []


async def test_a_broken_download_is_resumed_and_logged_once_for_each_progress(
    does: Behaviour, mirror: str, cache: Cache
) -> None:
    does.cut_after = [400_000, 0, 0, 500_000]
    with capture_logs() as logs:
        await fetch(cache, mirror).done()
    assert does.asked == [None, "bytes=400000-", "bytes=400000-", "bytes=400000-", "bytes=900000-"]
    # The two attempts without progress are silent.
    assert [each["event"] for each in logs].count("network_fetch_waits") == 2
    assert cache.whole(FILE) == DIGEST


async def test_a_download_is_resumed_by_the_next_process(does: Behaviour, mirror: str, cache: Cache) -> None:
    cache.folder.mkdir(parents=True)
    cache.folder.joinpath("tiny.part").write_bytes(WEIGHTS[:1234])
    await fetch(cache, mirror).done()
    assert does.asked == ["bytes=1234-"]


async def test_a_server_without_ranges_sends_all_again(does: Behaviour, mirror: str, cache: Cache) -> None:
    does.ranges, does.cut_after = False, [400_000]
    await fetch(cache, mirror).done()
    assert cache.whole(FILE) == DIGEST


async def test_no_network_is_said_once_and_tried_on(does: Behaviour, cache: Cache) -> None:
    with serving(does) as address:
        pass
    fetching = fetch(cache, address)
    before = count("interrupted")
    with capture_logs() as logs:
        running = asyncio.ensure_future(fetching.done())
        await until(lambda: count("interrupted") >= before + 4)
        await end([running])
    assert [each["event"] for each in logs] == ["network_fetch_started", "network_fetch_waits"]
    assert "waits for the network" in fetching.note


async def test_a_wrong_hash_is_refused_and_not_kept(does: Behaviour, mirror: str, cache: Cache) -> None:
    does.body = WEIGHTS[:-1] + b"?"
    async with given_up(fetch(cache, mirror)) as logs:
        assert "instead of" in logs[-1]["reason"]
        assert [each["event"] for each in logs] == ["network_fetch_started", "network_not_fetched"]
    assert does.asked == [None]
    assert cache.whole(FILE) is None
    assert sorted(path.name for path in cache.folder.iterdir()) == ["tiny.lock"]


async def test_a_wrong_part_is_fetched_again_from_its_start(
    does: Behaviour, mirror: str, cache: Cache
) -> None:
    """A power cut may leave a part of the right length with other bytes in it."""
    cache.folder.mkdir(parents=True)
    cache.folder.joinpath("tiny.part").write_bytes(b"?" * 1000)
    await fetch(cache, mirror).done()
    assert does.asked == ["bytes=1000-", None]
    assert cache.whole(FILE) == DIGEST


async def test_another_size_is_refused_before_it_is_fetched(
    does: Behaviour, mirror: str, cache: Cache
) -> None:
    does.body = b"<html>sign in to this network</html>"
    async with given_up(fetch(cache, mirror)) as logs:
        assert f"has 36 bytes instead of {len(WEIGHTS)}" in logs[-1]["reason"]


async def test_a_host_that_states_another_hash_is_refused_before_it_is_fetched(
    does: Behaviour, mirror: str, cache: Cache
) -> None:
    does.checksum = OTHER
    async with given_up(fetch(cache, mirror)) as logs:
        assert f"sha256 {OTHER} instead of {DIGEST}" in logs[-1]["reason"]
    assert not cache.folder.joinpath("tiny.part").exists()


async def test_a_missing_file_is_not_asked_for_again(does: Behaviour, mirror: str, cache: Cache) -> None:
    does.statuses = [404]
    async with given_up(fetch(cache, mirror)) as logs:
        assert "404" in logs[-1]["reason"]
    assert len(does.asked) == 1


async def test_a_full_disk_is_said_once_and_freed(does: Behaviour, mirror: str, cache: Cache) -> None:
    """/dev/full answers every write as a full disk does."""
    cache.folder.mkdir(parents=True)
    part = cache.folder / "tiny.part"
    part.symlink_to("/dev/full")
    fetching = fetch(cache, mirror)
    async with given_up(fetching) as logs:
        assert "is full" in logs[-1]["reason"]
        assert "is full" in fetching.note
    assert len(does.asked) == 1
    assert not part.is_symlink()


async def test_a_cache_that_cannot_be_written_is_said(mirror: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with given_up(fetch(Cache(tmp_path / "file"), mirror)) as logs:
        assert "SHARPSTREAM_CACHE names another folder" in logs[-1]["reason"]


# --- a file whose hash is the host's word ------------------------------------------------------------------


async def test_the_hosts_hash_is_shown_and_pinned(does: Behaviour, mirror: str, cache: Cache) -> None:
    does.checksum = DIGEST
    with capture_logs() as logs:
        await fetch(cache, mirror, UNKNOWN).done()
    assert cache.pin_path(UNKNOWN).read_text() == f"{DIGEST}\n"
    assert cache.whole(UNKNOWN) == DIGEST
    assert [each["sha256"] for each in logs if each["event"] == "network_pinned"] == [DIGEST]


async def test_a_host_without_a_hash_is_not_trusted(mirror: str, cache: Cache) -> None:
    async with given_up(fetch(cache, mirror, UNKNOWN)) as logs:
        assert "comes without a checksum" in logs[-1]["reason"]
    assert not cache.pin_path(UNKNOWN).exists()


async def test_the_first_word_of_the_host_counts_for_ever(does: Behaviour, mirror: str, cache: Cache) -> None:
    cache.folder.mkdir(parents=True)
    cache.pin(UNKNOWN, OTHER)
    does.checksum = DIGEST
    async with given_up(fetch(cache, mirror, UNKNOWN)) as logs:
        assert f"Delete {cache.pin_path(UNKNOWN)} to accept" in logs[-1]["reason"]


async def test_a_file_that_is_not_what_its_host_states_is_refused(
    does: Behaviour, mirror: str, cache: Cache
) -> None:
    does.checksum = OTHER
    async with given_up(fetch(cache, mirror, UNKNOWN)) as logs:
        assert f"the sha256 {DIGEST} instead of {OTHER}" in logs[-1]["reason"]
    assert cache.whole(UNKNOWN) is None
