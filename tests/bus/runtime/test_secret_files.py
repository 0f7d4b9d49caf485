from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime import secret_files
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import DatabaseSettings, load

SECRET = "hunter2-which-nobody-may-read"


class Given(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    word: SecretStr
    other: SecretStr | None = None
    plain: str = "plain"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in os.environ:
        if key.startswith(("SAMPLE_", "DATABASE_")):
            monkeypatch.delenv(key)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "word"
    path.write_text(f"{SECRET}\n")
    return path


def test_a_secret_comes_from_a_variable_or_from_a_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("SAMPLE_WORD_FILE", str(file))
    monkeypatch.setenv("SAMPLE_WORD", "")  # as a composed file passes a key that nothing sets
    monkeypatch.setenv("SAMPLE_OTHER", "other")
    found = load(Given)
    assert found.word.get_secret_value() == SECRET  # without the newline
    assert found.other
    assert found.other.get_secret_value() == "other"


def test_whitespace_inside_and_before_is_part_of_it(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("  two words \t\r\n\n")
    monkeypatch.setenv("SAMPLE_WORD_FILE", str(file))
    assert load(Given).word.get_secret_value() == "  two words"


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("SAMPLE_WORD", "word")
    monkeypatch.setenv("SAMPLE_PLAIN_FILE", str(file))
    assert load(Given).plain == "plain"


def test_both_set_is_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("SAMPLE_WORD_FILE", str(file))
    monkeypatch.setenv("SAMPLE_WORD", "another-word")
    with pytest.raises(ConfigurationError, match="SAMPLE_WORD and SAMPLE_WORD_FILE are both set") as caught:
        load(Given)
    assert SECRET not in str(caught.value)
    assert "another-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        ("folder", r"cannot be read \(Is a directory\)"),
        (b"\xff\xfe" + SECRET.encode(), "no text in UTF-8"),
        (b" \n", "is empty"),
        (SECRET.encode() * 4000, "larger than 65536 bytes"),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None, sentence: str
) -> None:
    path = tmp_path / "secret"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    monkeypatch.setenv("SAMPLE_WORD_FILE", str(path))
    with pytest.raises(ConfigurationError, match=rf"^SAMPLE_WORD_FILE: {path} .*{sentence}|{sentence}") as e:
        load(Given)
    assert str(path) in str(e.value)
    cause: BaseException | None = e.value
    while cause is not None:
        assert SECRET[:8] not in repr(cause)
        cause = cause.__cause__


def test_the_word_for_a_file_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_WORD", secret_files.ELSEWHERE)
    with pytest.raises(ConfigurationError, match=r"SAMPLE_WORD is in-a-file.*compose\.secrets\.yaml"):
        load(Given)


def test_a_secret_of_no_class_comes_from_either() -> None:
    assert secret_files.value("KEY", {"KEY": "a"}) == "a"
    assert secret_files.value("KEY", {"KEY": ""}) is None
    assert secret_files.value("KEY", {}) is None


def test_the_databases_password_may_come_alone(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("a/b@c:d")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(file))
    monkeypatch.setenv("DATABASE_URL", "postgresql://ledger@db.example:5432/name?sslmode=require")
    found = load(DatabaseSettings)
    assert (
        found.url.get_secret_value()
        == "postgresql://ledger:a%2Fb%40c%3Ad@db.example:5432/name?sslmode=require"
    )


@pytest.mark.parametrize("url", ["postgresql://u:p@host/name", "postgresql://host/name"])
def test_a_password_without_room_in_the_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "p")
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigurationError, match=r"DATABASE_PASSWORD: .*has a password already, or no user"):
        load(DatabaseSettings)
