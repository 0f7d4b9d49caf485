"""The catalogue of models: the facts about each network that turns photos into splats.

The inference role loads a model from the module that its entry names, the gateway lists the entries. A new
model is its module and one entry here.
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
    ``listed`` is false for models that callers cannot choose.
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
    def needs_weights(self) -> bool:
        """Whether the operator has to bring a checkpoint."""
        return self.weights_bytes > 0


MODELS: Final[Mapping[str, ModelFacts]] = {
    "card": ModelFacts(
        module="inference_consumer.card",
        version="1",
        description=(
            "Stands the photo up as a flat card of Gaussians at a fixed distance. No learned weights: it"
            " shows that the whole way works, not what a trained network can do."
        ),
        licence="Part of Sharpstream; no separate terms, no trained weights.",
        commercial_use=True,
        parameters=0,
        weights_bytes=0,
        gaussians=200_000,
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
"""By the name used in settings, in the order in which callers see them."""
