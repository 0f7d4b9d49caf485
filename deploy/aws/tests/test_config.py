"""stages.toml: one configuration, and a sentence for what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.aws.config import FILE, STAGES, StageError, load


def changed(folder: Path, old: str, new: str) -> Path:
    text = FILE.read_text()
    assert old in text
    file = folder / "stages.toml"
    file.write_text(text.replace(old, new, 1))
    return file


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_read(name: str) -> None:
    stage = load(name)
    assert (stage.name, stage.prefix, len(stage.zones)) == (name, f"sharpstream-{name}", 3)


def test_only_dev_may_be_lost() -> None:
    assert [load(name).protected for name in STAGES] == [False, True, True]
    assert [load(name).database.multi_az for name in STAGES] == [False, True, True]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("brokers = 3 ", "brokers = 2 ", "three zones"),
        ("log_days = 7\n", "", "dev lacks log_days"),
        ("log_days = 7\n", "log_days = '7'\n", "dev.log_days is '7'; it must be of the type int"),
        ("log_days = 7\n", "log_days = 7\nlog_weeks = 1\n", "dev has unknown keys: log_weeks"),
        ("warm = 0\n", "warm = 0\ncold = 1\n", "dev.inference has unknown keys: cold"),
        ("acm:us-east-1:111111111111", "acm:eu-west-1:111111111111", "us-east-1 alone"),
        ("least = 0\nmost = 1\n", "least = 2\nmost = 1\n", "more tasks at least than at most"),
        ('rotating = ""', 'rotating = "PEPPER"', "dev.rotating is one of GATEWAY_JWT_SECRET, "),
        ('model = "layered"', 'model = "sharp"', "s3://BUCKET/KEY"),
        ("relay = { least = 1, most = 1 }\n", "relais = { least = 1, most = 1 }\n", "relais"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(StageError, match=sentence):
        load("dev", changed(tmp_path, old, new))


def test_an_unknown_stage_is_named() -> None:
    with pytest.raises(StageError, match="dev, staging, production, not test"):
        load("test")
