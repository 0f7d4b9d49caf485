"""The available models and their licences."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency

from bus.contract.models import MODELS
from gateway.settings import Settings
from gateway.system.model_schemas import ModelOut


@get("/", operation_id="list_models", summary="List models", sync_to_thread=False)
def list_models(settings: NamedDependency[Settings]) -> list[ModelOut]:
    """Return the models, their licences and sizes, and which one runs here."""
    running = settings.gateway.model
    return [_out(name, running=name == running) for name, facts in MODELS.items() if facts.listed]


def _out(name: str, *, running: bool) -> ModelOut:
    facts = MODELS[name]
    return ModelOut(
        name=name,
        version=facts.version,
        description=facts.description,
        licence=facts.licence,
        parameters=facts.parameters,
        weights_bytes=facts.weights_bytes,
        gaussians=facts.gaussians,
        running=running,
    )


ROUTER = Router("/models", route_handlers=[list_models], tags=["models"])
