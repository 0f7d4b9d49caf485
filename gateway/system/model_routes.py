"""The available models and their licences."""

from __future__ import annotations

import asyncpg
from litestar import Router, get
from litestar.di import NamedDependency

from bus.contract.models import MODELS
from gateway.http.openapi_helpers import PUBLIC
from gateway.scenes.running_model import running_model
from gateway.settings import Settings
from gateway.system.model_schemas import ModelOut


@get("/", operation_id="list_models", summary="List models")
async def list_models(
    settings: NamedDependency[Settings], pool: NamedDependency[asyncpg.Pool]
) -> list[ModelOut]:
    """Return the models, their licences and sizes, and which one runs here.

    A model may change its network while it runs; which one it uses is known from the newest completed scene.
    """
    running = await running_model(pool, settings.gateway.model)
    return [_out(name, running=name == running) for name, facts in MODELS.items() if facts.listed]


def _out(name: str, *, running: bool) -> ModelOut:
    facts = MODELS[name]
    return ModelOut(
        name=name,
        version=facts.version,
        description=facts.description,
        licence=facts.licence,
        commercial_use=facts.commercial_use,
        parameters=facts.parameters,
        weights_bytes=facts.weights_bytes,
        gaussians=facts.gaussians,
        running=running,
    )


ROUTER = Router("/models", route_handlers=[list_models], security=PUBLIC, tags=["models"])
