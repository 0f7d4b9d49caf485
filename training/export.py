"""The averaged weights of a checkpoint as ONNX: `python -m training.export --out DIR --to FILE`.

Opset 17, any number of pictures, any sides that are multiples of 32. Weights are stored in half precision
and computed with in single, for a CPU has no half-precision convolutions. The file is compared with torch
before it counts as written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from training.network import Network
from training.train import averaged

OPSET: Final = 17
INPUT: Final = "image"
FOCAL: Final = "focal"
OUTPUTS: Final = ("log_disparity", "sky", "camera")
TOLERANCE: Final = 0.05
"""Of any output, at the worst pixel of random noise: the cost that half-precision weights may have."""
SMALL: Final = 256
"""Numbers; smaller tensors stay in single precision."""


class Plain(nn.Module):
    """The network with a plain tuple as its answer."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, focal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log disparity, sky and camera; see `training.network`."""
        seen = self.network(image, focal)
        return seen.log_disparity, seen.sky, seen.camera


def half(model: Any) -> None:
    """Store an ONNX model's large weights in half precision, each behind a cast; changes it in place."""
    import onnx  # noqa: PLC0415  (of the training group, as onnxruntime below)
    from onnx import numpy_helper  # noqa: PLC0415

    casts = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


def export(network: Network, path: Path, notes: dict[str, str] | None = None) -> float:
    """Write a network to `path` and return the greatest difference from torch.

    Raises `ValueError`, and writes nothing, if that is above `TOLERANCE`.
    """
    import onnx  # noqa: PLC0415

    network = network.eval().float()
    partial = path.with_name(f"{path.name}.partial")
    # Unnamed axes of different sizes would get one name from the exporter, and the runtime would let one
    # buffer serve both.
    axes = {
        INPUT: {0: "pictures", 2: "height", 3: "width"},
        FOCAL: {0: "pictures"},
        "log_disparity": {0: "pictures", 1: "rows", 2: "columns"},
        "sky": {0: "pictures", 1: "rows", 2: "columns"},
        "camera": {0: "pictures"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain(network).eval(),
            (torch.rand(2, 3, 64, 96), torch.tensor([[1.0, 0.2], [0.0, 0.0]])),
            str(partial),
            opset_version=OPSET,
            dynamo=False,
            # Normalisations stay apart from convolutions, so that training can go on from the file; the
            # runtime joins them when it loads it.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=[INPUT, FOCAL],
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
        )
    model = onnx.load(str(partial))
    half(model)
    for key, value in (notes or {}).items():
        onnx.helper.set_model_props(model, {**{p.key: p.value for p in model.metadata_props}, key: value})
    onnx.checker.check_model(model)
    onnx.save(model, str(partial))
    worst = max(difference(network, partial, shape) for shape in ((1, 64, 96), (3, 96, 64)))
    if worst > TOLERANCE:
        partial.unlink()
        raise ValueError(f"the exported network differs by {worst:.4f} from torch, more than {TOLERANCE}")
    partial.replace(path)
    return worst


def difference(network: Network, path: Path, shape: tuple[int, int, int]) -> float:
    """Return the greatest difference of any output between torch and the file, for random pictures."""
    import onnxruntime  # noqa: PLC0415

    count, height, width = shape
    image = np.random.default_rng(0).random((count, 3, height, width), np.float32)
    focal = np.array([[k % 2, 0.3 * (k % 2)] for k in range(count)], np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    seen = session.run(list(OUTPUTS), {INPUT: image, FOCAL: focal})
    with torch.no_grad():
        known = network(torch.from_numpy(image), torch.from_numpy(focal))
    return float(max(np.abs(a - b.numpy()).max() for a, b in zip(seen, known, strict=True)))


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--to", type=Path, required=True, help="the ONNX file to write")
    chosen = parser.parse_args(arguments)
    network, step = averaged(chosen.out)
    worst = export(network, chosen.to, {"step": str(step), "data": "procedural worlds of training/worlds"})
    content = chosen.to.read_bytes()
    facts = {
        "step": step,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "difference": round(worst, 5),
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
