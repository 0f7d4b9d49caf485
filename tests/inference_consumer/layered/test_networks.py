"""Which network runs, by the settings and by what is in the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from bus.runtime.errors import ConfigurationError
from inference_consumer.layered import networks, weights
from inference_consumer.layered.geometry import Geometry, Picture
from inference_consumer.settings import CacheSettings, LayeredSettings
from tests.inference_consumer.layered import onnx_files


class Machine:
    """The settings and the cache of a machine, with a tiny bundled network and a tiny MoGe-2."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.bundled = onnx_files.bundled(folder / "bundled.onnx")
        self.moge = onnx_files.moge(folder / "moge.onnx")

    def put(self, name: str, content: bytes) -> Path:
        """Put a file into the cache as a fetch does."""
        path = self.cache / "layered" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def chosen(self, **layered: Any) -> networks.Chosen:
        stated: Any = SimpleNamespace(
            layered=LayeredSettings(device="cpu", threads=1, **layered),
            cache=CacheSettings(cache=self.cache),
        )
        return networks.chosen(stated, weights=self.bundled)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Pins the tiny MoGe-2 in place of the real ones."""
    made = Machine(tmp_path)
    content = made.moge.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for name in ("moge2-s", "moge2-b"):
        pinned = weights.PINNED[name]._replace(size=len(content), sha256=digest)
        monkeypatch.setitem(weights.PINNED, name, pinned)
    return made


def test_the_pinned_files_are_the_published_ones() -> None:
    small = weights.PINNED["moge2-s"]
    assert small.url("https://huggingface.co/") == (
        "https://huggingface.co/Ruicheng/moge-2-vits-normal-onnx/resolve/"
        "e50ffda41565591092adea54c6ac83d6212e1e23/model.onnx"
    )
    assert (small.size, small.sha256) == (
        140_852_051,
        "24eacb5dc7a2c54c7bc98f7de085ffbed79ad006ea5b664c2c2cdc02ff3a52f0",
    )
    assert {each.sha256 and len(each.sha256) for each in weights.PINNED.values()} == {64, None}


@pytest.mark.parametrize("name", ["auto", "moge2-s", "moge2-b", "moge2-l"])
def test_the_bundled_network_works_until_the_wanted_one_is_there(machine: Machine, name: str) -> None:
    network, fetch = machine.chosen(network=name)
    assert network.info.name == "bundled"
    assert fetch is not None
    assert ("moge2-s" if name == "auto" else name) in fetch.note
    assert not machine.cache.exists()


@pytest.mark.parametrize(
    ("name", "runs"), [("auto", "moge2-s"), ("moge2-s", "moge2-s"), ("moge2-b", "moge2-b")]
)
def test_a_file_that_is_there_runs_and_nothing_is_fetched(machine: Machine, name: str, runs: str) -> None:
    machine.put(f"{runs}.onnx", machine.moge.read_bytes())
    network, fetch = machine.chosen(network=name)
    assert (network.info.name, fetch) == (runs, None)
    assert network.info.weights_sha256 == weights.PINNED[runs].sha256
    (answer,) = network.run([Picture(pixels=np.full((56, 56, 3), 255, np.uint8), focal=None)])
    assert isinstance(answer, Geometry)


def test_bundled_fetches_nothing_and_ignores_what_is_there(machine: Machine) -> None:
    machine.put("moge2-s.onnx", machine.moge.read_bytes())
    network, fetch = machine.chosen(network="bundled")
    assert (network.info.name, fetch) == ("bundled", None)


def test_without_fetching_auto_is_bundled_and_says_so_once(machine: Machine) -> None:
    with capture_logs() as logs:
        network, fetch = machine.chosen(fetch="no")
    assert (network.info.name, fetch) == ("bundled", None)
    assert [(each["event"], each["reason"]) for each in logs] == [("network_not_fetched", "LAYERED_FETCH=no")]


def test_without_fetching_a_named_network_has_to_be_there(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match=r"moge2-b is not at .*moge2-b\.onnx.*LAYERED_FETCH=no"):
        machine.chosen(network="moge2-b", fetch="no")
    machine.put("moge2-b.onnx", machine.moge.read_bytes())
    assert machine.chosen(network="moge2-b", fetch="no").network.info.name == "moge2-b"


def test_a_damaged_file_does_not_run_and_is_fetched_again(machine: Machine) -> None:
    machine.put("moge2-s.onnx", machine.moge.read_bytes() + b"?")
    with capture_logs() as logs:
        network, fetch = machine.chosen()
    assert network.info.name == "bundled"
    assert fetch is not None
    assert [each["event"] for each in logs] == ["network_file_damaged"]


def test_a_right_file_that_cannot_be_loaded_is_not_fetched_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the role would restart for it without end."""
    content = b"no network"
    pinned = weights.PINNED["moge2-s"]._replace(sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(weights.PINNED, "moge2-s", pinned)
    machine.put("moge2-s.onnx", content)
    with capture_logs() as logs:
        network, fetch = machine.chosen()
    assert (network.info.name, fetch) == ("bundled", None)
    assert [each["event"] for each in logs] == ["network_not_loaded"]
    with pytest.raises(ConfigurationError, match="no network that onnxruntime can load"):
        machine.chosen(network="moge2-s")


def test_the_largest_runs_by_the_hash_that_was_pinned_here(machine: Machine) -> None:
    content = machine.moge.read_bytes()
    machine.put("moge2-l.onnx", content)
    assert machine.chosen(network="moge2-l").network.info.name == "bundled"
    machine.put("moge2-l.sha256", hashlib.sha256(content).hexdigest().encode())
    network, fetch = machine.chosen(network="moge2-l")
    assert (network.info.name, fetch) == ("moge2-l", None)


def test_a_mirror_has_to_be_https(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="LAYERED_MIRROR: http://mirror is no https address"):
        machine.chosen(mirror="http://mirror")


# --- a file of the operator's own -------------------------------------------------------------------------


def test_a_path_to_a_known_file_has_its_name(machine: Machine) -> None:
    network, fetch = machine.chosen(network=str(machine.moge))
    assert (network.info.name, fetch) == ("moge2-s", None)
    assert "MIT" in network.info.licence


def test_a_path_to_another_file_like_moge(machine: Machine, tmp_path: Path) -> None:
    own = onnx_files.moge(tmp_path / "own.onnx", onnx_files.Plane(distance=9.0))
    network, _ = machine.chosen(network=str(own))
    assert network.info.name == "custom"
    assert "operator's own" in network.info.licence
    assert network.info.weights_sha256 == hashlib.sha256(own.read_bytes()).hexdigest()


def test_a_path_to_a_file_like_the_bundled_one(machine: Machine) -> None:
    network, _ = machine.chosen(network=str(machine.bundled))
    assert network.info.name == "custom"
    (answer,) = network.run([Picture(pixels=np.zeros((64, 96, 3), np.uint8), focal=0.7)])
    assert isinstance(answer, Geometry)
    assert answer.depth.shape == (64, 96)


@pytest.mark.parametrize("name", ["moge3", "/nowhere/x.onnx"])
def test_neither_a_name_nor_a_file(machine: Machine, name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"there is no file {name}; choose one of auto, bundled, moge2-s"
    ):
        machine.chosen(network=name)


def test_a_path_to_a_network_of_neither_kind(machine: Machine, tmp_path: Path) -> None:
    other = onnx_files.moge(tmp_path / "x.onnx", names=("mask", "a", "b", "c"))
    with pytest.raises(ConfigurationError, match="neither like MoGe-2 nor like the bundled network"):
        machine.chosen(network=str(other))


def test_a_path_to_something_else(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("text")
    with pytest.raises(ConfigurationError, match="no network that onnxruntime can load"):
        machine.chosen(network=str(tmp_path / "x.onnx"))
