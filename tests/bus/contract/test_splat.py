from __future__ import annotations

import numpy as np
import torch

from bus.contract import splat
from bus.contract.splat import Camera
from export_consumer import splat as reader
from inference_consumer import ply
from inference_consumer.sharp import Camera as SharpCamera
from inference_consumer.sharp import Gaussians, encode_ply
from inference_consumer.sharp import ply as sharp

CAMERA = Camera(96.5, 128, 96)


def of_the_card() -> bytes:
    means, colors = np.array([[1, 2, 3]], np.float32), np.array([[0, 0.5, 1]], np.float32)
    return bytes(
        ply.encode(means=means, colors=colors, opacity=0.5, scales=np.ones(3, np.float32), camera=CAMERA)
    )


def of_the_network() -> bytes:
    one = torch.ones(1, 3)
    gaussians = Gaussians(one, one, torch.tensor([[1.0, 0, 0, 0]]), one, torch.tensor([0.5]))
    return bytes(encode_ply(gaussians, SharpCamera(*CAMERA)))


def test_the_sharp_network_has_the_same_layout() -> None:
    assert sharp.VERTEX == splat.PROPERTIES
    assert sharp.SH_C0 == splat.SH_C0
    assert SharpCamera._fields == Camera._fields


def test_every_writer_writes_the_header_of_the_contract() -> None:
    header = splat.header(1, comments=splat.camera_comments(CAMERA))
    assert header.endswith(splat.END_OF_HEADER)
    for data in (of_the_card(), of_the_network()):
        assert data.startswith(header)
        assert len(data) == len(header) + splat.VERTEX_BYTES


def test_the_reader_reads_the_files_of_every_writer() -> None:
    for data in (of_the_card(), of_the_network()):
        scene = reader.read(data)
        assert scene.camera == CAMERA
        assert reader.write(scene, comments=splat.camera_comments(scene.camera)) == data


def test_elements_after_the_vertices_have_one_property_each() -> None:
    header = splat.header(2, elements=[splat.Element("image_size", "uint", 2)])
    assert b"element vertex 2\nproperty float x\n" in header
    assert header.endswith(
        b"property float rot_3\nelement image_size 2\nproperty uint image_size\nend_header\n"
    )
