from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from bus.contract.splat import SH_C0
from inference_consumer.errors import ResultNotFiniteError
from inference_consumer.layered.geometry import Geometry, NetworkInfo, Picture
from inference_consumer.layered.model import Item, Layered
from inference_consumer.models import Estimates, FocalSource, Photo

WALL_M = 3.0


class Wall:
    """A network that sees a wall, and guesses a focal length of one diagonal."""

    info = NetworkInfo(name="wall", licence="none", weights_sha256="ab" * 32, device="cpu")

    def __init__(self, **changes: object) -> None:
        self.changes, self.runs = changes, list[list[Picture]]()

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        return (64, 32) if width > height else (32, 64)

    def run(self, pictures: list[Picture]) -> list[Geometry | Exception]:
        self.runs.append(list(pictures))
        return [self.seen(picture) for picture in pictures]

    def seen(self, picture: Picture) -> Geometry:
        rows, columns = picture.pixels.shape[0] // 2, picture.pixels.shape[1] // 2
        known = np.ones((rows, columns), bool)
        made = Geometry(
            depth=np.full((rows, columns), WALL_M, np.float32),
            known=known,
            sky=~known,
            focal=picture.focal or 1.0,
            scale_spread=0.4,
        )
        return dataclasses.replace(made, **self.changes)


def photo(width: int = 200, height: int = 100, **changes: object) -> Photo:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return dataclasses.replace(Photo(pixels=pixels, focal_px=150.0), **changes)


def vertices(file: bytes | bytearray) -> tuple[str, np.ndarray]:
    header, _, body = bytes(file).partition(b"end_header\n")
    return header.decode(), np.frombuffer(body, "<f4").reshape(-1, 14)


def test_a_batch_is_one_run_of_the_network_and_a_yield_point():
    network, pauses = Wall(), list[int]()
    model = Layered(network)
    items = [model.prepare(photo()), model.prepare(photo(100, 200)), model.prepare(photo())]
    made = model.run(items, lambda: pauses.append(1))
    assert len(network.runs) == 1
    assert [p.pixels.shape for p in network.runs[0]] == [(32, 64, 3), (64, 32, 3), (32, 64, 3)]
    assert pauses == [1]
    assert len(made) == 3


def test_a_stated_focal_length_reaches_the_network_and_stays():
    network = Wall()
    model = Layered(network)
    (splat,) = model.run([model.prepare(photo(focal_source=FocalSource.EXIF))])
    (seen,) = network.runs[0]
    assert seen.focal == pytest.approx(150 / math.hypot(200, 100))
    assert splat.estimates == Estimates(focal_px=None, scale_spread=0.4)
    header, _ = vertices(splat.ply())
    assert "camera 150.0 200 100" in header


def test_a_guessed_focal_length_is_replaced_by_the_networks():
    network = Wall()
    model = Layered(network)
    (splat,) = model.run([model.prepare(photo())])
    assert network.runs[0][0].focal is None
    assert splat.estimates.focal_px == pytest.approx(math.hypot(200, 100))
    header, _ = vertices(splat.ply())
    assert f"camera {math.hypot(200, 100)!r} 200 100" in header


def test_the_file_is_the_photo_on_the_wall():
    model = Layered(Wall())
    (splat,) = model.run([model.prepare(photo(focal_source=FocalSource.REQUEST))])
    with pytest.raises(RuntimeError):
        _ = splat.count
    header, found = vertices(splat.ply())
    assert f"element vertex {splat.count}" in header
    assert len(found) == splat.count
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 2], WALL_M, rtol=1e-4)
    front = found[: 400 * 200]
    assert front[:, 0].max() == pytest.approx(WALL_M * 100 / 150, rel=0.01)
    assert np.corrcoef(front[:, 3], front[:, 4])[0, 1] < 0.2  # noise of three channels
    assert 0.4 < (0.5 + SH_C0 * front[:, 3:6]).mean() < 0.6


@pytest.mark.parametrize(
    "changes",
    [{"depth": np.full((16, 32), np.nan, np.float32)}, {"focal": math.nan}],
)
def test_a_network_without_a_finite_answer_fails_its_photo(changes):
    model = Layered(Wall(**changes))
    (failed,) = model.run([model.prepare(photo())])
    assert isinstance(failed, ResultNotFiniteError)


def test_the_network_is_named_in_the_models_name():
    info = Layered(Wall()).info
    assert (info.name, info.weights_sha256, info.device) == ("layered/wall", "ab" * 32, "cpu")


def test_an_items_bytes_are_its_pictures():
    model = Layered(Wall())
    item: Item = model.prepare(photo())
    assert model.item_bytes(item) == 64 * 32 * 3 + 400 * 200 * 3 * 4
