"""The API's document is ordered for newcomers: what makes scenes first, what only operators need last."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.app import create_app
from gateway.http.introduction import first_calls
from tests.architecture import surface

ORDER = (
    "scenes", "exports", "shares", "events", "api keys", "webhooks", "usage", "users", "retention", "models",
    "partners", "operations", "admin",
)  # fmt: skip


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(surface._settings()).openapi_schema.to_schema()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in surface.METHODS
    ]


def test_subjects_come_in_the_order_in_which_they_are_needed(document: dict[str, Any]) -> None:
    assert tuple(tag["name"] for tag in document["tags"]) == ORDER
    for tag in document["tags"]:
        assert re.fullmatch(r"[A-Z].{15,}\.", tag["description"]), tag


def test_every_operation_has_one_subject_and_a_summary(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len(found) > 60
    assert {name for operation in found for name in operation["tags"]} == set(ORDER)
    for operation in found:
        assert len(operation["tags"]) == 1, operation["operationId"]
        assert len(operation.get("summary", "")) > 5, operation["operationId"]


def test_it_begins_with_the_first_calls(document: dict[str, Any]) -> None:
    said = document["info"]["description"]
    for words, command in first_calls(document["servers"][0]["url"]):
        assert f"{words}\n\n```sh\n{command}\n```" in said
    paths = document["paths"]
    assert "post" in paths["/api/v1/scenes/generate"]
    assert "get" in paths["/api/v1/scenes/{generation_id}/events"]


async def test_the_plain_page_has_the_same_order(api) -> None:
    page = (await api.client.get("/docs/plain")).text
    headings = re.findall(r'<h2 id="subject-([a-z-]+)">', page)
    assert headings == [name.replace(" ", "-") for name in ORDER]
    assert page.index("<pre>curl") < page.index('<h2 id="subject-scenes">')
    scenes = page[page.index('id="subject-scenes"') : page.index('id="subject-exports"')]
    assert "/api/v1/scenes/generate" in scenes
