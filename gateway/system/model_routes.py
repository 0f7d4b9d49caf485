"""The models that there are, and what each is licensed for."""

from __future__ import annotations

from typing import Final

from litestar import Router, get
from litestar.di import NamedDependency
from msgspec.structs import replace

from gateway.settings import Settings
from gateway.system.model_schemas import ModelOut

MODELS: Final = [
    ModelOut(
        name="card",
        version="1",
        description=(
            "Stands the photo up as a flat card of Gaussians at a fixed distance. No learned weights: it"
            " shows that the whole way works, not what a trained network can do."
        ),
        licence="Part of Sharpstream; no separate terms, no trained weights.",
        parameters=0,
        weights_bytes=0,
        gaussians=200_000,
        running=False,
    ),
    ModelOut(
        name="sharp",
        version="1",
        description=(
            "SHARP (arXiv 2512.10685): one photo to a metric 3D Gaussian scene in one pass of a network."
            " The operator brings the published weights; they are not part of Sharpstream."
        ),
        licence="The published weights are for research only (Apple ML research model licence).",
        parameters=702_305_169,
        weights_bytes=2_809_220_676,
        gaussians=1_179_648,
        running=False,
    ),
]


@get("/", operation_id="list_models", summary="List models", sync_to_thread=False)
def list_models(settings: NamedDependency[Settings]) -> list[ModelOut]:
    """Return the models, their licences and sizes, and which one runs here."""
    name = settings.gateway.model
    return [replace(model, running=model.name == name) for model in MODELS]


ROUTER = Router("/models", route_handlers=[list_models], tags=["models"])
