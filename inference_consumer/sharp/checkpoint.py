"""Strict loading: every tensor of a checkpoint is named and shaped as the network says, or nothing loads.

The network is built without memory and takes the checkpoint's tensors as its own, so that memory holds
the weights once. Tensors that inference never reads are checked and dropped.
"""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from inference_consumer.sharp.config import SharpConfig
from inference_consumer.sharp.ignored_tensors import unused_layout
from inference_consumer.sharp.model import Sharp

KEEP_FLOAT32 = (
    "monodepth_model.monodepth_predictor.head.4.",
    "prediction_head.",
)
"""The two output projections: what they make is measured in float32 whatever the network runs in."""


class CheckpointError(ValueError):
    """A checkpoint does not fit; the message names every wrong key. Get the right file or config."""


def state_layout(config: SharpConfig) -> dict[str, tuple[int, ...]]:
    """Return key -> shape of every tensor of a complete checkpoint, sorted; no memory is taken."""
    with torch.device("meta"):
        model = Sharp(config)
    used = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    return dict(sorted({**used, **unused_layout(config)}.items()))


def load_sharp(
    config: SharpConfig,
    checkpoint: str | PathLike[str] | Mapping[str, Tensor],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    sha256: str | None = None,
) -> Sharp:
    """Build the network and fill it.

    Args:
        config: sizes; must be those of the checkpoint.
        checkpoint: a `.safetensors` file, any other file as a PyTorch one (weights only, nothing is
            executed), or a state dict.
        device: where the model runs.
        dtype: of the network's weights and features: float32, bfloat16 or float16. Depth, Gaussians
            and camera stay float32.
        sha256: hexadecimal digest that the file must have; read before anything is parsed.

    Returns:
        The model in evaluation mode, without gradients.

    Raises:
        CheckpointError: wrong digest, unreadable file, or missing, unexpected or wrongly shaped tensors.
        FileNotFoundError: no such file.
    """
    if dtype not in {torch.float32, torch.bfloat16, torch.float16}:
        raise ValueError(f"dtype must be float32, bfloat16 or float16, not {dtype}")
    if isinstance(checkpoint, Mapping):
        if sha256 is not None:
            raise CheckpointError("a sha256 is the digest of a file, and the checkpoint is a state dict")
        tensors = dict(checkpoint)
    else:
        tensors = _read(Path(checkpoint), sha256)
    _check(tensors, state_layout(config))
    for key in unused_layout(config):
        del tensors[key]
    with torch.device("meta"):
        model = Sharp(config)
    model.load_state_dict(
        {key: _to_device(key, tensors.pop(key), device, dtype) for key in list(tensors)}, assign=True
    )
    return model.requires_grad_(False).eval()


def _read(path: Path, sha256: str | None) -> dict[str, Tensor]:
    if sha256 is not None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256.lower():
            raise CheckpointError(f"{path}: sha256 is {digest}, not {sha256.lower()}")
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if not isinstance(tensors, Mapping):
        raise CheckpointError(f"{path}: holds a {type(tensors).__name__}, not a dict of tensors")
    return dict(tensors)


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError  # noqa: PLC0415 - only this format needs the package
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a checkpoint of plain tensors: {error}") from error


def _read_torch(path: Path) -> object:
    # Mapped, not read: pages come in as they are used. Only the zip format can be.
    mapped = zipfile.is_zipfile(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except FileNotFoundError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of plain tensors: {error}") from error


def _check(tensors: Mapping[str, object], layout: Mapping[str, tuple[int, ...]]) -> None:
    problems = [f"missing {key} {list(layout[key])}" for key in layout if key not in tensors]
    problems += [f"unexpected {key}" for key in tensors if key not in layout]
    for key, shape in layout.items():
        if key not in tensors:
            continue
        value = tensors[key]
        if not isinstance(value, Tensor) or not value.is_floating_point():
            problems.append(f"{key} is no tensor of floats")
        elif tuple(value.shape) != shape:
            problems.append(f"{key} is {list(value.shape)}, not {list(shape)}")
    if problems:
        raise CheckpointError("the checkpoint does not fit the config: " + "; ".join(problems))


def _to_device(key: str, value: Tensor, device: torch.device | str, dtype: torch.dtype) -> Tensor:
    kind = torch.float32 if key.startswith(KEEP_FLOAT32) else dtype
    placed = value.detach().to(device=device, dtype=kind)
    if placed.is_cuda and placed.dim() == 4:  # as the features lie, or cuDNN turns them round at every call
        placed = placed.contiguous(memory_format=torch.channels_last)
    return placed
