"""Reads the weights of an exported network back, so that a run can go on from the file alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def weights(path: Path) -> tuple[dict[str, Tensor], int]:
    """Return the state of a `Network` that `export` wrote, in single precision, and its step."""
    import onnx  # noqa: PLC0415
    from onnx import numpy_helper  # noqa: PLC0415

    model = onnx.load(str(path))
    state = {
        tensor.name.removeprefix("network.").removesuffix(".half"): torch.from_numpy(
            numpy_helper.to_array(tensor).astype(np.float32)
        )
        for tensor in model.graph.initializer
        if tensor.name.startswith("network.")
    }
    notes = {note.key: note.value for note in model.metadata_props}
    return state, int(notes.get("step", 0))
