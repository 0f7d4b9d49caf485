"""Configures the libraries as a role does."""

from __future__ import annotations

import pytest

from photo import reader


@pytest.fixture(autouse=True, scope="session")
def _prepared() -> None:
    reader.prepare()
