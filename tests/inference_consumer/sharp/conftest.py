"""The tiny networks with deterministic weights, loaded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from inference_consumer.sharp import Sharp, SharpConfig, load_sharp
from tests.inference_consumer.sharp.fixtures import Fixture, weights


@pytest.fixture(scope="session")
def tiny_weights() -> dict[str, torch.Tensor]:
    """A complete checkpoint of the smallest network; copy it before changing it."""
    return weights(SharpConfig.tiny_flat())


@pytest.fixture(scope="session")
def tiny(tiny_weights: dict[str, torch.Tensor]) -> Sharp:
    return load_sharp(SharpConfig.tiny_flat(), tiny_weights)


@pytest.fixture(scope="session")
def landscape() -> Fixture:
    return Fixture("tiny_flat", "A1")


@pytest.fixture(scope="session")
def portrait() -> Fixture:
    return Fixture("tiny_flat", "A2")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: on a loaded machine, threads that wait for each other take ten times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
