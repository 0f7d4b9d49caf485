"""Logs can be read while they are written, and do not fill the disk."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from sharpstream.stack import logfiles


def test_the_end_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "kafka.log"
    assert logfiles.tail(path, 3) == []
    assert logfiles.last_line(path) == "it said nothing"
    path.write_text("one\ntwo\nthree\n\n")
    assert logfiles.tail(path, 2) == ["three", ""]
    assert logfiles.last_line(path) == "three"


def test_a_long_log_is_put_aside_under_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "LONGEST_BYTES", 10)
    path = tmp_path / "kafka.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"0123456789\n")
        logfiles.shorten(path)
        writer.write(b"after\n")
    assert path.read_text() == "after\n"
    assert (tmp_path / "kafka.log.1").read_text() == "0123456789\n"
    logfiles.shorten(path)
    assert path.read_text() == "after\n"


def test_following_gives_whole_new_lines_of_every_log(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.log" for name in ("kafka", "s3")}
    paths["kafka"].write_text("old\n")
    ends = {"kafka": 4, "s3": 0}
    paths["s3"].write_text("first\nhal")
    assert logfiles._news(paths["s3"], ends, "s3") == ["first"]
    with paths["s3"].open("a") as file:
        file.write("f\n")
    assert logfiles._news(paths["s3"], ends, "s3") == ["half"]
    paths["kafka"].write_text("x\n")  # truncated and written again
    assert logfiles._news(paths["kafka"], ends, "kafka") == ["x"]


def test_follow_starts_at_the_present_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kafka.log"
    path.write_text("old\n")

    def write_more(_: float) -> None:
        with path.open("a") as file:
            file.write("new\n")

    monkeypatch.setattr(logfiles.time, "sleep", write_more)
    lines = logfiles.follow({"kafka": path})
    assert list(itertools.islice(lines, 2)) == [("kafka", "new"), ("kafka", "new")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"event": "download_progress", "bytes": 700, "of": 2800000000}',
            "download progress, 0% of 2.8 GB",
        ),
        ('{"event": "download_progress", "bytes": 700, "of": null}', "download progress"),
        ('{"event": "sharp_loading"}', "sharp loading"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ('"text"', '"text"'),
    ],
)
def test_progress_is_described_in_words(line: str, expected: str) -> None:
    assert logfiles.progress_in(line) == expected
