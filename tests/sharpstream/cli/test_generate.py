from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sharpstream.cli import batch
from sharpstream.cli.main import build
from sharpstream.client import generate_workflow
from tests.sharpstream.client.service import KEY, TIMINGS, FakeService


@pytest.fixture(autouse=True)
def away_from_any_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPSTREAM_HOME", str(tmp_path / "no-stack"))
    monkeypatch.delenv("SHARPSTREAM_URL", raising=False)
    monkeypatch.delenv("SHARPSTREAM_API_KEY", raising=False)


def command(*arguments: object, service: FakeService | None = None) -> Result:
    known = ["--url", service.url, "--api-key", KEY] if service else []
    return CliRunner().invoke(build(), ["generate", *map(str, arguments), *known])


def document(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)


def test_json_is_one_document_and_nothing_else(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = command(
        photo, "-o", out, "--json", "--focal-length-mm", "24", "--priority", "bulk", service=beside
    )
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    (scene,) = beside.scenes.values()
    assert scene.fields == {"priority": "bulk", "focal_length_mm": "24.0"}
    (entry,) = document(result)["results"]
    assert document(result)["error"] is None
    assert entry.pop("seconds") > 0
    assert entry.pop("sha256") is not None
    assert entry == {
        "photo": str(photo),
        "generation_id": "id-1",
        "status": "completed",
        "path": str(out / "coffee.ply"),
        "bytes": len(scene.splat),
        "gaussian_count": 19683,
        "model": "layered/bundled",
        "timings": TIMINGS,
        "error": None,
    }
    assert (out / "coffee.ply").read_bytes() == scene.splat


def test_people_read_where_it_is_and_how_long_each_stage_took(
    beside: FakeService, photo: Path, tmp_path: Path
) -> None:
    result = command(photo, "-o", tmp_path, service=beside)
    assert result.exit_code == 0, result.output
    assert f"coffee.jpg -> {tmp_path}/coffee.ply (19,683 Gaussians, " in result.stdout
    assert " s, by layered/bundled)" in result.stdout
    assert "640" in result.stdout
    assert "coffee.jpg: inference\n" in result.stderr  # plain lines: stderr is no terminal here
    assert "\x1b[" not in result.output


def test_one_bad_photo_fails_alone_and_names_do_not_collide(
    beside: FakeService, photo: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "other" / "Coffee.png"
    notes = tmp_path / "notes.jpg"
    twin.parent.mkdir()
    twin.write_bytes(b"another photo")
    notes.write_bytes(b"words")
    problem = {"code": "unsupported_media_type", "message": "Send a photo.", "correlation_id": "c"}
    beside.problems["notes.jpg"] = (415, problem, {})
    out = tmp_path / "out"
    result = command(photo, notes, twin, "-o", out, service=beside)
    assert result.exit_code == 1
    assert "notes.jpg: Send a photo. [unsupported_media_type]" in result.stderr
    splats = {scene.photo: scene.splat for scene in beside.scenes.values()}
    assert (out / "coffee.ply").read_bytes() == splats["coffee.jpg"]
    assert (out / "Coffee-2.ply").read_bytes() == splats["Coffee.png"]
    assert len(list(out.iterdir())) == 2


def test_names_as_long_as_a_disk_takes_are_made(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    """Neither the unfinished file nor that of a second photo of the name is longer than a disk takes."""
    names = [
        "\uac00" * 80 + ".jpg",
        "b" * 251 + ".jpg",
        "c" * 253 + ".J",
        "d" * 251 + ".jpg",
        "D" * 251 + ".png",
    ]
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_bytes(file.name.encode())
    result = command(*files, "-o", tmp_path / "out", service=beside)
    assert result.exit_code == 0, result.output
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == sorted(
        ["\uac00" * 80 + ".ply", *(name * 251 + ".ply" for name in "bcd"), "D" * 249 + "-2.ply"]
    )


def test_one_odd_photo_never_ends_a_batch(
    beside: FakeService, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is no UTF-8, a file that is not there, a folder, and an error of our own making."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    odd.write_bytes(b"a photo")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"a photo")
    send = generate_workflow.make

    async def make(client: Any, job: Any, *rest: Any, **more: Any) -> Any:
        if job.photo == broken:
            raise RuntimeError("out of luck")
        return await send(client, job, *rest, **more)

    monkeypatch.setattr(batch, "make", make)
    files = [odd, tmp_path / "missing.jpg", tmp_path, broken, photo]
    result = command(*files, "-o", tmp_path / "out", "--json", service=beside)
    assert result.exit_code == 1
    results = document(result)["results"]
    assert [entry["status"] for entry in results] == ["completed", "failed", "failed", "failed", "completed"]
    codes = [entry["error"] and entry["error"]["code"] for entry in results]
    assert codes == [None, "photo_unreadable", "photo_unreadable", "unexpected", None]
    assert results[0]["photo"].endswith("caf\\xe9.jpg")
    assert {scene.photo for scene in beside.scenes.values()} == {"caf\ufffd.jpg", photo.name}
    shown = command(*files, "-o", tmp_path / "shown", service=beside)
    assert shown.exit_code == 1
    assert "No such file or directory" in shown.stderr
    assert "Traceback" not in shown.output


def test_parallel_bounds_what_is_in_flight(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    result = command(*[photo] * 6, "-o", tmp_path / "out", "-j", "2", "--json", service=beside)
    assert [Path(entry["path"]).name for entry in document(result)["results"]] == [
        "coffee.ply", *(f"coffee-{number}.ply" for number in range(2, 7)),
    ]  # fmt: skip
    assert 1 <= beside.most_at_once <= 2


def test_an_existing_splat_needs_force(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    splat = tmp_path / "coffee.ply"
    splat.write_text("mine")
    result = command(photo, "-o", tmp_path, service=beside)
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert splat.read_text() == "mine"
    assert not beside.scenes
    assert command(photo, "-o", tmp_path, "--force", service=beside).exit_code == 0
    assert splat.read_bytes() == beside.scenes["id-1"].splat


def test_a_failed_job_says_why(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    beside.failing["coffee.jpg"] = ("out_of_memory", "The photo is too large for this GPU.")
    result = command(photo, "-o", tmp_path, "--json", service=beside)
    assert result.exit_code == 1
    (entry,) = document(result)["results"]
    assert (entry["status"], entry["path"], entry["generation_id"]) == ("failed", None, "id-1")
    assert entry["error"] == {
        "code": "out_of_memory", "message": "The photo is too large for this GPU.", "correlation_id": None,
    }  # fmt: skip


def test_a_wrong_key_is_reported(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    result = command(photo, "-o", tmp_path, "--url", beside.url, "--api-key", "ss_wrong")
    assert result.exit_code == 1
    assert "The API key is unknown" in result.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_an_unreachable_service_is_three(photo: Path, tmp_path: Path, as_json: bool) -> None:
    extra = ["--json"] if as_json else []
    result = command(photo, "-o", tmp_path, "--url", "http://127.0.0.1:9", "--api-key", "k", *extra)
    assert result.exit_code == 3
    assert "http://127.0.0.1:9 cannot be reached" in result.stderr
    if as_json:
        assert document(result)["error"]["code"] == "unreachable"


def test_no_stack_and_no_url_is_three(photo: Path, tmp_path: Path) -> None:
    result = command(photo, "-o", tmp_path)
    assert result.exit_code == 3
    assert "sharpstream up" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["PHOTO", "--focal-length-mm", "30", "--focal-length-px", "800"], "not both"),
        (["PHOTO", "--url", "example.org", "--api-key", "k"], "http://"),
        (["PHOTO", "--url", "http://example.org"], "SHARPSTREAM_API_KEY"),
        (["PHOTO", "-o", "PHOTO"], "is a file"),
    ],
)
def test_wrong_usage_is_two(
    photo: Path, arguments: list[str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command(*[str(photo) if argument == "PHOTO" else argument for argument in arguments])
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output


def test_the_address_may_carry_the_api_path(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    url = f"{beside.url}/api/v1/"
    result = command(photo, "-o", tmp_path / "out", "--url", url, "--api-key", KEY)
    assert result.exit_code == 0, result.output


def heed_ctrl_c() -> None:
    """Undo what a shell does to a command that it starts in the background, such as the whole test run."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_no_partial_file(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    beside.stuck.set()
    out = tmp_path / "out"
    child = subprocess.Popen(
        [sys.executable, "-m", "sharpstream", "generate", str(photo), "-o", str(out), "--url", beside.url],
        env=os.environ | {"SHARPSTREAM_API_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  (one system call)
    )
    deadline = time.monotonic() + 60
    while not (beside.downloading.is_set() and list(out.glob(".*.part"))):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in stderr
    assert "id-1" in stderr
    assert stdout == ""
    assert list(out.iterdir()) == []
