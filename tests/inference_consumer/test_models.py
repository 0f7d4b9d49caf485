"""The registry of this role agrees with the catalogue that the gateway lists."""

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
def test_a_loaded_model_matches_the_catalogue(module: object) -> None:
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


def test_the_cards_gaussian_limit_equals_the_catalogues() -> None:
    assert MODELS["card"].gaussians == card.MAX_GAUSSIANS
