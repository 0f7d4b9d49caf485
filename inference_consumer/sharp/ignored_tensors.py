"""Tensors that a checkpoint holds and inference never reads: their names and shapes, to load strictly.

168 tensors, 48 million parameters at full size: both ViTs' classifiers, the lateral unit of the coarsest
fusion blocks, and the depth alignment, a U-Net that only training runs. No module is built for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from inference_consumer.sharp.config import SharpConfig

Shapes = Iterator[tuple[str, tuple[int, ...]]]

PREDICTOR = "monodepth_model.monodepth_predictor"


def unused_layout(config: SharpConfig) -> dict[str, tuple[int, ...]]:
    """Return key -> shape of every tensor that is accepted and dropped."""
    layout: dict[str, tuple[int, ...]] = {}
    for encoder in ("patch_encoder", "image_encoder"):
        layout[f"{PREDICTOR}.encoder.{encoder}.head.weight"] = (config.vit_classes, config.vit_dim)
        layout[f"{PREDICTOR}.encoder.{encoder}.head.bias"] = (config.vit_classes,)
    for decoder, dim in (
        (f"{PREDICTOR}.decoder", config.depth_dim),
        ("feature_model.decoder", config.gaussian_dim),
    ):
        for index in (1, 3):
            layout.update(_conv(f"{decoder}.fusions.4.resnet1.residual.{index}", dim, dim, 3))
    layout.update(_alignment("depth_alignment.scale_map_estimator", config.alignment_dim))
    return layout


def _conv(name: str, dim_in: int, dim_out: int, kernel: int) -> Shapes:
    yield f"{name}.weight", (dim_out, dim_in, kernel, kernel)
    yield f"{name}.bias", (dim_out,)


def _norm(name: str, dim: int) -> Shapes:
    yield f"{name}.weight", (dim,)
    yield f"{name}.bias", (dim,)


def _residual_block(name: str, dim_in: int, dim_out: int) -> Shapes:
    """GroupNorm (0), conv (2), GroupNorm (3), conv (5), and a 1x1 shortcut where the width changes."""
    hidden = dim_out // 2
    yield from _norm(f"{name}.residual.0", dim_in)
    yield from _conv(f"{name}.residual.2", dim_in, hidden, 3)
    yield from _norm(f"{name}.residual.3", hidden)
    yield from _conv(f"{name}.residual.5", hidden, dim_out, 3)
    if dim_in != dim_out:
        yield from _conv(f"{name}.shortcut", dim_in, dim_out, 1)


def _alignment(name: str, base: int) -> Shapes:
    """U-Net of five widths; upward levels from the second on also take the encoder's feature."""
    widths = [base << level for level in range(5)]
    yield from _conv(f"{name}.encoder.conv_in.0", 2, base, 3)
    yield from _norm(f"{name}.encoder.conv_in.1", base)
    for level in range(4):
        down = f"{name}.encoder.convs_down.{level}"
        yield from _residual_block(f"{down}.1", widths[level], widths[level + 1])
        yield from _residual_block(f"{down}.2", widths[level + 1], widths[level + 1])
        up = f"{name}.decoder.convs_up.{level}"
        dim_in, dim_out = widths[4 - level], widths[3 - level]
        yield from _residual_block(f"{up}.1", dim_in * (1 if level == 0 else 2), dim_out)
        yield from _residual_block(f"{up}.2", dim_out, dim_out)
    yield from _norm(f"{name}.decoder.conv_out.0", 2 * base)
    yield from _conv(f"{name}.decoder.conv_out.2", 2 * base, base, 1)
    yield from _norm(f"{name}.decoder.conv_out.3", base)
    yield from _conv(f"{name}.conv_out", base, 1, 1)
