"""The registry of this role and the catalogue that the gateway lists say the same."""

from __future__ import annotations

from importlib import import_module

import pytest

from bus.contract.models import MODELS
from bus.runtime.errors import ConfigurationError
from inference_consumer import card, null, sharp_model
from inference_consumer.models import REGISTRY, maker


def test_every_model_of_the_catalogue_can_be_chosen() -> None:
    assert list(REGISTRY) == list(MODELS)
    for name, facts in MODELS.items():
        assert maker(name) is import_module(facts.module).make


def test_an_unknown_model_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigurationError, match="card, null, sharp"):
        maker("splatter")


@pytest.mark.parametrize("module", [card, null])
def test_a_loaded_model_is_as_the_catalogue_says(module: object) -> None:
    info = module.INFO
    facts = MODELS[info.name]
    assert (facts.module, facts.version) == (module.__name__, info.version)
    assert facts.needs_weights == (info.weights_sha256 is not None)


def test_the_catalogue_states_sharps_cost_and_licence() -> None:
    facts = MODELS["sharp"]
    assert (facts.module, facts.version) == (sharp_model.__name__, sharp_model.VERSION)
    assert facts.commercial_use == (sharp_model.LICENCE != "research-only")
    assert facts.weights_bytes >= 4 * facts.parameters > 0
    assert facts.needs_weights


def test_the_card_keeps_to_the_number_of_the_catalogue() -> None:
    assert MODELS["card"].gaussians == card.MAX_GAUSSIANS
