"""Response bodies of models."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ModelOut(Struct, frozen=True, kw_only=True):
    """A model. ``running`` is true for the one that turns photos into splats here."""

    name: Annotated[str, Meta(examples=["card"])]
    version: Annotated[str, Meta(examples=["1"])]
    description: str
    licence: str
    parameters: Annotated[int, Meta(description="Trained numbers", examples=[702_305_169])]
    weights_bytes: Annotated[int, Meta(description="Size of the checkpoint", examples=[2_809_220_676])]
    gaussians: Annotated[int, Meta(description="At most so many a photo", examples=[1_179_648])]
    running: bool
