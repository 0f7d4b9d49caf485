"""Skips these tests, with a reason, where the packages of the dependency group `training` are missing."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MISSING = [
    name for name in ("numba", "PIL", "scipy", "skimage", "torch") if importlib.util.find_spec(name) is None
]


class Skipped(pytest.Module):
    """A module that is not even imported."""

    def collect(self):
        pytest.skip(f"needs the dependency group `training`: no {', '.join(MISSING)}")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    return Skipped.from_parent(parent, path=module_path) if MISSING else None
