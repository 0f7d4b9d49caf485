"""Windows cut from the pyramid, and maps merged into a mosaic."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling

from inference_consumer.sharp.encoder import merge, pyramid, windows


def test_pyramid_is_bilinear_from_the_original() -> None:
    image = torch.rand(2, 3, 64, 64)
    for scale, level in zip((1, 0.5, 0.25), pyramid(image), strict=True):
        torch.testing.assert_close(level, F.interpolate(image, scale_factor=scale, mode="bilinear"))


def test_windows_are_window_major() -> None:
    image = torch.arange(2 * 3 * 96 * 96).view(2, 3, 96, 96)
    cut = windows(image, 32, 5)  # stride 16
    assert cut.shape == (50, 3, 32, 32)
    assert torch.equal(cut[2 * 7 + 1], image[1, :, 16:48, 32:64])  # window 7 = row 1, column 2; photo 1
    assert torch.equal(windows(image, 96, 1), image)


@pytest.mark.parametrize(("grid", "pad", "side"), [(5, 3, 24), (3, 6, 24), (4, 0, 4), (1, 0, 24)])
def test_merge_undoes_windows(grid: int, pad: int, side: int) -> None:
    mosaic = torch.rand(2, 7, 1, 1) + torch.rand(1, 1, grid * side - 2 * pad * (grid - 1), 1)
    mosaic = mosaic + torch.rand(mosaic.shape[-2])
    assert torch.equal(merge(windows(mosaic, side, grid), grid, pad), mosaic)
