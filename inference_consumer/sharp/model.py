"""SHARP: one photo, one forward pass, 1.2 million metric 3D Gaussians.

Written from the published description (SHARP paper, arXiv 2512.10685). B photos, R = 1536 the
resolution inside, G = R/2 the grid, N = 2 G² Gaussians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling
from torch import Tensor, nn

from inference_consumer.sharp.camera import Camera, to_metric
from inference_consumer.sharp.composer import compose
from inference_consumer.sharp.config import SharpConfig
from inference_consumer.sharp.decoder import MultiresDecoder
from inference_consumer.sharp.encoder import PyramidEncoder
from inference_consumer.sharp.gaussians import Gaussians
from inference_consumer.sharp.heads import DisparityHead, GaussianDecoder, PredictionHead
from inference_consumer.sharp.initializer import initialize, to_depth
from inference_consumer.sharp.stages import Record, ignore
from inference_consumer.sharp.trace import Array, Visit, recorder, visit_gaussians, visit_ply

Photo = np.ndarray[Any, np.dtype[np.uint8]]


class MonodepthPredictor(nn.Module):
    """Photo to the pyramid's features and the disparity of two layers."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.encoder = PyramidEncoder(config)
        self.decoder = MultiresDecoder(config.feature_dims, config.depth_dim)
        self.head = DisparityHead(config.depth_dim)

    def forward(
        self, image: Tensor, patch_chunk: int | None = None, record: Record = ignore
    ) -> tuple[list[Tensor], Tensor]:
        """Map (B, 3, R, R) in [-1, 1] to F0..F4 and disparity (B, 2, R, R) >= 0, float32."""
        features = self.encoder(image, patch_chunk, record)
        x = self.decoder(list(features), lambda name, value: record(f"monodepth.{name}", value))
        return features, self.head(x)


class Monodepth(nn.Module):
    """The checkpoint's level between the model and its predictor; nothing of its own at inference."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.monodepth_predictor = MonodepthPredictor(config)


class Sharp(nn.Module):
    """The whole network; build it with `load_sharp`.

    `predict` does everything. An engine that overlaps its work calls the stages: `preprocess` for each
    photo, the model itself on the batch, `to_metric` for each photo's Gaussians.

    Attributes:
        config: the sizes.
        patch_chunk: windows (35 a photo) at once through the ViT; `None` runs all. Less memory, same result.
    """

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_chunk: int | None = None
        self.monodepth_model = Monodepth(config)
        self.feature_model = GaussianDecoder(config)
        self.prediction_head = PredictionHead(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._probe.device

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in; depth and Gaussians are float32 always."""
        return self._probe.dtype

    @property
    def _probe(self) -> Tensor:
        return self.monodepth_model.monodepth_predictor.encoder.patch_encoder.cls_token

    @torch.inference_mode()
    def preprocess(self, photo: Photo) -> Tensor:
        """Resize a photo to (3, R, R), float32 sRGB in [0, 1], on the model's device.

        The aspect ratio is not kept; bilinear, corners aligned, no antialiasing.

        Args:
            photo: (height, width, 3) uint8 sRGB, upright.

        Raises:
            ValueError: another shape or type.
        """
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or photo.size == 0:
            raise ValueError(f"a photo is uint8 (height, width, 3), not {photo.dtype} {photo.shape}")
        # Page-locked for a GPU: the copy runs beside its work, and this thread does not wait.
        cuda = self.device.type == "cuda"
        host = torch.empty(photo.shape, dtype=torch.uint8, pin_memory=cuda)
        host.numpy()[...] = photo
        pixels = host.to(self.device, non_blocking=cuda).permute(2, 0, 1)[None]
        side = self.config.resolution
        image = F.interpolate(pixels.float() / 255, (side, side), mode="bilinear", align_corners=True)
        return image[0]

    @torch.inference_mode()
    def forward(self, image: Tensor, disparity_factor: Tensor, record: Record = ignore) -> Gaussians:
        """Predict a batch in NDC space.

        Args:
            image: (B, 3, R, R), float32 sRGB in [0, 1].
            disparity_factor: (B,) focal length in pixels / width in pixels of the original photos.
            record: is handed every stage `vit.*` to `delta`.

        Returns:
            NDC Gaussians (B, N, ...), float32.
        """
        features, disparity = self.monodepth_model.monodepth_predictor(
            (image * 2 - 1).to(self.dtype), self.patch_chunk, record
        )
        record("monodepth.disparity", disparity)
        depth = to_depth(disparity, disparity_factor)  # metres
        del disparity
        record("monodepth.depth", depth)
        initial = initialize(image, depth, record)  # normalised depth
        del depth
        texture, geometry = self.feature_model(features, initial.photo.to(self.dtype), record)
        delta = self.prediction_head(texture, geometry)
        del texture, geometry
        record("delta", delta)
        return compose(initial, delta)

    @torch.inference_mode()
    def predict(self, photos: Sequence[Photo], focal_px: Sequence[float]) -> list[Gaussians]:
        """Predict metric Gaussians for photos of any sizes in one batch.

        Args:
            photos: (height, width, 3) uint8 sRGB each, upright.
            focal_px: focal length of each photo in its own pixels, > 0.

        Returns:
            For each photo N Gaussians in OpenCV camera space, metres, on the model's device.

        Raises:
            ValueError: lists of different lengths, a photo that is none, or a focal length not above 0.
        """
        cameras = _cameras(photos, focal_px)
        if not cameras:
            return []
        images = torch.stack([self.preprocess(photo) for photo in photos])
        ndc = self(images, self.disparity_factor(cameras))
        return [to_metric(ndc.photo(i), camera) for i, camera in enumerate(cameras)]

    def disparity_factor(self, cameras: Sequence[Camera]) -> Tensor:
        """Return (B,) focal length / width, the scale between disparity and metres."""
        return torch.tensor([c.focal_px / c.width for c in cameras], dtype=torch.float32, device=self.device)

    @torch.inference_mode()
    def trace(self, photo: Photo, focal_px: float, visit: Visit | None = None) -> dict[str, Array]:
        """Predict one photo and return every stage on the way, for comparison with another implementation.

        Args:
            photo: (height, width, 3) uint8 sRGB, upright.
            focal_px: focal length in the photo's pixels.
            visit: is handed each stage in place of keeping it: at full size they take 6 GB together.

        Returns:
            Name of the stage -> array, as the module `trace` names them; empty with `visit`.
        """
        kept: dict[str, Array] = {}
        visit = visit or kept.__setitem__
        record = recorder(visit)
        (camera,) = _cameras([photo], [focal_px])
        image, factor = self.preprocess(photo)[None], self.disparity_factor([camera])
        record("preprocess.image", image)
        record("preprocess.disparity_factor", factor)
        ndc = self(image, factor, record).photo(0)
        visit_gaussians("ndc", ndc, visit)
        metric = to_metric(ndc, camera)
        visit_gaussians("metric", metric, visit)
        visit_ply(metric, camera, visit)
        return kept


def _cameras(photos: Sequence[Photo], focal_px: Sequence[float]) -> list[Camera]:
    if len(photos) != len(focal_px):
        raise ValueError(f"{len(photos)} photos but {len(focal_px)} focal lengths")
    if not all(0 < focal < math.inf for focal in focal_px):
        raise ValueError(f"focal lengths must be positive, not {list(focal_px)}")
    return [Camera(float(f), p.shape[1], p.shape[0]) for p, f in zip(photos, focal_px, strict=True)]
