"""The SHARP network: a photo in, metric 3D Gaussians out.

Imports torch, numpy and the standard library alone. Written from SHARP's paper, arXiv 2512.10685.

model = load_sharp(SharpConfig.default(), "sharp.pt", device="cuda", dtype=torch.bfloat16)
(gaussians,) = model.predict([photo], [focal_px])
data = encode_ply(gaussians, Camera(focal_px, width, height))
"""

from inference_consumer.sharp.camera import Camera, to_metric
from inference_consumer.sharp.checkpoint import CheckpointError, load_sharp, state_layout
from inference_consumer.sharp.config import SharpConfig
from inference_consumer.sharp.gaussians import Gaussians
from inference_consumer.sharp.model import Sharp
from inference_consumer.sharp.ply import PlyError, PlyScene, encode_ply, read_ply, write_ply

__all__ = [
    "Camera",
    "CheckpointError",
    "Gaussians",
    "PlyError",
    "PlyScene",
    "Sharp",
    "SharpConfig",
    "encode_ply",
    "load_sharp",
    "read_ply",
    "state_layout",
    "to_metric",
    "write_ply",
]
