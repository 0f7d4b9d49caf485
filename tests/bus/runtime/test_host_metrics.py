"""Traffic and disk of a process, from files as Linux writes them."""

from __future__ import annotations

import shutil
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from bus.runtime.host_metrics import HostMetrics

DEV = """\
Inter-|   Receive                       |  Transmit
 face |bytes packets (and 6 columns)    |bytes packets (and 6 columns)
    lo:    1000 10 0 0 0 0 0 0     2000 10 0 0 0 0 0 0
  eth0: 30000000000 10 0 0 0 0 0 0 40 10 0 0 0 0 0 0
  eth1:       5 10 0 0 0 0 0 0        6 10 0 0 0 0 0 0
"""


def samples(collector: HostMetrics) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_traffic_is_counted_apart_from_the_loopback(tmp_path: Path) -> None:
    (tmp_path / "dev").write_text(DEV)
    found = samples(HostMetrics(tmp_path / "dev", tmp_path))
    assert found['sharpstream_received_bytes_total{kind="loopback"}'] == 1000
    assert found['sharpstream_received_bytes_total{kind="outside"}'] == 30_000_000_005
    assert found['sharpstream_sent_bytes_total{kind="loopback"}'] == 2000
    assert found['sharpstream_sent_bytes_total{kind="outside"}'] == 46
    assert found['sharpstream_disk_bytes{kind="size"}'] == shutil.disk_usage(tmp_path).total


def test_this_machine_can_be_read() -> None:
    found = samples(HostMetrics())
    assert found['sharpstream_received_bytes_total{kind="loopback"}'] >= 0
    assert 0 < found['sharpstream_disk_bytes{kind="free"}'] <= found['sharpstream_disk_bytes{kind="size"}']


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    assert samples(HostMetrics(tmp_path / "dev", tmp_path / "gone")) == {}
