"""The committed dashboards are those of the code, and Grafana can lay them out."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))
dashboards = importlib.import_module("dashboards")
FILES = dashboards.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_is_up_to_date(path: Path) -> None:
    assert path.read_text() == FILES[path], "run .venv/deploy/bin/python deploy/watching/dashboards.py"


def test_no_other_file_is_there() -> None:
    assert set((HERE / "dashboards").iterdir()) == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_panels_lie_beside_each_other_and_say_what_they_show(path: Path) -> None:
    board = json.loads(FILES[path])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        area = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(area["x"], area["x"] + area["w"])
            for y in range(area["y"], area["y"] + area["h"])
        }
        assert area["x"] + area["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    assert [each["name"] for each in board["templating"]["list"]] == ["source"]
    assert board["uid"].startswith("sharpstream-")
