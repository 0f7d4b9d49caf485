"""The public surface is as committed: a change must be intended, and stand in the changelog."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.architecture.surface import COMMITTED, current


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(COMMITTED.read_text()), json.loads(json.dumps(current()))


@pytest.mark.parametrize(
    ("part", "names"), [("rest", "operations"), ("rest", "schemas"), ("kafka", None), ("command_line", None)]
)
def test_the_surface_is_the_committed_one(both: Any, part: str, names: str | None) -> None:
    committed, now = (whole[part] if names is None else whole[part][names] for whole in both)
    gone = sorted(committed.keys() - now.keys())
    new = sorted(now.keys() - committed.keys())
    changed = {name: (committed[name], now[name]) for name in committed.keys() & now.keys()}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    assert (gone, new, changed) == ([], [], {}), "python -m tests.architecture.surface, if this is meant"
