"""The web page matches the gateway: its types are generated from the gateway's document."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from gateway.system import album_page, shared_page
from gateway.system.static_site_routes import ADDRESSES
from sharpstream.stack import web_build
from sharpstream.stack.errors import MissingToolError

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"


def folder_of_node() -> str | None:
    """Where the Node is that builds the page: this machine's, or that of the wheel."""
    try:
        return str(Path(web_build.npm()[0]).parent)
    except MissingToolError:
        return None


NODE = folder_of_node()
tools = pytest.mark.skipif(
    not (WEB / "node_modules" / ".bin" / "vitest").exists() or NODE is None,
    reason="the page's tools are not installed: install Node 20.19 or later, then run make web",
)


def tool(*command: str, given: str | None = None) -> str:
    """Run one of the page's tools; return what it printed."""
    path = WEB / "node_modules" / ".bin" / command[0]
    env = os.environ | {"PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [path, *command[1:]], cwd=WEB, env=env, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@tools
def test_the_types_are_those_of_the_gateways_document() -> None:
    spec = importlib.util.spec_from_file_location("web_document", WEB / "document.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = tool("openapi-typescript", given=module.document())
    types = ROOT / "clients" / "typescript" / "src" / "schema.ts"
    assert types.read_text() == made, "run: npm --prefix web run types"


@tools
def test_the_pages_own_logic() -> None:
    assert re.search(r"Tests .*\d+ passed", tool("vitest", "run"))


def test_the_first_pages_scene_is_small_and_of_the_photo_that_stands_there_first() -> None:
    folder = WEB / "src" / "welcome"
    file = (folder / "cat.spz").read_bytes()
    magic, _, count = struct.unpack("<III", gzip.decompress(file)[:12])
    assert magic == 0x5053474E
    assert 90_000 < count < 180_000
    assert len(file) < 1_500_000
    frame = json.loads((folder / "cat.json").read_text())
    with Image.open(folder / "cat.webp") as photo:
        assert photo.size == (frame["width"], frame["height"])
    assert sum(path.stat().st_size for path in folder.glob("*.webp")) < 300_000


def test_the_gateway_answers_at_every_address_of_the_page() -> None:
    routes = re.findall(r'<Route path="([^"*]+)(?:/\*)?"', (WEB / "src" / "App.tsx").read_text())
    shared = {path for handler in (*shared_page.HANDLERS, *album_page.HANDLERS) for path in handler.paths}
    served = {re.sub(r"\{[^}]*\}", ":", path) for path in {*ADDRESSES, *shared}}
    assert {re.sub(r":\w+", ":", f"/{path}") for path in routes} <= served
    assert len(routes) >= 8
