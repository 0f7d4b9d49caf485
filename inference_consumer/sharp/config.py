"""Everything that decides the size of the network, and the three sizes that have a name."""

from __future__ import annotations

from dataclasses import dataclass

PRESETS = ("default", "tiny_flat", "tiny_overlap")


@dataclass(frozen=True)
class SharpConfig:
    """Sizes of one SHARP network; the defaults are the published model.

    Raises `ValueError` for sizes that cannot work together. Source: SHARP paper, arXiv 2512.10685.
    """

    window: int = 384
    """Side of the ViT's input in pixels. The photo is resized to 4 windows."""
    patch: int = 16
    """Side of a ViT patch in pixels. The pyramid's x16 upsampling is built for 16."""
    vit_dim: int = 1024
    vit_depth: int = 24
    vit_heads: int = 16
    vit_mlp_ratio: int = 4
    vit_classes: int = 21841
    """Outputs of the classifier in a checkpoint; inference never runs it."""
    hook_blocks: tuple[int, int, int, int] = (5, 11, 17, 23)
    """Blocks whose tokens can be traced; the first two feed the pyramid."""
    overlap: bool = True
    """Windows overlap (5x5 + 3x3 + 1) or lie side by side (4x4 + 2x2 + 1)."""
    feature_dims: tuple[int, int, int, int, int] = (256, 256, 512, 1024, 1024)
    """Channels of the pyramid's features F0 (1/2 of the resolution) to F4 (1/32)."""
    depth_dim: int = 256
    gaussian_dim: int = 128
    head_dim: int = 32
    """Channels of the texture and geometry features."""
    norm_groups: int = 8
    alignment_dim: int = 16
    """Base width of the depth alignment in a checkpoint; inference never runs it."""

    def __post_init__(self) -> None:
        problems = {
            "patch must be 16": self.patch != 16,
            "window must be a multiple of 16": self.window % 16 != 0,
            "overlapping windows need window=384": self.overlap and self.window != 384,
            "vit_heads must divide vit_dim": self.vit_dim % self.vit_heads != 0,
            "hook_blocks must be blocks of the ViT": max(self.hook_blocks) >= self.vit_depth,
            "hook_blocks must rise": sorted(set(self.hook_blocks)) != list(self.hook_blocks),
            "depth_dim must equal feature_dims[0]": self.depth_dim != self.feature_dims[0],
            "depth_dim must be even": self.depth_dim % 2 != 0,
            "2 * norm_groups must divide gaussian_dim": self.gaussian_dim % (2 * self.norm_groups) != 0,
        }
        if wrong := [text for text, failed in problems.items() if failed]:
            raise ValueError("; ".join(wrong))

    @property
    def resolution(self) -> int:
        """Side R of the square that every photo is resized to, in pixels."""
        return 4 * self.window

    @property
    def grid(self) -> int:
        """Side G of the Gaussian grid: one cell for 2x2 pixels."""
        return self.resolution // 2

    @property
    def gaussians(self) -> int:
        """Gaussians in a photo, N: two layers of the grid."""
        return 2 * self.grid**2

    @property
    def tokens(self) -> int:
        """Side of a window's token map."""
        return self.window // self.patch

    @classmethod
    def default(cls) -> SharpConfig:
        """Return the published model: 702 million parameters, R = 1536, 1,179,648 Gaussians."""
        return cls()

    @classmethod
    def tiny_flat(cls) -> SharpConfig:
        """Return a network for tests: 1.2 million parameters, R = 256, 32,768 Gaussians, no overlap."""
        return _tiny(window=64, overlap=False)

    @classmethod
    def tiny_overlap(cls) -> SharpConfig:
        """Return a network for tests with the real windows: R = 1536, 1,179,648 Gaussians."""
        return _tiny(window=384, overlap=True)

    @classmethod
    def preset(cls, name: str) -> SharpConfig:
        """Return the preset of that name; `ValueError` names the ones that exist."""
        if name not in PRESETS:
            raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
        preset: SharpConfig = getattr(cls, name)()
        return preset


def _tiny(window: int, *, overlap: bool) -> SharpConfig:
    return SharpConfig(
        window=window,
        overlap=overlap,
        vit_dim=48,
        vit_depth=4,
        vit_heads=3,
        vit_classes=5,
        hook_blocks=(0, 1, 2, 3),
        feature_dims=(16, 16, 24, 40, 48),
        depth_dim=16,
        gaussian_dim=32,
        head_dim=8,
        alignment_dim=8,
    )
