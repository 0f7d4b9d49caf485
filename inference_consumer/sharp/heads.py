"""What sits on the decoders: disparity, Gaussian features, and the correction of every Gaussian.

SHARP paper, arXiv 2512.10685.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference_consumer.sharp.config import SharpConfig
from inference_consumer.sharp.decoder import FusionBlock, MultiresDecoder
from inference_consumer.sharp.stages import Record, ignore


class DisparityHead(nn.Sequential):
    """Decoder output to the disparity of two layers: channel 0 front, channel 1 back."""

    def __init__(self, dim: int) -> None:
        super().__init__(
            nn.Conv2d(dim, dim // 2, 3, padding=1),
            nn.ConvTranspose2d(dim // 2, dim // 2, 2, stride=2),
            nn.Conv2d(dim // 2, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 2, 1),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, R/2, R/2) to (B, 2, R, R), float32, >= 0.

        The last convolution runs in float32: a disparity in bfloat16 has steps of 0.4 %, seen as terraces.
        """
        for layer in list(self)[:4]:
            x = layer(x)
        out: Tensor = self[5](self[4](x.float()))
        return out


class NormalizedUnit(nn.Module):
    """GroupNorm, ReLU, conv 3x3 to half the width, GroupNorm, ReLU, conv 3x3 back, plus the input."""

    def __init__(self, dim: int, groups: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.GroupNorm(groups, dim),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim, dim // 2, 3, padding=1),
            nn.GroupNorm(groups, dim // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim // 2, dim, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, G, G) to the same shape."""
        out: Tensor = self.residual(x)
        return out.add_(x)


def _feature_head(config: SharpConfig) -> nn.Sequential:
    dim, groups = config.gaussian_dim, config.norm_groups
    return nn.Sequential(
        NormalizedUnit(dim, groups),
        NormalizedUnit(dim, groups),
        nn.ReLU(inplace=True),
        nn.Conv2d(dim, config.head_dim, 1),
        nn.ReLU(inplace=True),
    )


class SkipEncoder(nn.Module):
    """Photo and disparity at full resolution, straight to the Gaussian grid."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, dim, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 5, R, R) to (B, dim, G, G)."""
        out: Tensor = self.conv(x)
        return out


class GaussianDecoder(nn.Module):
    """Pyramid features and photo to texture and geometry features on the Gaussian grid."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.decoder = MultiresDecoder(config.feature_dims, config.gaussian_dim)
        self.image_encoder = SkipEncoder(config.gaussian_dim)
        self.fusion = FusionBlock(config.gaussian_dim, upsample=False)
        self.texture_head = _feature_head(config)
        self.geometry_head = _feature_head(config)

    def forward(
        self, features: list[Tensor], photo: Tensor, record: Record = ignore
    ) -> tuple[Tensor, Tensor]:
        """Decode.

        Args:
            features: F0..F4 of the pyramid; the list is emptied.
            photo: (B, 5, R, R), image and normalised disparity in [-1, 1].
            record: is handed every stage `gaussian.*`.

        Returns:
            Texture and geometry features, (B, head_dim, G, G) each.
        """
        x = self.decoder(features)
        record("gaussian.decoder_output", x)
        skip = self.image_encoder(photo)
        record("gaussian.skip_features", skip)
        x = self.fusion(x, skip)
        del skip
        record("gaussian.fused_features", x)
        texture, geometry = self.texture_head(x), self.geometry_head(x)
        record("gaussian.texture_features", texture)
        record("gaussian.geometry_features", geometry)
        return texture, geometry


class PredictionHead(nn.Module):
    """Features to the correction of 14 attributes for both layers; in float32 always."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.geometry_prediction_head = nn.Conv2d(config.head_dim, 3 * 2, 1)
        self.texture_prediction_head = nn.Conv2d(config.head_dim, 11 * 2, 1)

    def forward(self, texture: Tensor, geometry: Tensor) -> Tensor:
        """Map (B, head_dim, G, G) twice to (B, 14, 2, G, G).

        Attributes: 0-2 x, y and inverse depth; 3-5 scale; 6-9 quaternion wxyz; 10-12 RGB; 13 opacity.
        """
        delta = torch.cat(
            [self.geometry_prediction_head(geometry.float()), self.texture_prediction_head(texture.float())],
            dim=1,
        )
        return delta.reshape(len(delta), 14, 2, *delta.shape[2:])
