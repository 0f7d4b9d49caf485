"""The TypeScript client against the whole system: the examples of its README, and a program of promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients import typescript
from tests.e2e import photos
from tests.e2e.running import Running

pytestmark = [pytest.mark.stack, typescript.tools]
PROGRAM = Path(__file__).with_name("typescript_client.mjs")
ALL = """
import { readFileSync } from "node:fs";
const said = [];
console.log = (...words) => said.push(words.map(String).join(" "));
const examples = [];
for (const number of Array(COUNT).keys()) examples.push(await import(`./example_${number}.mjs`));
const { default: receiver } = examples.find((each) => each.default);
const refused = await receiver.fetch(new Request("http://shop.test", { method: "POST", body: "{}" }));
const { send } = examples.find((each) => each.send);
const photo = new File([readFileSync("kitchen.jpg")], "hall.jpg");
const percents = [];
const show = (percent) => percents.push(percent);
const problem = await send(photo, async () => "no token", show).catch((error) => error);
process.stdout.write(JSON.stringify({ said, refused: refused.status, problem: problem.code, percents }));
"""


@pytest.fixture(scope="module")
def built() -> None:
    typescript.build()


@pytest.fixture
def folder(built: None, tmp_path: Path) -> Path:
    """A project that has the client installed, and a photo."""
    typescript.installed_in(tmp_path)
    photos.landscape(tmp_path).rename(tmp_path / "kitchen.jpg")
    return tmp_path


def test_the_examples_of_the_readme_run(running: Running, folder: Path) -> None:
    examples = typescript.examples()
    for number, code in enumerate(examples):
        assert typescript.README_URL in code or "verifyWebhook" in code
        (folder / f"example_{number}.mjs").write_text(code.replace(typescript.README_URL, running.url))
    (folder / "all.mjs").write_text(ALL.replace("COUNT", str(len(examples))))
    key = running.credentials["api_key"]
    done = json.loads(typescript.run("node", "all.mjs", cwd=folder, SHARPSTREAM_API_KEY=key))
    said = "\n".join(done["said"])
    assert "generation.requested.v1" in said
    assert "generation.completed.v1" in said
    assert f"kitchen.jpg {running.url}/s/" in said
    assert "You have no scene with this id." in said
    assert (done["refused"], done["problem"]) == (400, "token_invalid")
    assert done["percents"][-1] == 100
    assert (folder / "kitchen.ply").read_bytes().startswith(b"ply\n")
    assert any(path.read_bytes().startswith(b"\x1f\x8b") for path in folder.glob("*.spz"))
    assert (folder / "cursor").read_text().count("-") == 2


def test_its_promises_hold_against_the_running_system(running: Running, folder: Path) -> None:
    (folder / "program.mjs").write_text(PROGRAM.read_text())
    key = running.credentials["api_key"]
    typescript.run("node", "program.mjs", cwd=folder, SHARPSTREAM_API_KEY=key, SHARPSTREAM_URL=running.url)
