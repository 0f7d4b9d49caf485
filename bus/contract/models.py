"""The catalogue of models: the facts about each network that turns photos into splats.

The inference role loads a model from the module that its entry names, the gateway lists the entries. A new
model is its module and one entry here.

A name may have two parts, ``layered/moge2-s``: the model and one of the networks that it can use. Settings
name the model alone, events both parts; commands may do either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class ModelFacts(NamedTuple):
    """One model.

    ``module`` is the inference role's module whose ``make(settings)`` returns the model; it is imported only
    when the model is chosen, because one needs torch. ``licence`` is the sentence that callers read;
    ``commercial_use`` is whether it permits use in products and services. ``parameters`` is the number of
    trained parameters, ``weights_bytes`` the size of the checkpoint, ``gaussians`` the maximum for a photo.
    Both sizes are rounded where only the authors' rounded figure is known. ``listed`` is false for models
    that callers cannot choose.
    """

    module: str
    version: str
    description: str
    licence: str
    commercial_use: bool
    parameters: int
    weights_bytes: int
    gaussians: int
    listed: bool = True

    @property
    def has_weights(self) -> bool:
        """Whether it was trained."""
        return self.weights_bytes > 0


def _layered(description: str, *, licence: str, parameters: int, weights_bytes: int) -> ModelFacts:
    return ModelFacts(
        module="inference_consumer.layered.model",
        version="1",
        description=description,
        licence=licence,
        commercial_use=True,
        parameters=parameters,
        weights_bytes=weights_bytes,
        gaussians=400_000,
    )


_MOGE2: Final = (
    "Builds a scene of two layers from the metric points and normals of MoGe-2 (arXiv 2507.02546), {size}."
    " The weights are fetched where there is a network."
)
_MOGE2_LICENCE: Final = (
    "MIT, code and weights (Microsoft); the DINOv2 part of the network Apache-2.0 (Meta)."
    " Commercial use is free."
)

MODELS: Final[Mapping[str, ModelFacts]] = {
    "card": ModelFacts(
        module="inference_consumer.card",
        version="1",
        description=(
            "The demo model: stands the photo up as a flat card of Gaussians at a fixed distance. No learned"
            " weights: it shows that the whole way works, not what a trained network can do."
        ),
        licence="Part of Sharpstream; no separate terms, no trained weights.",
        commercial_use=True,
        parameters=0,
        weights_bytes=0,
        gaussians=200_000,
    ),
    "layered/bundled": _layered(
        "Builds a scene of two layers from the depth that Sharpstream's own small network sees.",
        licence="Apache-2.0, part of Sharpstream; commercial use is free.",
        parameters=3_300_000,
        weights_bytes=7_000_000,
    ),
    "layered/moge2-s": _layered(
        _MOGE2.format(size="its small network (ViT-S)"),
        licence=_MOGE2_LICENCE,
        parameters=35_000_000,
        weights_bytes=140_852_051,
    ),
    "layered/moge2-b": _layered(
        _MOGE2.format(size="its middle network (ViT-B)"),
        licence=_MOGE2_LICENCE,
        parameters=104_000_000,
        weights_bytes=419_411_850,
    ),
    "layered/moge2-l": _layered(
        _MOGE2.format(size="its large network (ViT-L)"),
        licence=_MOGE2_LICENCE,
        parameters=331_000_000,
        weights_bytes=1_300_000_000,
    ),
    "null": ModelFacts(
        module="inference_consumer.null",
        version="1",
        description="One grey Gaussian, whatever the photo: for benchmarks of everything around a model.",
        licence="Part of Sharpstream; no separate terms, no trained weights.",
        commercial_use=True,
        parameters=0,
        weights_bytes=0,
        gaussians=1,
        listed=False,
    ),
    "sharp": ModelFacts(
        module="inference_consumer.sharp_model",
        version="1",
        description=(
            "SHARP (arXiv 2512.10685): one photo to a metric 3D Gaussian scene in one pass of a network."
            " The operator brings the published weights; they are not part of Sharpstream."
        ),
        licence="The published weights are for research only (Apple ML research model licence).",
        commercial_use=False,
        parameters=702_305_169,
        weights_bytes=2_809_220_676,
        gaussians=1_179_648,
    ),
}
"""By the name used in events, in the order in which callers see them."""


def model_of(name: str) -> str:
    """Return the name used in settings: ``layered`` of ``layered/moge2-s``."""
    return name.partition("/")[0]


def matches(asked: str, name: str) -> bool:
    """Return whether ``name`` is what was ``asked`` for: the same name, or the model with any network."""
    return asked in {name, model_of(name)}
