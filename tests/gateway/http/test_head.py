"""HEAD is answered wherever GET is: the same status and headers, and no body (RFC 9110, 9.3.2)."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.conftest import until
from tests.gateway.rows import put_scene


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/docs/openapi.json", "/health/live", "/health/ready", "/api/v1/models", "/nowhere"],
)
async def test_head_is_get_without_the_body(api, path):
    got, head = await api.client.get(path), await api.client.head(path)
    assert head.content == b""
    assert head.status_code == got.status_code
    kept = ("content-type", "content-length", "cache-control", "etag", "content-security-policy")
    assert [head.headers.get(name) for name in kept] == [got.headers.get(name) for name in kept]


async def test_head_asks_for_the_same_rights(api, assert_problem):
    person = await api.person()
    scene = await put_scene(api, await api.account_id(person))
    path = f"/api/v1/scenes/{scene}"
    assert (await api.client.head(path, headers=person)).status_code == 200
    assert (await api.client.head(path)).status_code == 401
    assert (await api.client.head(f"/api/v1/scenes/{scene}x", headers=person)).status_code == 404


async def test_the_head_of_a_stream_ends_at_once(api):
    person = await api.person()
    await api.services.hub.wait_ready(30)
    async with asyncio.timeout(20):
        answer = await api.client.head("/api/v1/events", headers=person | {"Accept": "text/event-stream"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b""
    await until(lambda: not api.services.hub._open.total())


async def test_other_methods_are_named(api):
    answer = await api.client.put("/api/v1/models")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
