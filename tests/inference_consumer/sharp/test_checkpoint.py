"""Layouts equal the manifests; mismatches are named and refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from inference_consumer.sharp import CheckpointError, Sharp, SharpConfig, load_sharp, state_layout
from inference_consumer.sharp.ignored_tensors import unused_layout
from tests.inference_consumer.sharp.fixtures import FOLDER

MANIFESTS = {
    "default": "state_dict_manifest.json",
    "tiny_flat": "state_dict_manifest_tiny_flat.json",
    "tiny_overlap": "state_dict_manifest_tiny_overlap.json",
}
FULL_SHA256 = "d986efc54adfa5a5c6656167efaf40cb9cb4ca4047017750dd1111955ed6ff6e"
KEY = "prediction_head.geometry_prediction_head.weight"

Weights = dict[str, torch.Tensor]


@pytest.mark.parametrize("preset", MANIFESTS)
def test_layout_equals_the_manifest(preset: str) -> None:
    manifest = json.loads((FOLDER / MANIFESTS[preset]).read_text())
    layout = state_layout(SharpConfig.preset(preset))
    assert layout == {key: tuple(shape) for key, (shape, _) in manifest["tensors"].items()}
    lines = [f"{key} {'x'.join(map(str, layout[key]))} float32\n" for key in sorted(layout)]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == manifest["meta"]["canonical_sha256"]


def test_full_layout() -> None:
    manifest = json.loads((FOLDER / MANIFESTS["default"]).read_text())
    assert manifest["meta"]["canonical_sha256"] == FULL_SHA256
    assert set(unused_layout(SharpConfig.default())) == set(manifest["unused_in_inference"])
    assert len(state_layout(SharpConfig.default())) == 1038


def test_memory_holds_the_weights_once(tiny: Sharp, tiny_weights: Weights) -> None:
    held = dict(tiny.named_parameters())
    assert set(held) == set(tiny_weights) - set(unused_layout(tiny.config))
    assert all(held[key].data_ptr() == tiny_weights[key].data_ptr() for key in held)
    assert not any(parameter.requires_grad for parameter in held.values())
    assert not tiny.training


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda w: w.pop(KEY), f"missing {KEY} \\[6, 8, 1, 1\\]"),
        (lambda w: w.pop("depth_alignment.scale_map_estimator.conv_out.bias"), "missing depth_alignment"),
        (lambda w: w.update(surplus=torch.zeros(1)), "unexpected surplus"),
        (lambda w: w.update({KEY: torch.zeros(6, 8)}), f"{KEY} is \\[6, 8\\], not \\[6, 8, 1, 1\\]"),
        (
            lambda w: w.update({KEY: torch.zeros(6, 8, 1, 1, dtype=torch.int32)}),
            f"{KEY} is no tensor of floats",
        ),
        (lambda w: w.update({KEY: None}), f"{KEY} is no tensor of floats"),
    ],
)
def test_mismatch_is_named(tiny_weights: Weights, break_it: Callable[[Weights], None], message: str) -> None:
    broken = dict(tiny_weights)
    break_it(broken)
    with pytest.raises(CheckpointError, match=message):
        load_sharp(SharpConfig.tiny_flat(), broken)


def test_every_mismatch_is_named(tiny_weights: Weights) -> None:
    broken = dict(tiny_weights)
    del broken[KEY]
    broken["surplus"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=rf"missing {KEY}.*unexpected surplus"):
        load_sharp(SharpConfig.tiny_flat(), broken)


def test_another_size_is_refused(tiny_weights: Weights) -> None:
    with pytest.raises(CheckpointError, match="pos_embed is"):
        load_sharp(SharpConfig.tiny_overlap(), tiny_weights)


@pytest.fixture(scope="module")
def files(tiny_weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    paths = {name: folder / name for name in ("sharp.pt", "sharp.legacy.pt", "sharp.safetensors")}
    torch.save(tiny_weights, paths["sharp.pt"])
    torch.save(tiny_weights, paths["sharp.legacy.pt"], _use_new_zipfile_serialization=False)
    save_file(tiny_weights, paths["sharp.safetensors"])
    return paths


@pytest.mark.parametrize("name", ["sharp.pt", "sharp.legacy.pt", "sharp.safetensors"])
def test_files_load(files: dict[str, Path], tiny: Sharp, name: str) -> None:
    digest = hashlib.sha256(files[name].read_bytes()).hexdigest()
    model = load_sharp(SharpConfig.tiny_flat(), str(files[name]), sha256=digest.upper())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), tiny.parameters(), strict=True))


def test_wrong_digest(files: dict[str, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"sha256 is [0-9a-f]{64}, not 0{64}"):
        load_sharp(SharpConfig.tiny_flat(), files["sharp.pt"], sha256="0" * 64)


def test_digest_of_a_state_dict(tiny_weights: Weights) -> None:
    with pytest.raises(CheckpointError, match="digest of a file"):
        load_sharp(SharpConfig.tiny_flat(), tiny_weights, sha256="0" * 64)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_sharp(SharpConfig.tiny_flat(), tmp_path / "none.pt")


@pytest.mark.parametrize("name", ["broken.pt", "broken.safetensors"])
def test_file_that_is_no_checkpoint(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no checkpoint at all" * 10)
    with pytest.raises(CheckpointError, match="not a checkpoint of plain tensors"):
        load_sharp(SharpConfig.tiny_flat(), tmp_path / name)


class Harmful:
    """Would run code while being loaded."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return print, ("executed",)


def test_nothing_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weights": Harmful()}, tmp_path / "harmful.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint of plain tensors"):
        load_sharp(SharpConfig.tiny_flat(), tmp_path / "harmful.pt")
    assert capsys.readouterr().out == ""


def test_file_without_a_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="holds a list"):
        load_sharp(SharpConfig.tiny_flat(), tmp_path / "list.pt")


def test_other_dtypes_are_refused(tiny_weights: Weights) -> None:
    with pytest.raises(ValueError, match="float64"):
        load_sharp(SharpConfig.tiny_flat(), tiny_weights, dtype=torch.float64)
