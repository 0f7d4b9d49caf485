"""What an assistant learns of the tools, and what it gets where no service answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sharpstream.client import AsyncClient, Retries, ServiceError
from sharpstream.mcp_server import build
from tests.sharpstream.client.service import KEY

TOOLS = {
    "generate_scene", "wait_for_scene", "list_scenes", "get_scene", "list_export_formats", "export_scene",
    "share_scene",
}  # fmt: skip
SCENE = "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47"


def nowhere() -> AsyncClient:
    return AsyncClient("http://127.0.0.1:9", KEY, retries=Retries(most=0, max_wait_s=0))


async def failed(server: Any, tool: str, arguments: dict[str, Any]) -> str:
    """Return what a model reads of a call that failed."""
    async with Client(server) as client:
        answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    assert answer.structured_content is None
    return str(answer.content[0].text)


async def test_every_tool_is_typed_and_described(tmp_path: Path) -> None:
    async with Client(build(nowhere, tmp_path)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert tools.keys() == TOOLS
    for tool in tools.values():
        assert tool.title
        assert len(tool.description or "") > 20
        assert tool.output_schema
        assert tool.annotations is not None
        for name, field in tool.input_schema["properties"].items():
            assert name not in {"self", "ctx"}
            assert field.get("type") or field.get("anyOf"), (tool.name, name)
    reads = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
    assert reads == {"wait_for_scene", "list_scenes", "get_scene", "list_export_formats"}
    assert tools["get_scene"].input_schema["properties"]["scene_id"]["format"] == "uuid"


async def test_no_service_is_a_sentence_with_a_code(tmp_path: Path) -> None:
    assert "[unreachable]" in await failed(build(nowhere, tmp_path), "list_scenes", {})

    def none() -> AsyncClient:
        raise ServiceError("credentials_missing", "It needs credentials: `sharpstream login`.")

    said = await failed(build(none, tmp_path), "get_scene", {"scene_id": SCENE})
    assert said.endswith("It needs credentials: `sharpstream login`. [credentials_missing]")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_scene", {"scene_id": "../keys"}),
        ("list_scenes", {"limit": 1000}),
        ("share_scene", {"scene_id": SCENE, "expires_in_hours": 0}),
        ("wait_for_scene", {"scene_id": SCENE, "timeout_s": 1e9}),
        ("generate_scene", {"photo": ""}),
    ],
)
async def test_wrong_arguments_never_reach_the_service(
    tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    said = await failed(build(nowhere, tmp_path), tool, arguments)
    assert "validation error" in said
    assert "unreachable" not in said


async def test_a_path_that_is_no_photo_is_refused(tmp_path: Path) -> None:
    said = await failed(build(nowhere, tmp_path), "generate_scene", {"photo": "/etc/passwd"})
    assert said.endswith("[path_refused]")
