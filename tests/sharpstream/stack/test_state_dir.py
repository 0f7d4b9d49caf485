"""The values that are kept, and the modes of their files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sharpstream.stack.state_dir import HOME_KEY, Home, Memory, default_root


def test_passwords_and_ports_are_made_once_and_kept(home: Home) -> None:
    first = Memory(home)
    password, port = first.secret("kafka"), first.port("kafka")
    again = Memory(home)
    assert (again.secret("kafka"), again.port("kafka")) == (password, port)
    assert again.secret("other") != password
    assert len(password) == 48


def test_a_fact_is_made_by_its_first_asker(home: Home) -> None:
    assert Memory(home).fact("cluster", lambda: "one") == "one"
    assert Memory(home).fact("cluster", lambda: "two") == "one"
    assert Memory(home).known_fact("nothing") is None


def test_only_the_owner_reads_passwords_and_logs(home: Home) -> None:
    Memory(home).secret("any")
    assert stat.S_IMODE((home.root / "memory.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.logs.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.run.stat().st_mode) == 0o700


def test_the_home_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_KEY, str(tmp_path / "elsewhere"))
    assert default_root() == tmp_path / "elsewhere"
    monkeypatch.delenv(HOME_KEY)
    assert default_root().name == ".sharpstream"
    assert (default_root().parent / "pyproject.toml").exists()


def test_a_server_inherits_no_secrets(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/else")
    assert "DATABASE_URL" not in home.environment("kafka")
    assert home.environment("kafka")[HOME_KEY] == str(home.root)
