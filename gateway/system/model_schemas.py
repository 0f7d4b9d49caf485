"""Response bodies of models."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ModelOut(Struct, frozen=True, kw_only=True):
    """A model, with its network where it has several. ``running``: it turns photos into splats here."""

    name: Annotated[str, Meta(examples=["layered/bundled"])]
    version: Annotated[str, Meta(examples=["1"])]
    description: str
    licence: Annotated[str, Meta(description="A sentence for people")]
    commercial_use: Annotated[
        bool, Meta(description="Whether the licence permits use in products and services")
    ]
    parameters: Annotated[
        int, Meta(description="Trained numbers; rounded where the authors round", examples=[702_305_169])
    ]
    weights_bytes: Annotated[
        int, Meta(description="Size of the checkpoint; rounded likewise", examples=[2_809_220_676])
    ]
    gaussians: Annotated[int, Meta(description="At most so many a photo", examples=[1_179_648])]
    running: bool
