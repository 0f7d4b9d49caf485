"""Tiny ONNX files with the inputs and outputs of the real networks, whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper, save

OPSET = 14
"""The authors' exports have it, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plane:
    """A plane as a camera of ``focal`` diagonals sees it: ``normal`` (unit) times a point is ``-distance``.

    The file gives its points in units of ``scale`` metres and moved by ``-shift`` units along z. What is blue
    (at least half) is at a finite distance.
    """

    normal: tuple[float, float, float] = (0.28, -0.48, -(0.6912**0.5))
    distance: float = 3.0
    focal: float = 0.8
    scale: float = 2.5
    shift: float = 0.4

    def depth(self, width: int, height: int) -> Any:
        """Return the depth in metres, (height, width)."""
        diagonal = np.hypot(width, height)
        x = (np.arange(width) + 0.5 - width / 2) / diagonal / self.focal
        y = (np.arange(height) + 0.5 - height / 2)[:, None] / diagonal / self.focal
        a, b, c = self.normal
        return -self.distance / (a * x + b * y + c)


class _Graph:
    """Adds nodes one by one; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def __call__(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def model(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> ModelProto:
        graph = helper.make_graph(self.nodes, "tiny", list(inputs), list(outputs), self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8
        checker.check_model(model)
        return model


def _side(g: _Graph, image: str, axis: int) -> tuple[str, str]:
    """Return a side's length and the offsets of its pixels from the middle, both float."""
    length = g("Gather", g("Shape", image), g.const(axis, np.int64))
    whole = g("Cast", length, to=TensorProto.FLOAT)
    steps = g("Range", g.const(0.5), whole, g.const(1))
    return whole, g("Sub", steps, g("Div", whole, g.const(2)))


def moge(
    path: Path,
    plane: Plane = Plane(),
    *,
    names: Sequence[str] = ("points", "normal", "mask", "scale"),
    normals: bool = True,
) -> Path:
    """Write a file like MoGe-2's exports that sees one plane in every picture; return its path."""
    g = _Graph()
    (height, y), (width, x) = _side(g, "image", 2), _side(g, "image", 3)
    diagonal = g("Sqrt", g("Add", g("Mul", height, height), g("Mul", width, width)))
    per_focal = g("Mul", diagonal, g.const(plane.focal))
    x = g("Unsqueeze", g("Div", x, per_focal), g.const([0], np.int64))  # (1, W)
    y = g("Unsqueeze", g("Div", y, per_focal), g.const([1], np.int64))  # (H, 1)
    a, b, c = (g.const(each) for each in plane.normal)
    slope = g("Add", g("Add", g("Mul", a, x), g("Mul", b, y)), c)
    depth = g("Div", g.const(-plane.distance / plane.scale), slope)
    points = g(
        "Concat",
        *(
            g("Unsqueeze", each, g.const([2], np.int64))
            for each in (g("Mul", depth, x), g("Mul", depth, y), g("Sub", depth, g.const(plane.shift)))
        ),
        axis=2,
    )  # (H, W, 3)
    blue = g(
        "Squeeze", g("Slice", "image", *(g.const([n], np.int64) for n in (2, 3, 1))), g.const([1], np.int64)
    )
    # A batch's pictures see the same plane: the mask has the batch's length.
    batched = g("Add", g("Unsqueeze", g("Mul", blue, g.const(0)), g.const([3], np.int64)), points)
    one = g("ReduceMean", blue, axes=[1, 2], keepdims=0)
    tokens = g("Mul", g("Cast", "num_tokens", to=TensorProto.FLOAT), g.const(0))
    results = {
        "points": g("Identity", batched),
        "normal": g("Add", g("Mul", batched, g.const(0)), g.const(plane.normal)),
        "mask": g("Identity", blue),
        "scale": g("Add", g("Add", g("Mul", one, g.const(0)), tokens), g.const(plane.scale)),
    }
    kept = [role for role in results if normals or role != "normal"]
    for role, name in zip(kept, names, strict=True):
        g("Identity", results[role], out=name)
    sizes = {
        "points": ["n", "h", "w", 3],
        "normal": ["n", "h", "w", 3],
        "mask": ["n", "h", "w"],
        "scale": ["n"],
    }
    model = g.model(
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"]),
            helper.make_tensor_value_info("num_tokens", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes[role])
            for role, name in zip(kept, names, strict=True)
        ],
    )
    save(model, path)
    return path


def bundled(path: Path) -> Path:
    """Write a file like the bundled network that sees a wall, lower rows nearer; return its path."""
    g = _Graph()
    red = g(
        "Squeeze", g("Slice", "image", *(g.const([n], np.int64) for n in (0, 1, 1))), g.const([1], np.int64)
    )
    _, y = _side(g, "image", 2)
    rows = g("Unsqueeze", g("Mul", y, g.const(0.001)), g.const([1], np.int64))
    flat = g("Mul", red, g.const(0))
    g("Add", flat, rows, out="log_disparity")
    g("Sub", flat, g.const(5), out="sky")
    mean = g("ReduceMean", flat, axes=[1, 2], keepdims=0)
    g("Add", g("Unsqueeze", mean, g.const([1], np.int64)), g.const([1.0, 0.0, 0.0]), out="camera")
    model = g.model(
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [
            helper.make_tensor_value_info("log_disparity", TensorProto.FLOAT, ["n", "h", "w"]),
            helper.make_tensor_value_info("sky", TensorProto.FLOAT, ["n", "h", "w"]),
            helper.make_tensor_value_info("camera", TensorProto.FLOAT, ["n", 3]),
        ],
    )
    save(model, path)
    return path
