"""The web page matches the gateway: its types are generated from the gateway's document."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.system.static_site_routes import ADDRESSES

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
tools = pytest.mark.skipif(
    not (WEB / "node_modules" / ".bin" / "vitest").exists() or shutil.which("node") is None,
    reason="the page's tools are not installed: install Node 20.19 or later, then run make web",
)


def tool(*command: str, given: str | None = None) -> str:
    """Run one of the page's tools; return what it printed."""
    path = WEB / "node_modules" / ".bin" / command[0]
    done = subprocess.run(
        [path, *command[1:]], cwd=WEB, input=given, capture_output=True, text=True, check=False
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
    assert (WEB / "src" / "api" / "schema.d.ts").read_text() == made, "run: npm --prefix web run types"


@tools
def test_the_pages_own_logic() -> None:
    assert re.search(r"Tests .*\d+ passed", tool("vitest", "run"))


def test_the_gateway_answers_at_every_address_of_the_page() -> None:
    routes = re.findall(r'<Route path="([^"*]+)(?:/\*)?"', (WEB / "src" / "App.tsx").read_text())
    served = {re.sub(r"\{[^}]*\}", ":", path) for path in ADDRESSES}
    assert {re.sub(r":\w+", ":", f"/{path}") for path in routes} <= served
    assert len(routes) >= 8
