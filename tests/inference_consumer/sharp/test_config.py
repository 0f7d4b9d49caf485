"""Presets, derived sizes, and impossible sizes."""

from __future__ import annotations

from typing import Any

import pytest

from inference_consumer.sharp import SharpConfig


@pytest.mark.parametrize(
    ("preset", "resolution", "gaussians"),
    [("default", 1536, 1_179_648), ("tiny_flat", 256, 32_768), ("tiny_overlap", 1536, 1_179_648)],
)
def test_presets(preset: str, resolution: int, gaussians: int) -> None:
    config = SharpConfig.preset(preset)
    assert config == getattr(SharpConfig, preset)()
    assert (config.resolution, config.gaussians) == (resolution, gaussians)


@pytest.mark.parametrize("name", ["huge", "preset", "resolution"])
def test_unknown_preset(name: str) -> None:
    with pytest.raises(ValueError, match="there are default, tiny_flat, tiny_overlap"):
        SharpConfig.preset(name)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"patch": 14}, "patch must be 16"),
        ({"window": 100, "overlap": False}, "multiple of 16"),
        ({"window": 64}, "need window=384"),
        ({"vit_heads": 7}, "must divide vit_dim"),
        ({"hook_blocks": (5, 11, 17, 24)}, "blocks of the ViT"),
        ({"hook_blocks": (11, 5, 17, 23)}, "must rise"),
        ({"depth_dim": 128}, "feature_dims"),
        ({"norm_groups": 48}, "norm_groups must divide"),
    ],
)
def test_impossible_sizes(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SharpConfig(**sizes)
