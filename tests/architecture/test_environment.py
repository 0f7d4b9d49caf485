""".env.example matches the settings classes, and each key has an explanation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def environment() -> ModuleType:
    """The script, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("environment", ROOT / "deploy" / "environment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def every_class(environment: ModuleType) -> list[type[BaseSettings]]:
    return [settings for package in environment.MODULES for settings in environment.settings_classes(package)]


def test_the_committed_file_is_up_to_date(environment: ModuleType) -> None:
    assert (ROOT / ".env.example").read_text() == environment.document(), (
        "run: .venv/bin/python deploy/environment.py > .env.example"
    )


def test_every_key_of_every_class_is_listed_once(environment: ModuleType) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = [line.removeprefix("# ").partition("=")[0] for line in lines if "=" in line]
    keys = [key for settings in every_class(environment) for key in environment.keys(settings)]
    assert len(keys) > 40
    assert [key for key in keys if listed.count(key) != 1] == []


def test_every_key_is_explained(environment: ModuleType) -> None:
    silent = [
        key
        for settings in every_class(environment)
        for key, field in environment.keys(settings).items()
        if key not in environment.TO_FILL and not environment._meaning(field)
    ]
    assert silent == []


def test_no_default_depends_on_the_machine(environment: ModuleType) -> None:
    """Such a default is a factory: else .env.example would differ from machine to machine."""
    for package in environment.MODULES:
        source = (ROOT / package.replace(".", "/") / "settings.py").read_text()
        assert "default=max(" not in source
        assert "default=os." not in source
