"""What `show` says about a scene."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sharpstream.cli import scene_words
from sharpstream.cli.main import build
from sharpstream.client.models import Scene
from tests.sharpstream.client.service import KEY, FakeService


def run(service: FakeService, *arguments: object) -> str:
    done = CliRunner().invoke(build(), [*map(str, arguments), "--url", service.url, "--api-key", KEY])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_scene_is_shown_with_its_model_camera_size_and_likeness(
    beside: FakeService, photo: Path, tmp_path: Path
) -> None:
    beside.stated |= {"focal_source": "exif", "scale_uncertainty": 0.26}
    beside.stated["scores"] = {"size": 768, "psnr": 31.46, "ssim": 0.934}
    run(beside, "generate", photo, "-o", tmp_path)
    shown = dict(line.split("  ", 1) for line in run(beside, "show", "id-1").splitlines())
    said = {name: value.strip() for name, value in shown.items()}
    assert said["model"] == "layered/bundled"
    assert said["its licence"] == "Apache-2.0, part of Sharpstream."
    assert said["size of things"] == "±30 %"
    assert said["likeness"] == "PSNR 31.5 dB, SSIM 0.93"
    assert json.loads(run(beside, "show", "id-1", "--json"))["metadata"]["focal_source"] == "exif"


def test_the_demo_model_is_called_one(beside: FakeService, photo: Path, tmp_path: Path) -> None:
    beside.stated["model"] = {"name": "card"}
    made = run(beside, "generate", photo, "-o", tmp_path)
    assert "by card, the demo model, whose scenes are flat)" in made
    assert "card, the demo model, whose scenes are flat" in run(beside, "show", "id-1")


def test_a_scene_of_an_earlier_release_is_shown_without_them(
    beside: FakeService, photo: Path, tmp_path: Path
) -> None:
    beside.stated.clear()
    run(beside, "generate", photo, "-o", tmp_path)
    shown = run(beside, "show", "id-1")
    assert "status" in shown
    assert not any(word in shown for word in ("model", "licence", "focal", "size of", "likeness"))


def scene(**metadata: Any) -> Scene:
    return Scene(id="1", status="completed", metadata={"result": {"focal_length_px": 500.4}} | metadata)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("request", "500 pixels, as you stated it"),
        ("exif", "500 pixels, from the photo's EXIF"),
        ("network", "500 pixels, found by the network"),
        ("default", "500 pixels, a guess: the photo does not state it"),
        ("of a later release", "500 pixels"),
        (None, "500 pixels"),
    ],
)
def test_the_focal_length_has_its_source(source: str | None, said: str) -> None:
    assert scene_words.focal_length(scene(focal_source=source)) == said


@pytest.mark.parametrize(
    ("spread", "said"),
    [
        (0.0, "±0 %"),
        (0.26, "±30 %"),
        (0.4, "±49 %"),
        (0.5, "right to a factor of 1.6"),
        (1, "right to a factor of 2.7"),
        (None, None),
    ],
)
def test_the_uncertainty_of_the_size_is_a_share_or_a_factor(spread: float | None, said: str | None) -> None:
    assert scene_words.scale(scene(scale_uncertainty=spread)) == said


def test_all_scores_are_shown() -> None:
    scores = {"size": 768, "psnr": 100, "ssim": 1, "lpips": 0, "dists": 0.1234}
    assert scene_words.likeness(scene(scores=scores)) == "PSNR 100.0 dB, SSIM 1.00, LPIPS 0.000, DISTS 0.123"
    assert scene_words.likeness(scene()) is None
