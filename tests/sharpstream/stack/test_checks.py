"""What prevents a start is reported in one sentence that says what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sharpstream.stack import checks, ports
from sharpstream.stack.errors import DiskFullError, PortTakenError, StackError
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


def test_ports_are_chosen_from_the_range_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ports.RANGE_KEY, "23000-23009")
    free = {port for port in range(23000, 23010) if ports.is_free(port)}
    last = free.pop()
    assert ports.choose(free) == last
    with pytest.raises(StackError, match="No free port from 23000 to 23009"):
        ports.choose(free | {last})


@pytest.mark.parametrize("text", ["23000", "a-b", "23009-23000", "0-10", "65000-70000"])
def test_a_wrong_range_is_said(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(ports.RANGE_KEY, text)
    with pytest.raises(StackError, match=r"SHARPSTREAM_PORTS is .*20000-31999"):
        ports.choose()


def test_a_companion_is_no_port_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ports.RANGE_KEY, "23000-23001")
    assert ports.choose({33000}, companion=10_000) == 23001


def test_a_companion_is_no_ephemeral_port() -> None:
    assert all(ports.choose(companion=10_000) + 10_000 < 32768 for _ in range(20))


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


@pytest.mark.parametrize(
    ("mountpoint", "fstype", "said"),
    [
        ("/", "ext4", False),
        ("/", "nfs4", True),
        ("/srv", "cifs", True),
        ("/srv", "fuse.sshfs", True),
        ("/srv/other", "nfs", False),
        ("/srv/data", "tmpfs", False),
    ],
)
def test_a_network_disk_is_said(mountpoint: str, fstype: str, said: bool) -> None:
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=mountpoint, fstype=fstype),
    ]
    if mountpoint == "/srv/data":
        mounts.append(SimpleNamespace(mountpoint="/srv", fstype="nfs"))
    sentence = checks.network_disk(Path("/srv/data"), lambda: mounts[::-1])
    assert (sentence is not None) == said
    assert sentence is None or fstype in sentence


def test_the_disks_of_this_machine_are_read(tmp_path: Path) -> None:
    assert checks.network_disk(tmp_path) is None or "SHARPSTREAM_HOME" in str(checks.network_disk(tmp_path))
