"""Sliding pyramid: one ViT over windows at three scales, merged into five feature maps.

SHARP paper, arXiv 2512.10685 (the design is that of Depth Pro, arXiv 2410.02073). B photos; the
windows of all photos and all scales are one batch, window-major: window 0 of every photo first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling
from torch import Tensor, nn

from inference_consumer.sharp.config import SharpConfig
from inference_consumer.sharp.stages import Record, ignore
from inference_consumer.sharp.vit import VisionTransformer, VitFeatures


def pyramid(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the photo at 1, 1/2 and 1/4 of its size, both straight from the original.

    Pooling equals bilinear resizing without antialiasing at these factors: the mean of each 2x2, and of the
    central 2x2 of each 4x4.
    """
    half = F.avg_pool2d(image, 2)
    quarter = F.avg_pool2d(image[:, :, 1:-1, 1:-1], 2, stride=4)
    return image, half, quarter


def windows(image: Tensor, size: int, grid: int) -> Tensor:
    """Cut (B, 3, H, H) into grid x grid windows, row-major: (grid² B, 3, size, size), window-major."""
    stride = (image.shape[-1] - size) // max(grid - 1, 1)
    tiles = image.unfold(2, size, max(stride, 1)).unfold(3, size, max(stride, 1))  # (B, 3, g, g, size, size)
    return tiles.permute(2, 3, 0, 1, 4, 5).flatten(0, 2)


def merge(maps: Tensor, grid: int, pad: int) -> Tensor:
    """Tile the windows' maps (grid² B, C, s, s) into mosaics (B, C, S, S).

    Each map loses `pad` cells on every side that touches another window; the mosaic's border keeps its own.
    Mosaics are channels-last in memory, as tokens are, and all convolutions behind them follow: 12 % less
    time for the whole network on a CPU.
    """
    side = maps.shape[-1]
    tiles = maps.reshape(grid, grid, -1, *maps.shape[1:])  # (g, g, B, C, s, s)
    cuts = [slice(pad * (i > 0), side - pad * (i < grid - 1)) for i in range(grid)]
    rows = [torch.cat([tiles[i, j][..., cuts[i], cuts[j]] for j in range(grid)], dim=-1) for i in range(grid)]
    return torch.cat(rows, dim=-2).contiguous(memory_format=torch.channels_last)


def _upsampling(dim_in: int, dim_out: int, times: int) -> nn.Sequential:
    """1x1 projection and `times` doublings, no bias, no activation."""
    layers: list[nn.Module] = [nn.Conv2d(dim_in, dim_out, 1, bias=False)]
    layers += [nn.ConvTranspose2d(dim_out, dim_out, 2, stride=2, bias=False) for _ in range(times)]
    return nn.Sequential(*layers)


class PyramidEncoder(nn.Module):
    """Photo to features F0..F4 at 1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.window = config.window
        # Windows a side and tokens cropped where two meet, for the three scales.
        self.grids = (5, 3, 1) if config.overlap else (4, 2, 1)
        self.pads = (3, 6, 0) if config.overlap else (0, 0, 0)
        dim, (d0, d1, d2, d3, d4) = config.vit_dim, config.feature_dims
        self.patch_encoder = VisionTransformer(config)
        self.image_encoder = VisionTransformer(config)
        self.upsample_latent0 = _upsampling(dim, d0, 3)
        self.upsample_latent1 = _upsampling(dim, d1, 2)
        self.upsample0 = _upsampling(dim, d2, 1)
        self.upsample1 = _upsampling(dim, d3, 1)
        self.upsample2 = _upsampling(dim, d4, 1)
        self.upsample_lowres = nn.ConvTranspose2d(dim, d4, 2, stride=2)
        self.fuse_lowres = nn.Conv2d(2 * d4, d4, 1)

    def forward(self, image: Tensor, patch_chunk: int | None = None, record: Record = ignore) -> list[Tensor]:
        """Encode photos.

        Args:
            image: (B, 3, R, R) in [-1, 1].
            patch_chunk: run at most that many windows at once through the ViT; `None` runs all.
            record: is handed every stage `vit.*` and `encoder.*`.

        Returns:
            F0 (B, d0, R/2, R/2), F1 (B, d1, R/4, R/4), ... F4 (B, d4, R/32, R/32).
        """
        scales = pyramid(image)
        batch = torch.cat([windows(x, self.window, g) for x, g in zip(scales, self.grids, strict=True)])
        record("vit.patch_input", batch)
        final, (latent0, latent1) = self._encode_patches(batch, patch_chunk, record)
        record("vit.patch_output", final)
        lowres = self.image_encoder(scales[2]).final  # (B, d, s, s)
        record("vit.image_output", lowres)

        counts = [len(image) * g * g for g in self.grids]
        maps0, maps1, maps2 = torch.split(final, counts)
        g0, g1, g2 = self.grids
        p0, p1, p2 = self.pads
        merged = {
            "upsample_latent0": merge(latent0[: counts[0]], g0, p0),  # 96² at full size
            "upsample_latent1": merge(latent1[: counts[0]], g0, p0),  # 96²
            "upsample0": merge(maps0, g0, p0),  # 96²
            "upsample1": merge(maps1, g1, p1),  # 48²
            "upsample2": merge(maps2, g2, p2),  # 24²
            "upsample_lowres": lowres,  # 24²
        }
        del final, latent0, latent1, maps0, maps1, maps2
        outputs: list[Tensor] = []
        for name in list(merged):
            record(f"encoder.{name}.input", merged[name])
            outputs.append(self.get_submodule(name)(merged.pop(name)))
        f0, f1, f2, f3, top, low = outputs
        record("encoder.upsample2.output", top)
        record("encoder.upsample_lowres.output", low)
        both = torch.cat([top, low], dim=1)
        record("encoder.fuse_lowres.input", both)
        features = [f0, f1, f2, f3, self.fuse_lowres(both)]
        for level, feature in enumerate(features):
            record(f"encoder.feature{level}", feature)
        return features

    def _encode_patches(self, batch: Tensor, chunk: int | None, record: Record) -> VitFeatures:
        tokens: dict[str, list[Tensor]] = {}
        chunks = torch.split(batch, chunk or len(batch))

        def gather(name: str, value: Tensor) -> None:
            """Hand on a hook's tokens once the last chunk has passed it."""
            parts = tokens.setdefault(name, [])
            parts.append(value)
            if len(parts) == len(chunks):
                record(f"vit.patch_{name}", torch.cat(parts))
                del tokens[name]

        watch = ignore if record is ignore else gather
        if len(chunks) == 1:
            features: VitFeatures = self.patch_encoder(batch, 2, watch)
            return features
        parts = [self.patch_encoder(part, 2, watch) for part in chunks]
        return VitFeatures(
            torch.cat([p.final for p in parts]),
            tuple(torch.cat([p.hooks[i] for p in parts]) for i in range(2)),
        )
