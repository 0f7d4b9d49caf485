"""The committed AsyncAPI document and its schemas are served unchanged."""

from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


async def test_the_committed_documents_are_served(api):
    answer = await api.client.get("/docs/asyncapi.json")
    assert (answer.status_code, answer.json()) == (200, json.loads((DOCS / "asyncapi.json").read_text()))
    for path in (DOCS / "schemas").glob("*.json"):
        answer = await api.client.get(f"/docs/schemas/{path.name}")
        assert (answer.status_code, answer.text) == (200, path.read_text())
        assert answer.headers["content-type"] == "application/schema+json"


async def test_the_page_links_to_every_schema(api):
    page = (await api.client.get("/docs/asyncapi")).text
    for path in (DOCS / "schemas").glob("*.json"):
        assert f'href="/docs/schemas/{path.name}"' in page
    assert "sharp.events.v1" in page


async def test_an_unknown_schema_is_not_found(api, assert_problem):
    assert_problem(await api.client.get("/docs/schemas/nothing.v9.json"), 404, "not_found")
