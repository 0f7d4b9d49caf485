from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.runtime.errors import ConfigurationError
from inference_consumer.checkpoint import Checkpoints
from tests.inference_consumer.weights_server import DIGEST, WEIGHTS, Behaviour, serving


@pytest.fixture
def does() -> Behaviour:
    return Behaviour()


@pytest.fixture
def url(does: Behaviour) -> Iterator[str]:
    with serving(does) as address:
        yield f"{address}/sharp.pt"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(cache=tmp_path / "cache", schemes=("http",), backoff_s=0)


def test_a_local_file_is_used_without_a_copy(tmp_path: Path, checkpoints: Checkpoints) -> None:
    file = tmp_path / "mine.pt"
    file.write_bytes(WEIGHTS)
    assert checkpoints.locate(str(file), None) == (file, DIGEST)
    assert checkpoints.locate(str(file), DIGEST.upper()) == (file, DIGEST)
    with pytest.raises(ConfigurationError, match=DIGEST):
        checkpoints.locate(str(file), "0" * 64)
    assert file.exists()  # it belongs to the operator


def test_a_missing_file_is_reported(tmp_path: Path, checkpoints: Checkpoints) -> None:
    with pytest.raises(ConfigurationError, match="no file"):
        checkpoints.locate(str(tmp_path / "nowhere.pt"), None)


@pytest.mark.parametrize("sha256", [None, DIGEST])
def test_a_url_is_fetched_once(does: Behaviour, url: str, checkpoints: Checkpoints, sha256: Any) -> None:
    path, digest = checkpoints.locate(url, sha256)
    assert (path.read_bytes(), path.suffix, digest) == (WEIGHTS, ".pt", DIGEST)
    assert checkpoints.locate(url, sha256) == (path, DIGEST)
    assert does.asked == [None]


def test_an_interrupted_download_is_resumed(does: Behaviour, url: str, checkpoints: Checkpoints) -> None:
    does.cut_after = [1000, 70_000]
    path, _ = checkpoints.locate(url, DIGEST)
    assert path.read_bytes() == WEIGHTS
    assert does.asked == [None, "bytes=1000-", "bytes=71000-"]


def test_a_download_is_resumed_by_the_next_process(
    does: Behaviour, url: str, checkpoints: Checkpoints
) -> None:
    does.cut_after = [1000] * 5
    with pytest.raises(ConfigurationError, match="cannot be fetched"):
        checkpoints.locate(url, DIGEST)
    assert len(does.asked) == 5
    checkpoints.locate(url, DIGEST)
    assert does.asked[-1] == "bytes=5000-"


def test_a_complete_part_file_is_kept(does: Behaviour, url: str, checkpoints: Checkpoints) -> None:
    checkpoints.cache.mkdir()
    (checkpoints.cache / f"{DIGEST}.part").write_bytes(WEIGHTS)
    assert checkpoints.locate(url, DIGEST)[0].read_bytes() == WEIGHTS
    assert does.asked == [f"bytes={len(WEIGHTS)}-"]


@pytest.mark.parametrize("ranges", [False, True])
def test_a_download_that_cannot_be_resumed_is_restarted(
    does: Behaviour, url: str, checkpoints: Checkpoints, ranges: bool
) -> None:
    does.ranges = ranges
    checkpoints.cache.mkdir()
    leftover = b"?" * (2 * len(WEIGHTS) if ranges else 100)
    (checkpoints.cache / f"{DIGEST}.part").write_bytes(leftover)
    assert checkpoints.locate(url, DIGEST)[0].read_bytes() == WEIGHTS


def test_a_file_with_another_digest_is_refused_and_not_kept(
    does: Behaviour, url: str, checkpoints: Checkpoints
) -> None:
    does.body = b"something else"
    with pytest.raises(ConfigurationError, match="SHARP_CHECKPOINT_SHA256"):
        checkpoints.locate(url, DIGEST)
    does.body = WEIGHTS
    assert checkpoints.locate(url, DIGEST)[1] == DIGEST


def test_a_404_is_not_retried_but_a_503_is(does: Behaviour, url: str, checkpoints: Checkpoints) -> None:
    does.statuses = [404]
    with pytest.raises(ConfigurationError, match="404"):
        checkpoints.locate(url, None)
    assert len(does.asked) == 1
    does.statuses = [503]
    assert checkpoints.locate(url, None)[1] == DIGEST


def test_a_file_above_the_size_limit_is_not_fetched(url: str, tmp_path: Path) -> None:
    small = Checkpoints(cache=tmp_path, schemes=("http",), max_bytes=1000)
    with pytest.raises(ConfigurationError, match="more than 1000"):
        small.locate(url, None)


def test_only_https_is_allowed_also_after_a_redirect(
    does: Behaviour, url: str, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="is not https"):
        Checkpoints(cache=tmp_path).locate(url, None)
    does.statuses, does.location = [302], "ftp://127.0.0.1/sharp.pt"
    with pytest.raises(ConfigurationError, match="ftp"):
        checkpoints.locate(url, None)
