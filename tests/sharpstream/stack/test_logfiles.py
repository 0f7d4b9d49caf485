"""Logs can be read while they are written, and do not fill the disk."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from sharpstream.stack import logfiles
from sharpstream.stack.errors import SettingsError


def test_the_end_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "kafka.log"
    assert logfiles.tail(path, 3) == []
    assert logfiles.last_line(path) == "it said nothing"
    path.write_text("one\ntwo\nthree\n\n")
    assert logfiles.tail(path, 2) == ["three", ""]
    assert logfiles.last_line(path) == "three"


def test_a_long_log_is_put_aside_under_its_writer(tmp_path: Path) -> None:
    path, limits, long = tmp_path / "kafka.log", logfiles.Limits(mib=1), "x" * 2**20 + "\n"
    with path.open("ab", buffering=0) as writer:
        writer.write(long.encode())
        logfiles.shorten(path, logfiles.Limits(mib=2))
        assert path.read_text() == long
        logfiles.shorten(path, limits)
        writer.write(b"after\n")
    assert path.read_text() == "after\n"
    assert (tmp_path / "kafka.log.1").read_text() == long
    logfiles.shorten(path, limits)
    assert path.read_text() == "after\n"


def test_no_line_is_kept_for_longer_than_the_days_say(tmp_path: Path) -> None:
    limits, path, copy = logfiles.Limits(days=2), tmp_path / "kafka.log", tmp_path / "kafka.log.1"
    path.write_text("first\n")
    logfiles.expire(tmp_path, logfiles.Limits())
    assert [each.name for each in tmp_path.iterdir()] == ["kafka.log"]
    logfiles.expire(tmp_path, limits)  # from here on the days are counted
    logfiles.expire(tmp_path, limits)
    assert path.read_text() == "first\n"
    for written, kept in (("", "first\n"), ("second\n", ""), ("", "second\n")):
        passed(tmp_path, days=1)
        logfiles.expire(tmp_path, limits)
        assert (path.read_text(), copy.read_text()) == ("", kept)
        path.write_text(written)
    passed(tmp_path, days=0.9)
    logfiles.expire(tmp_path, limits)
    assert copy.read_text() == "second\n"


def passed(logs: Path, *, days: float) -> None:
    then = (logs / "rotated").stat().st_mtime - days * 86_400
    os.utime(logs / "rotated", (then, then))


def test_limits_are_keys_of_the_environment() -> None:
    read = logfiles.Limits.read
    assert read({}) == logfiles.Limits(mib=20, days=None)
    assert read({"SHARPSTREAM_LOG_MIB": "5", "SHARPSTREAM_LOG_DAYS": "30"}) == logfiles.Limits(mib=5, days=30)
    for wrong in ("0", "-1", "1.5", "a week", "3651"):
        with pytest.raises(SettingsError, match=r"SHARPSTREAM_LOG_DAYS=.*from 1 to 3650"):
            read({"SHARPSTREAM_LOG_DAYS": wrong})


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
