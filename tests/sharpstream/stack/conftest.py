"""A home for each test, in a folder that Postgres's own user can reach too."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharpstream.stack.state_dir import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty home."""
    root = Path(tempfile.mkdtemp(prefix="sharpstream-home-", dir="/var/tmp"))
    made = Home(root)
    made.create()
    yield made
    shutil.rmtree(root)
