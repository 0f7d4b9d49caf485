"""The full-size network in the whole running system, and the file that a client downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image

from inference_consumer.sharp import SharpConfig, read_ply
from inference_consumer.sharp.ply import VERTEX
from tests.e2e.running import Running, new_home, started
from tests.inference_consumer.sharp.fixtures import Comparison, Fixture, weights

pytestmark = [pytest.mark.full, pytest.mark.stack, pytest.mark.xdist_group("e2e")]
LONG_S = 1200
"""Two slow cores take 150 s a photo; the limit only turns a hang into a failure."""


@pytest.fixture
def full_size() -> Iterator[Running]:
    with new_home() as home:
        checkpoint = home / "deterministic.pt"
        torch.save(weights(SharpConfig.default()), checkpoint)
        settings = {"SHARP_CHECKPOINT": str(checkpoint), "SHARP_ACCEPT_LICENSE": "research-only"}
        # The warm-up runs a photo, too.
        with started(home, settings, timeout=LONG_S) as stack:
            yield stack


def test_a_photo_at_full_size(
    full_size: Running, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    fixture = Fixture("default", "A1")
    photo = tmp_path / "photo.png"  # lossless: the fixture's numbers are of exactly these pixels
    Image.fromarray(fixture.photo).save(photo)
    with full_size.client() as client:
        answer = client.post(
            "/scenes/generate",
            files={"image": (photo.name, photo.read_bytes())},
            data={"focal_length_px": str(fixture.camera.focal_px)},
        )
    assert answer.status_code == 202, answer.text
    scene = full_size.wait_for_scene(answer.json()["generation_id"], seconds=LONG_S)

    data = httpx.get(scene["generated_3d_gaussian_url"], timeout=60).content
    vertex = read_ply(data).elements["vertex"]
    assert len(vertex) == scene["metadata"]["result"]["gaussian_count"] == SharpConfig.default().gaussians
    comparison = Comparison(fixture)
    comparison("ply.rows", vertex.view("<f4").reshape(-1, len(VERTEX)))
    assert not comparison.failures, comparison.failures

    inference = full_size.pid("inference")
    record_property("timings", scene["metadata"]["timings"])
    record_property("model", scene["metadata"]["model"])
    record_property("peak memory", f"{_peak(inference) / 1e9:.1f} GB")


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
