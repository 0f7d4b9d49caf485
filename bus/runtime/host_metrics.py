"""Metrics of what a process stands on: the bytes that come in and go out, and its disk.

They are those of the process's network namespace and of the disk of its working folder: in a container its
own, on one machine everyone's. Processor time and memory are in prometheus_client's own ``process_...``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

INTERFACES: Final = Path("/proc/self/net/dev")
"""Two lines of heads, then ``name: bytes_in ... (8 columns) bytes_out ...``; Linux alone has it."""
_SENT: Final = 8


class HostMetrics(Collector):
    """Reads everything when it is asked, which takes 0.1 ms; a file that cannot be read is left out."""

    def __init__(self, interfaces: Path = INTERFACES, folder: Path = Path()) -> None:
        self._interfaces, self._folder = interfaces, folder

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. The loopback is a kind of its own: on one machine all traffic is there."""
        received = CounterMetricFamily(
            "sharpstream_received_bytes", "Bytes received: from outside, or by the loopback.", labels=["kind"]
        )
        sent = CounterMetricFamily(
            "sharpstream_sent_bytes", "Bytes sent: outside, or by the loopback.", labels=["kind"]
        )
        for kind, (incoming, outgoing) in self._traffic().items():
            received.add_metric([kind], incoming)
            sent.add_metric([kind], outgoing)
        yield from (received, sent)
        disk = GaugeMetricFamily(
            "sharpstream_disk_bytes",
            "The disk of the process's working folder: its size, and what is free.",
            labels=["kind"],
        )
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            usage = None
        if usage is not None:
            disk.add_metric(["size"], usage.total)
            disk.add_metric(["free"], usage.free)
        yield disk

    def _traffic(self) -> dict[str, tuple[int, int]]:
        try:
            lines = self._interfaces.read_text().splitlines()[2:]
        except OSError:
            return {}
        found = {"loopback": (0, 0), "outside": (0, 0)}
        for line in lines:
            name, _, numbers = line.partition(":")
            columns = [int(each) for each in numbers.split()]
            kind = "loopback" if name.strip() == "lo" else "outside"
            before = found[kind]
            found[kind] = before[0] + columns[0], before[1] + columns[_SENT]
        return found


HOST: Final = HostMetrics()
REGISTRY.register(HOST)
