"""Clients that other languages' generators make from the served document send a photo to a running gateway.

| generator | language | how it sends the photo |
|---|---|---|
| openapi-generator 7.25 | Go | the form |
| openapi-generator 7.25 | TypeScript, fetch | the form |
| oapi-codegen 2.8 | Go | the form |
| @hey-api/openapi-ts 0.99 | TypeScript | an upload: it knows one body an operation, the JSON |

Each client also reads the scene, a list and an error. `test_generated_client.py` has the one for Python.
Sources: openapi-generator#8010, #741, oapi-codegen#1514, openapi-ts#1803.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import UUID

import pytest

from sharpstream.stack import fetching, java
from tests.gateway.http.test_openapi import _token as token
from tests.gateway.http.test_openapi import gateway  # noqa: F401  (a fixture)
from tests.gateway.pictures import encoded

pytestmark = [pytest.mark.stack, pytest.mark.drill]
HERE = Path(__file__).with_name("generators")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what the command printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture
def environment(gateway: str, tmp_path: Path) -> dict[str, str]:  # noqa: F811
    """What the programs are given: URL, key and photo; ``openapi.json`` is in the test's folder."""
    with urlopen(f"{gateway}/docs/openapi.json") as document:
        (tmp_path / "openapi.json").write_bytes(document.read())
    (tmp_path / "kitchen.jpg").write_bytes(encoded("JPEG"))
    headers = {"Authorization": f"Bearer {token(gateway)}", "Content-Type": "application/json"}
    with urlopen(Request(f"{gateway}/api/v1/api-keys", b'{"name": "generated"}', headers)) as answer:
        key = json.load(answer)["key"]
    return {"URL": gateway, "KEY": key, "PHOTO": str(tmp_path / "kitchen.jpg")}


def generate(language: str, folder: Path, to: Path, **options: str) -> None:
    """Let openapi-generator make a client; it validates the document first."""
    files = fetching.read_list(HERE / "openapi_generator.txt")
    kept = java.cache() / "generators"
    fetching.fetch(files, os.environ.get(java.REPOSITORY) or java.MAVEN_CENTRAL, kept, print)
    command = ["java", "-jar", kept / files[0].name, "generate"]
    more = [f"{name}={value}" for name, value in options.items()]
    properties = ["--additional-properties", ",".join(more)] if more else []
    run(*command, "-i", folder / "openapi.json", "-g", language, "-o", to, *properties, cwd=folder)


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")


def copied(language: str, folder: Path) -> Path:
    """Return a copy of a language's programs, where clients are made beside them."""
    return Path(shutil.copytree(HERE / language, folder / language))


def test_clients_for_go_send_a_photo(environment: dict[str, str], tmp_path: Path) -> None:
    need("go", "java")
    programs = copied("go", tmp_path)
    made = programs / "generated"
    generate("go", tmp_path, made / "openapi_generator", packageName="sharpstream", withGoMod="false")
    shutil.rmtree(made / "openapi_generator" / "test")
    (made / "oapi_codegen").mkdir()
    output = ("-package", "sharpstream", "-o", made / "oapi_codegen" / "client.go")
    tool = ("go", "tool", "oapi-codegen", "-generate", "types,client")
    run(*tool, *output, tmp_path / "openapi.json", cwd=programs)
    for program in ("openapi_generator", "oapi_codegen"):
        assert UUID(run("go", "run", f"./{program}", cwd=programs, **environment).strip())


def test_clients_for_typescript_send_a_photo(environment: dict[str, str], tmp_path: Path) -> None:
    need("node", "npm", "java")
    programs = copied("typescript", tmp_path)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=programs)
    made = programs / "generated"
    generate("typescript-fetch", tmp_path, made / "openapi_generator")
    tools = programs / "node_modules" / ".bin"
    run(tools / "openapi-ts", "-i", tmp_path / "openapi.json", "-o", made / "hey_api", cwd=programs)
    run(tools / "tsc", "--noEmit", cwd=programs)
    for program in ("openapi_generator", "hey_api"):
        bundled = programs / f"{program}.mjs"
        run(tools / "esbuild", f"{program}.ts", "--bundle", "--platform=node", "--format=esm",
            f"--outfile={bundled}", cwd=programs)  # fmt: skip
        assert UUID(run("node", bundled, cwd=programs, **environment).strip())
