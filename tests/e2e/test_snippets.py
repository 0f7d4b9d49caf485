"""The code that the page shows for a scene, an export and a new key is copied, and run as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from sharpstream.stack import web_build as built_page
from tests.clients import typescript
from tests.e2e import photos
from tests.e2e.running import Running
from tests.e2e.visitor import LIMIT_MS

pytestmark = [pytest.mark.drill, pytest.mark.stack, typescript.tools]
KINDS = {"cURL": "sh", "Python": "py", "JavaScript": "mjs", "Command line": "sh"}
"""Tab -> the ending of a file that holds its code."""


@pytest.fixture
def page(running: Running) -> Iterator[Page]:
    """The page with the clipboard of its own, signed in as the stack's admin."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    if not built_page.is_current():
        pytest.skip("the web page is not built: install Node 20.19 or later, then run make web")
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--disable-gpu"])
        context = browser.new_context(base_url=running.url, permissions=["clipboard-read", "clipboard-write"])
        context.set_default_timeout(LIMIT_MS)
        page = context.new_page()
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(running.credentials["email"])
        page.get_by_label("Password").fill(running.credentials["password"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign in")).to_have_count(0)
        yield page
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo; the JavaScript client is built."""
    typescript.build()
    photos.landscape(tmp_path).rename(tmp_path / "photo.jpg")
    return tmp_path


def test_copied_code_runs_as_it_is(running: Running, page: Page, folder: Path) -> None:
    page.goto("/keys")
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(folder.name)
    dialog.get_by_role("button", name="Create key").click()
    key = dialog.get_by_text("ss_").inner_text()
    said = all_run(page, dialog, folder, key, "photo.ply")
    made = json.loads(said["cURL"])
    assert made["status"] == "completed"
    for kind in ("Python", "JavaScript"):
        assert said[kind].startswith("completed ")

    page.goto(f"/scenes/{made['generation_id']}")
    said = all_run(page, page.get_by_role("main"), folder, key, "photo.ply")
    assert json.loads(said["cURL"])["id"] == made["generation_id"]
    for kind in ("Python", "JavaScript"):
        assert said[kind] == "completed photo.jpg\n"
    assert made["generation_id"] in said["Command line"]

    page.get_by_role("button", name="Options of SPZ").click()
    dialog.get_by_label("Up").select_option("z")
    dialog.get_by_label("Max gaussians").fill("500")
    said = all_run(page, dialog, folder, key, "photo.spz")
    assert json.loads(said["cURL"])["export_id"]
    with running.client() as client:
        exported = client.get(f"/scenes/{made['generation_id']}/exports").json()["items"]
    assert [each["options"] for each in exported if each["export_format"] == "spz"] == [
        {"up": "z", "max_gaussians": 500}
    ], "the four asked for one export"


def all_run(page: Page, where: Locator, folder: Path, key: str, file: str) -> dict[str, str]:
    """Copy each code, then run all at once, each in a project of its own; return what each printed.

    All but cURL's write a file.
    """
    where.get_by_text("Call this from the API").click()
    programs = {}
    for kind, ending in KINDS.items():
        where.get_by_role("tab", name=kind).click()
        where.get_by_role("button", name=f"Copy the {kind} code").click()
        expect(where.get_by_role("tabpanel").get_by_text("Copied")).to_be_visible()
        project = Path(tempfile.mkdtemp(dir=folder))
        typescript.installed_in(project)
        shutil.copy(folder / "photo.jpg", project)
        programs[kind] = project / f"copied.{ending}"
        programs[kind].write_text(page.evaluate("navigator.clipboard.readText()"))
    with ThreadPoolExecutor() as pool:
        said = dict(
            zip(programs, pool.map(lambda program: run(program, key), programs.values()), strict=True)
        )
    for kind, program in programs.items():
        if kind != "cURL":
            content = (program.parent / file).read_bytes()
            assert content.startswith({".ply": b"ply\n", ".spz": b"\x1f\x8b"}[Path(file).suffix])
    return said


def run(program: Path, key: str) -> str:
    """Run copied code as a person does who has exported the key; a failure shows what it printed."""
    folder = program.parent
    runner = {".sh": ["bash", "-eu"], ".py": [sys.executable], ".mjs": ["node"]}[program.suffix]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(folder), "SHARPSTREAM_API_KEY": key}
    own |= {"SHARPSTREAM_HOME": str(folder / "none")}
    done = subprocess.run(
        [*runner, program], cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{program.read_text()}\n{done.stdout}{done.stderr}"
    return done.stdout
