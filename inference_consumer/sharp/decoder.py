"""Multi-resolution decoder: five feature maps, coarse to fine, into one map at half resolution.

SHARP paper, arXiv 2512.10685. Used for depth (width 256) and for the Gaussians (width 128).
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling
from torch import Tensor, nn

from inference_consumer.sharp.stages import Record, ignore


class ResidualUnit(nn.Module):
    """ReLU, conv 3x3, ReLU, conv 3x3, plus the untouched input; no norm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # A Sequential for its names alone: the checkpoint counts the ReLUs (0 and 2).
        self.residual = nn.Sequential(
            nn.ReLU(), nn.Conv2d(dim, dim, 3, padding=1), nn.ReLU(), nn.Conv2d(dim, dim, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, H, W) to the same shape."""
        y: Tensor = self.residual[1](F.relu(x))
        out: Tensor = self.residual[3](y.relu_())
        return out.add_(x)


class FusionBlock(nn.Module):
    """Add a lateral feature, refine, double the size, project.

    Args:
        dim: channels in and out.
        lateral: the block takes a second input through `resnet1`.
        upsample: the block doubles the size.
    """

    def __init__(self, dim: int, *, lateral: bool = True, upsample: bool = True) -> None:
        super().__init__()
        self.resnet1 = ResidualUnit(dim) if lateral else None
        self.resnet2 = ResidualUnit(dim)
        self.deconv = nn.ConvTranspose2d(dim, dim, 2, stride=2, bias=False) if upsample else nn.Identity()
        self.out_conv = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor, lateral: Tensor | None = None) -> Tensor:
        """Map (B, dim, H, W) and a lateral of the same shape to (B, dim, 2H, 2W), or to (B, dim, H, W)."""
        if self.resnet1 is not None and lateral is not None:
            x = self.resnet1(lateral).add_(x)
        out: Tensor = self.out_conv(self.deconv(self.resnet2(x)))
        return out


class MultiresDecoder(nn.Module):
    """Fuse F4 (coarsest) to F0 (finest).

    Args:
        dims_in: channels of F0..F4.
        dim: width at every level. F0 passes unchanged where it has that width already.
    """

    def __init__(self, dims_in: tuple[int, ...], dim: int) -> None:
        super().__init__()
        first = nn.Identity() if dims_in[0] == dim else nn.Conv2d(dims_in[0], dim, 1, bias=False)
        self.convs = nn.ModuleList(
            [first, *(nn.Conv2d(d, dim, 3, padding=1, bias=False) for d in dims_in[1:])]
        )
        top = len(dims_in) - 1
        self.fusions = nn.ModuleList(
            FusionBlock(dim, lateral=level < top, upsample=level > 0) for level in range(top + 1)
        )

    def forward(self, features: list[Tensor], record: Record = ignore) -> Tensor:
        """Decode F0..F4 into (B, dim, R/2, R/2).

        The list is emptied on the way, so that a feature is freed once used if nothing else refers to it.
        `record` is called with `decoder_fusion4` to `decoder_fusion1` and `decoder_output`.
        """
        top = len(features) - 1
        x: Tensor = self.fusions[top](self.convs[top](features.pop()))
        for level in reversed(range(top)):
            record(f"decoder_fusion{level + 1}", x)
            x = self.fusions[level](x, self.convs[level](features.pop()))
        record("decoder_output", x)
        return x
