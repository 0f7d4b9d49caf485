"""Plain vision transformer (ViT-L/16 at full size), used twice by the sliding pyramid.

SHARP paper, arXiv 2512.10685. Module names are those of the published checkpoint. n images of
`window` pixels, t = tokens + 1 (class token first), d = `vit_dim`, h heads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling
from torch import Tensor, nn

from inference_consumer.sharp.config import SharpConfig
from inference_consumer.sharp.stages import Record, ignore


class VitFeatures(NamedTuple):
    """Maps of n windows, s tokens a side, without the class token."""

    final: Tensor  # (n, d, s, s) after the last norm
    hooks: tuple[Tensor, ...]  # (n, d, s, s) each, the residual stream after a block, not normalised


class Attention(nn.Module):
    """Multi-head self-attention; one linear layer makes [q | k | v]."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.heads = config.vit_heads
        self.qkv = nn.Linear(config.vit_dim, 3 * config.vit_dim)
        self.proj = nn.Linear(config.vit_dim, config.vit_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        n, t, d = x.shape
        qkv = self.qkv(x).view(n, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (n, h, t, d/h) each
        y = F.scaled_dot_product_attention(q, k, v)  # scale (d/h)^-0.5
        out: Tensor = self.proj(y.transpose(1, 2).flatten(2))
        return out


class Mlp(nn.Module):
    """Two linear layers with the exact (erf) GELU between them."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.vit_dim, config.vit_mlp_ratio * config.vit_dim)
        self.fc2 = nn.Linear(config.vit_mlp_ratio * config.vit_dim, config.vit_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class LayerScale(nn.Module):
    """A learned factor for each channel of a residual branch."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Return x + gamma * branch, all (n, t, d)."""
        return torch.addcmul(x, branch, self.gamma)


class Block(nn.Module):
    """Pre-norm transformer block with layer scale on both branches."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.vit_dim, eps=1e-6)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.vit_dim)
        self.norm2 = nn.LayerNorm(config.vit_dim, eps=1e-6)
        self.mlp = Mlp(config)
        self.ls2 = LayerScale(config.vit_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = self.ls1(x, self.attn(self.norm1(x)))
        out: Tensor = self.ls2(x, self.mlp(self.norm2(x)))
        return out


class PatchEmbed(nn.Module):
    """One vector for each patch of 16x16 pixels, row-major."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.vit_dim, kernel_size=config.patch, stride=config.patch)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, 3, window, window) to (n, t - 1, d)."""
        patches: Tensor = self.proj(images)
        return patches.flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """ViT with a class token, learned positions (the class token has one too), no registers."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.side = config.tokens
        self.hook_blocks = config.hook_blocks
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.vit_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.side**2 + 1, config.vit_dim))
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.vit_depth))
        self.norm = nn.LayerNorm(config.vit_dim, eps=1e-6)

    def forward(self, images: Tensor, keep: int = 0, record: Record = ignore) -> VitFeatures:
        """Encode windows.

        Args:
            images: (n, 3, window, window) in [-1, 1].
            keep: how many of the first hook blocks to return.
            record: is handed the tokens (n, t, d) of every hook block.
        """
        x = self.patch_embed(images)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed  # (n, t, d)
        hooks: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.hook_blocks:
                record(f"block{index:02d}_tokens", x)
                if len(hooks) < keep:
                    hooks.append(self._to_map(x))
        return VitFeatures(self._to_map(self.norm(x)), tuple(hooks))

    def _to_map(self, tokens: Tensor) -> Tensor:
        """Drop the class token: (n, t, d) -> (n, d, s, s), a channels-last view without a copy."""
        count, _, dim = tokens.shape
        return tokens[:, 1:].reshape(count, self.side, self.side, dim).permute(0, 3, 1, 2)
