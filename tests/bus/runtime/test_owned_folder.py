"""Folders that another user may own are refused.

| class | members | source |
|---|---|---|
| owner | the folder, one above it, a link to it | chown as root |
| mode | writable by all, one above it without the sticky bit | umask 0 |
| accepted | a private folder, one below /tmp, a missing one, one that root owns | |
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.runtime import owned_folder
from bus.runtime.errors import ConfigurationError
from sharpstream.cli import sign_ins

STRANGER = 54_321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")


@pytest.fixture
def above(tmp_path: Path) -> Path:
    made = tmp_path / "above"
    made.mkdir()
    return made


def test_a_folder_is_made_private(above: Path) -> None:
    made = owned_folder.make(above / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_loose_folder_of_this_user_is_made_private(above: Path) -> None:
    above.chmod(0o770)
    owned_folder.make(above)
    assert above.stat().st_mode & 0o777 == 0o700


def test_a_missing_folder_is_accepted(above: Path) -> None:
    owned_folder.check(above / "missing")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda above: os.chown(above / "own", STRANGER, -1), marks=as_root, id="owner"),
        pytest.param(lambda above: os.chown(above, STRANGER, -1), marks=as_root, id="owner above"),
        pytest.param(lambda above: (above / "own").chmod(0o777), id="mode"),
        pytest.param(lambda above: (above / "own").chmod(0o1777), id="mode, sticky"),
        pytest.param(lambda above: above.chmod(0o777), id="mode above"),
    ],
)
def test_what_another_user_may_own_is_refused(above: Path, spoil: Callable[[Path], None]) -> None:
    own = above / "own"
    own.mkdir()
    owned_folder.check(own)
    spoil(above)
    with pytest.raises(ConfigurationError, match="own"):
        owned_folder.make(own)


@as_root
def test_a_link_of_another_user_is_refused(above: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(above)
    owned_folder.check(link)
    os.lchown(link, STRANGER, -1)
    with pytest.raises(ConfigurationError, match="link"):
        owned_folder.check(link)


def test_a_sticky_folder_above_is_accepted(above: Path) -> None:
    above.chmod(0o1777)
    owned_folder.check(owned_folder.make(above / "own"))


def test_the_cache_is_below_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHARPSTREAM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert owned_folder.cache() == tmp_path / ".cache/sharpstream"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert owned_folder.cache() == tmp_path / "xdg/sharpstream"
    monkeypatch.setenv("SHARPSTREAM_CACHE", str(tmp_path / "own"))
    assert owned_folder.cache() == tmp_path / "own"


def test_a_user_without_a_home_has_folders_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A container's number that no passwd entry names, and no HOME: `Path.home` knows none."""
    for key in ("HOME", "SHARPSTREAM_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(RuntimeError):
        Path.home()
    monkeypatch.setenv("SHARPSTREAM_HOME", str(tmp_path))
    assert owned_folder.cache() == tmp_path / ".cache" / "sharpstream"
    assert sign_ins.default_path() == tmp_path / ".config" / "sharpstream" / "sign-ins.json"
    monkeypatch.delenv("SHARPSTREAM_HOME")
    assert owned_folder.home() == Path.cwd() / ".sharpstream"


def unknown(number: int) -> pwd.struct_passwd:
    raise KeyError(number)
