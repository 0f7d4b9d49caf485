"""A client that a generator makes from the OpenAPI document sends a photo and reads the answers.

Sources: openapi-generator#8010, #741, litestar#4013, orval#2636, openapi-python-client#1276.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.gateway.pictures import encoded

ROOT = Path(__file__).parents[3]
GENERATOR = ROOT / ".venv" / "generators" / "bin" / "openapi-python-client"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "web" / "document.py")]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_document_says_what_generators_need(document: dict[str, Any]) -> None:
    """Errors of Redocly's `recommended` rules, and what made clients that do not compile or cannot send."""
    assert len(operations(document)) > 50
    for operation in operations(document):
        name = operation["operationId"]
        assert len(operation["tags"]) == 1, name
        assert "security" in operation, name
        if "requestBody" in operation:
            assert operation["responses"].keys() >= {"408", "413"}, name
        for answer in operation["responses"].values():
            assert all("schema" in header for header in (answer.get("headers") or {}).values()), name
            for content in (answer.get("content") or {}).values():
                assert all("id" not in example for example in (content.get("examples") or {}).values()), name
    assert len({operation["operationId"] for operation in operations(document)}) == len(operations(document))
    assert document["info"]["license"]["identifier"] == "Apache-2.0"


def test_the_document_says_how_parameters_are_refused(document: dict[str, Any]) -> None:
    """A value that is no number, date or word of a list, and an address whose id is none."""
    missing = []
    for operation in operations(document):
        answers = operation["responses"].keys()
        for each in operation.get("parameters", []):
            free = each["schema"] == {"type": "string"}
            wanted = "422" if each["in"] == "query" and not free else "404" if each["in"] == "path" else None
            if wanted and wanted not in answers:
                missing.append((operation["operationId"], each["name"], wanted))
    assert missing == []


@pytest.fixture(scope="module")
def generated(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], ModuleType]]:
    """Return how a module of the generated package is imported."""
    if not GENERATOR.exists():
        pytest.skip("the generator is not installed: make .venv/generators/.installed")
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(document))
    # It knows bytes by this name alone, and leaves other answers out with a warning.
    config = {"content_type_overrides": {"application/zip": "application/octet-stream"}}
    (folder / "config.json").write_text(json.dumps(config))
    command = [str(GENERATOR), "generate", "--path", "openapi.json", "--meta", "none"]
    command += ["--config", "config.json"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it formats its code with ruff
    done = subprocess.run(
        [*command, "--output-path", "made_client"],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"made_client.{name}")
    sys.path.remove(str(folder))


def test_every_operation_has_a_function(
    document: dict[str, Any], generated: Callable[[str], ModuleType]
) -> None:
    for operation in operations(document):
        made = generated(f"api.{operation['tags'][0].replace(' ', '_')}.{operation['operationId']}")
        assert callable(made.asyncio_detailed)


async def test_it_sends_a_photo_and_reads_the_answers(api, generated) -> None:
    person = await api.person()
    transport = httpx.ASGITransport(app=api.client._transport.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=person) as http:
        client = generated("client").Client(base_url="http://test")
        client.set_async_httpx_client(http)
        models, types = generated("models"), generated("types")
        photo = types.File(
            payload=io.BytesIO(encoded("JPEG")), file_name="kitchen.jpg", mime_type="image/jpeg"
        )
        sent = await generated("api.scenes.generate_scene").asyncio_detailed(
            client=client,
            body=models.GenerateSceneFilesBody(
                image=photo, metadata='{"room": "hall"}', focal_length_mm=24.0
            ),
            idempotency_key="once",
        )
        assert sent.status_code == 202, sent.content
        assert isinstance(sent.parsed, models.GenerateOut)
        scene = await generated("api.scenes.get_scene").asyncio(sent.parsed.generation_id, client=client)
        assert isinstance(scene, models.SceneOut)
        assert (scene.name, scene.status) == ("kitchen.jpg", "pending")
        found = await generated("api.scenes.list_scenes").asyncio(client=client)
        assert [item.id for item in found.items] == [scene.id]
        missing = await generated("api.scenes.get_scene").asyncio(scene.id.__class__(int=1), client=client)
        assert (missing.code, missing.status) == ("not_found", 404)
        refused = await generated("api.scenes.generate_scene").asyncio(
            client=client, body=models.GenerateSceneJsonBody(image_url="ftp://x.example/a.jpg")
        )
        assert refused.code == "url_refused"
