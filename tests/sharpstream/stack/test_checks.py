"""What prevents a start is reported in one sentence that says what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sharpstream.stack import checks, ports
from sharpstream.stack.errors import DiskFullError, PortTakenError
from sharpstream.stack.state_dir import Home, Memory


@pytest.fixture
def occupied() -> Iterator[int]:
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_POLLS", 1)


def test_chosen_ports_are_free_distinct_and_below_the_ephemeral_range() -> None:
    taken: set[int] = set()
    for _ in range(20):
        port = ports.choose(taken)
        assert port not in taken
        assert port < 32768
        assert ports.is_free(port)
        taken.add(port)


def test_an_occupied_port_is_not_free(occupied: int) -> None:
    assert not ports.is_free(occupied)


async def test_a_servers_taken_port_is_chosen_anew(home: Home, occupied: int) -> None:
    memory = Memory(home)
    memory.remember_port("kafka_internal", occupied)
    other = memory.port("postgres")
    assert await checks.assign_ports(memory, {}) == ["kafka_internal"]
    assert memory.port("kafka_internal") != occupied
    assert memory.port("postgres") == other


async def test_the_gateways_taken_port_stops_the_start(home: Home, occupied: int) -> None:
    memory = Memory(home)
    memory.remember_port("gateway", occupied)
    with pytest.raises(PortTakenError, match=rf"Port {occupied}.*GATEWAY_PORT=8081 sharpstream up\.$"):
        await checks.assign_ports(memory, {})
    assert memory.known_port("gateway") == occupied


async def test_a_chosen_gateway_port_wins_and_is_remembered(home: Home, occupied: int) -> None:
    memory, free = Memory(home), ports.choose()
    memory.remember_port("gateway", occupied)
    await checks.assign_ports(memory, {"GATEWAY_PORT": str(free)})
    assert Memory(home).known_port("gateway") == free


async def test_a_first_start_beside_another_stack_takes_another_port(
    home: Home, occupied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "GATEWAY_PORT", occupied)
    memory = Memory(home)
    await checks.assign_ports(memory, {})
    assert memory.port("gateway") != occupied


@pytest.mark.parametrize("nonsense", ["http", "0", "70000"])
async def test_a_nonsense_port_is_named(home: Home, nonsense: str) -> None:
    with pytest.raises(PortTakenError, match=f"GATEWAY_PORT is '{nonsense}'"):
        await checks.assign_ports(Memory(home), {"GATEWAY_PORT": nonsense})


def test_too_little_disk(home: Home) -> None:
    with pytest.raises(DiskFullError, match=r"1\.0 GiB free at .* need 2 GiB.*SHARPSTREAM_HOME"):
        checks.disk(home.root, lambda _: 1024**3)
    checks.disk(home.root, lambda _: 3 * 1024**3)
