"""An assistant, by the official SDK's client, makes, exports and shares a scene through the server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import trimesh
from mcp import Client, StdioServerParameters

from tests.e2e import photos
from tests.e2e.system import System

pytestmark = [pytest.mark.drill, pytest.mark.stack]
MISSING = "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47"


def server(system: System, folder: Path) -> StdioServerParameters:
    """The command that an assistant is configured with; it inherits none of the environment."""
    key = system.credentials["api_key"]
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "sharpstream", "mcp", "--folder", str(folder)],
        env={"SHARPSTREAM_URL": system.url, "SHARPSTREAM_API_KEY": key},
        cwd="/",
    )


class Assistant:
    """Calls tools and keeps what was reported meanwhile."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.reports: list[tuple[float, float | None, str | None]] = []

    async def _report(self, progress: float, total: float | None, message: str | None) -> None:
        self.reports.append((progress, total, message))

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = await self._client.call_tool(tool, arguments, progress_callback=self._report)
        assert not answer.is_error, answer.content
        assert answer.structured_content is not None
        return answer.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        answer = await self._client.call_tool(tool, arguments)
        assert answer.is_error, answer.content
        return str(answer.content[0].text)


async def test_an_assistant_makes_exports_and_shares_a_scene(system: System, tmp_path: Path) -> None:
    photo, folder = photos.landscape(tmp_path), tmp_path / "files"
    async with Client(server(system, folder)) as client:
        assistant = Assistant(client)
        made = await assistant.call("generate_scene", photo=str(photo), name="Coffee")
        assert (made["status"], made["name"]) == ("completed", "Coffee")
        assert made["gaussian_count"] > 0
        reported = [progress for progress, _, _ in assistant.reports]
        assert reported == sorted(set(reported))
        assert reported[-1] == 1.0
        assert {total for _, total, _ in assistant.reports} == {1.0}
        assert len(reported) >= 2  # stages that are quicker than 0.2 s are not reported

        scene = made["id"]
        begun = await assistant.call("generate_scene", photo=str(photo), wait=False)
        ended = await assistant.call("wait_for_scene", scene_id=begun["id"], timeout_s=60)
        assert (ended["id"], ended["status"]) == (begun["id"], "completed")
        listed = await assistant.call("list_scenes", name="coffee", status="completed")
        assert scene in {each["id"] for each in listed["scenes"]}
        assert (await assistant.call("get_scene", scene_id=scene))["width"] == 600

        formats = {each["name"]: each for each in (await assistant.call("list_export_formats"))["formats"]}
        assert formats["glb_mesh"]["options"]["max_triangles"]["maximum"] == 2_000_000
        export = await assistant.call(
            "export_scene", scene_id=scene, format="PLY-sharp", options={"max_gaussians": 500}, save_as="cup"
        )
        path = folder / "cup.ply"
        assert (export["path"], export["bytes"]) == (str(path), path.stat().st_size)
        assert len(trimesh.load(path).vertices) == 500

        share = await assistant.call("share_scene", scene_id=scene, expires_in_hours=2)
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(share["url"])).status_code == 200

        for code, tool, arguments in (
            ("not_found", "get_scene", {"scene_id": MISSING}),
            ("format_unknown", "export_scene", {"scene_id": scene, "format": "doc", "save_as": "a"}),
            (
                "validation_failed",
                "export_scene",
                {"scene_id": scene, "format": "stl", "options": {"up": "x"}},
            ),
            ("file_exists", "export_scene", {"scene_id": scene, "format": "ply", "save_as": "cup"}),
            ("path_refused", "export_scene", {"scene_id": scene, "format": "glb", "save_as": "../../a"}),
            ("path_refused", "generate_scene", {"photo": "/etc/hostname"}),
        ):
            said = await assistant.refused(tool, **arguments)
            assert said.endswith(f"[{code}]"), said
        assert [each.name for each in folder.iterdir()] == ["cup.ply"]
