"""The models that can be asked for, and what each is licensed for."""

from __future__ import annotations

from typing import Final

from litestar import Router, get

from gateway.api.schemas import ModelOut

MODELS: Final = [
    ModelOut(
        name="card",
        version="1",
        description=(
            "Stands the photo up as a flat card of Gaussians at a fixed distance. No learned weights: it"
            " shows that the whole way works, not what a trained network can do."
        ),
        licence="Part of Sharpstream; no separate terms, no trained weights.",
        default=True,
    ),
]


@get("/", operation_id="list_models", summary="List models", sync_to_thread=False)
def list_models() -> list[ModelOut]:
    """Return the models and their licences."""
    return MODELS


ROUTER = Router("/models", route_handlers=[list_models], tags=["models"])
