"""One system for all end-to-end tests; each test leaves it running.

Tests of the public surface use `system`: containers where an engine answers, else the stack. Tests that kill
processes or need receivers on this machine use `running`, which is always the stack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sharpstream.stack import ports
from tests.bus.collector import Collector, collecting
from tests.e2e.containers import chosen, containers, engine_answers
from tests.e2e.receiver import Receiver
from tests.e2e.running import Running, new_home, started
from tests.e2e.system import System


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Collect the system's traces."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="package")
def running(collector: Collector) -> Iterator[Running]:
    """The stack, started once for all tests, and stopped after the last one of this folder."""
    # A free port, not 8080, which another stack on this machine may take while this one is down.
    traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    # The flat card: these tests are about what happens around a model, and it takes a twentieth of the time.
    extra = traces | {"GATEWAY_PORT": str(ports.choose()), "INFERENCE_MODEL": "card"}
    with new_home() as home, started(home, extra) as stack:
        yield stack


@pytest.fixture(scope="package")
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Yield containers where an engine answers, else the stack. `SHARPSTREAM_TEST_SYSTEM` overrides this."""
    if chosen(os.environ, engine=engine_answers()) == "stack":
        yield request.getfixturevalue("running")
        return
    with containers(tmp_path_factory.mktemp("containers")) as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A customer's server that accepts every delivery."""
    with Receiver() as made:
        yield made
