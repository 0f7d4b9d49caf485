"""The registry of this role agrees with the catalogue that the gateway lists."""

from __future__ import annotations

from importlib import import_module

import pytest

from bus.contract.models import MODELS, matches, model_of
from bus.runtime.errors import ConfigurationError
from inference_consumer import card, null, sharp_model
from inference_consumer.layered import bundled, model, scene
from inference_consumer.models import REGISTRY, maker


def test_every_model_of_the_catalogue_can_be_chosen() -> None:
    assert set(REGISTRY) == {model_of(name) for name in MODELS}
    for name, facts in MODELS.items():
        assert maker(model_of(name)) is import_module(facts.module).make


def test_a_network_is_not_chosen_by_the_models_name() -> None:
    with pytest.raises(ConfigurationError, match="layered"):
        maker("layered/moge2-s")


def test_an_unknown_model_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigurationError, match="card, layered, null, sharp"):
        maker("splatter")


@pytest.mark.parametrize("module", [card, null])
def test_a_loaded_model_matches_the_catalogue(module: object) -> None:
    info = module.INFO
    facts = MODELS[info.name]
    assert (facts.module, facts.version) == (module.__name__, info.version)
    assert facts.has_weights == (info.weights_sha256 is not None)


def test_the_catalogue_states_sharps_cost_and_licence() -> None:
    facts = MODELS["sharp"]
    assert (facts.module, facts.version) == (sharp_model.__name__, sharp_model.VERSION)
    assert facts.commercial_use == (sharp_model.LICENCE != "research-only")
    assert facts.weights_bytes >= 4 * facts.parameters > 0
    assert facts.has_weights


def test_the_cards_gaussian_limit_equals_the_catalogues() -> None:
    assert MODELS["card"].gaussians == card.MAX_GAUSSIANS


def test_the_catalogue_states_the_layered_models_networks() -> None:
    networks = {name: facts for name, facts in MODELS.items() if model_of(name) == "layered"}
    assert list(networks) == [f"layered/{name}" for name in ("bundled", "moge2-s", "moge2-b", "moge2-l")]
    for facts in networks.values():
        assert (facts.module, facts.version) == (model.__name__, model.VERSION)
        assert facts.gaussians == scene.MOST
        assert facts.commercial_use
        # Two to four bytes a parameter: half and single precision.
        assert 1.9 * facts.parameters < facts.weights_bytes < 4.1 * facts.parameters
    assert networks["layered/bundled"].licence.startswith(bundled.LICENCE)


@pytest.mark.parametrize(
    ("asked", "served", "fits"),
    [
        ("card", "card", True),
        ("card", "null", False),
        ("layered", "layered/bundled", True),
        ("layered", "layered/moge2-s", True),
        ("layered/moge2-s", "layered/moge2-s", True),
        ("layered/moge2-s", "layered/bundled", False),
        ("layered/moge2", "layered/moge2-s", False),
        ("lay", "layered/bundled", False),
        ("card/bundled", "card", False),
        ("", "card", False),
    ],
)
def test_a_request_for_a_model_gets_any_of_its_networks(asked: str, served: str, *, fits: bool) -> None:
    assert matches(asked, served) == fits
