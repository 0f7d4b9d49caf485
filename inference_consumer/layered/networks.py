"""Chooses the geometry network: the bundled one."""

from __future__ import annotations

from inference_consumer.layered.bundled import Bundled
from inference_consumer.layered.geometry import GeometryNetwork
from inference_consumer.settings import Settings


def chosen(_settings: Settings) -> GeometryNetwork:
    """Return the network, loaded."""
    return Bundled()
