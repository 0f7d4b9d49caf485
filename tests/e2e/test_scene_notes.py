"""Scenes by the command line, on a whole system: named, found, processed again, packed and shown together."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.e2e import photos
from tests.e2e.running import Running

pytestmark = [pytest.mark.drill, pytest.mark.stack]


def test_scenes_are_handled_by_the_command_line(running: Running, tmp_path: Path) -> None:
    def run(*arguments: object, code: int = 0) -> str:
        done = running.cli(*map(str, arguments))
        assert done.returncode == code, done.stderr
        return done.stdout

    photo = photos.landscape(tmp_path)
    first = json.loads(run("generate", photo, "-o", tmp_path, "--json"))["results"][0]["generation_id"]
    assert "Kitchen in May" in run("scenes", "rename", first, "Kitchen in May")
    run("scenes", "tag", first, "--add", "e2e-kitchen", "--add", "May")
    run("scenes", "tag", first, "--remove", "may")
    run("scenes", "favourite", first)
    again = run("scenes", "retry", first, "--focal-length-mm", "24").strip()
    with running.client() as client:
        made = running.wait(
            lambda: client.get(f"/scenes/{again}").json(), lambda scene: scene["status"] == "completed"
        )
    assert (made["retry_of"], made["name"], made["tags"]) == (first, "Kitchen in May", ["e2e-kitchen"])
    assert made["metadata"]["focal_source"] == "request"
    listed = json.loads(run("scenes", "list", "--tag", "e2e-kitchen", "--sort", "oldest", "--json"))
    assert [scene["id"] for scene in listed] == [first, again]
    marked = json.loads(run("list", "--tag", "e2e-kitchen", "--favourite", "--json"))
    assert [scene["id"] for scene in marked] == [first]
    assert "e2e-kitchen" in run("scenes", "tags")

    packed = tmp_path / "both.zip"
    run("scenes", "zip", first, again, "-o", packed)
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["Kitchen in May.ply", "Kitchen in May (2).ply"]
        assert archive.read("Kitchen in May.ply").startswith(b"ply")
    link = run("scenes", "album", first, again, "--title", "Both").strip()
    token = link.rpartition("/")[2]
    shown = httpx.get(f"{running.url}/api/v1/shared-albums/{token}").json()
    assert [item["name"] for item in shown["items"]] == ["Kitchen in May"] * 2

    run("delete", first, "--yes")
    (left,) = httpx.get(f"{running.url}/api/v1/shared-albums/{token}").json()["items"]
    assert left["position"] == 2
    assert httpx.get(made["original_image_url"]).status_code == 200  # its own copy
    assert "not_found" in running.cli("scenes", "tag", first, "--add", "x").stderr
    run("delete", again, "--yes")
