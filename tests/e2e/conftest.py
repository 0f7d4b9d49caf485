"""One system for all end-to-end tests; each test leaves it running."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharpstream.stack import ports
from tests.bus.collector import Collector, collecting
from tests.e2e.receiver import Receiver
from tests.e2e.running import Running


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the system's traces go."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def running(collector: Collector) -> Iterator[Running]:
    """Everything up, in a folder that an unprivileged database server can reach."""
    home = Path(tempfile.mkdtemp(prefix="sharpstream-e2e-", dir="/var/tmp"))
    home.chmod(0o755)
    # A free port, not 8080: another stack on this machine may take that while this one is down.
    traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    stack = Running(home, traces | {"GATEWAY_PORT": str(ports.choose())})
    try:
        stack.up()
        yield stack
    finally:
        stack.cli("down")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A customer's server that is content with everything."""
    with Receiver() as made:
        yield made
