"""Photos become splats that third-party readers open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import gsply
import numpy as np
import pytest
import trimesh

from tests.e2e import photos
from tests.e2e.system import System

pytestmark = pytest.mark.stack

SH_C0 = 0.28209479177387814
MAKERS = [
    photos.landscape,
    photos.portrait_orientation_6,
    photos.png_with_alpha,
    photos.grey,
    photos.twelve_megapixels,
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_each_photo_becomes_a_splat_that_other_readers_open(
    system: System, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    photo = make(tmp_path)
    answer = system.cli("generate", str(photo), "-o", str(tmp_path / "out"), "--json")
    assert answer.returncode == 0, answer.stderr
    (result,) = json.loads(answer.stdout)["results"]
    splat = Path(result["path"])

    gaussians = gsply.plyread(splat)
    means, colours = np.asarray(gaussians.means), 0.5 + SH_C0 * np.asarray(gaussians.sh0)
    assert trimesh.load(splat).vertices.shape == means.shape

    seen = photos.upright_pixels(photo)
    height, width = seen.shape[:2]
    # Aspect: the card spans the photo's frustum, so extents over depth equal sides over focal length.
    focal = system.scene(result["generation_id"])["metadata"]["result"]["focal_length_px"]
    assert focal == pytest.approx(30.0 * np.hypot(width, height) / np.hypot(36, 24), rel=1e-6)
    depth = means[:, 2]
    assert np.ptp(means[:, 0] / depth) == pytest.approx(width / focal, rel=0.02)
    assert np.ptp(means[:, 1] / depth) == pytest.approx(height / focal, rel=0.02)
    # Colours and orientation: each Gaussian has the colour of the pixel that it projects to.
    u = np.clip((means[:, 0] / depth * focal + width / 2).astype(int), 0, width - 1)
    v = np.clip((means[:, 1] / depth * focal + height / 2).astype(int), 0, height - 1)
    difference = np.abs(colours - seen[v, u] / 255.0)
    assert np.median(difference) < 0.02
    assert difference.mean() < 0.06  # downscaling averages; a flipped photo gives about 0.25


def test_a_bad_photo_among_several_fails_alone(system: System, tmp_path: Path) -> None:
    good = photos.landscape(tmp_path)
    bad = tmp_path / "notes.jpg"
    bad.write_text("these are words, not a photograph")
    answer = system.cli("generate", str(good), str(bad), "-o", str(tmp_path / "out"), "--json")
    assert answer.returncode == 1
    by_name = {Path(r["photo"]).name: r for r in json.loads(answer.stdout)["results"]}
    assert Path(by_name["coffee.jpg"]["path"]).stat().st_size > 1000
    assert by_name["notes.jpg"]["error"]["code"] == "unsupported_media_type"
