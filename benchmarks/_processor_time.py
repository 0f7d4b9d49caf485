"""Processor time of a system's parts: each part's process with its children, those that have ended too."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Reading:
    """Seconds of processor time of each part up to ``at`` (seconds)."""

    at: float
    spent: dict[str, float]

    def since(self, before: Reading) -> dict[str, float]:
        """Return each part's share of a core between two readings."""
        took = self.at - before.at
        return {name: (value - before.spent.get(name, 0.0)) / took for name, value in self.spent.items()}


def read(status: dict[str, Any]) -> Reading:
    """Read the parts of ``sharpstream status --json``."""
    pids = {"supervisor": status["supervisor"]["pid"]}
    pids |= {name: part["pid"] for name, part in status["roles"].items() if part["pid"]}
    top = set(pids.values())
    return Reading(time.perf_counter(), {name: _of(pid, top - {pid}) for name, pid in pids.items()})


def _of(pid: int, others: set[int]) -> float:
    """Return the seconds of a process and its descendants, but those that are parts of their own."""
    try:
        process = psutil.Process(pid)
        own = process.cpu_times()
        below = sum(_of(child.pid, others) for child in process.children() if child.pid not in others)
    except psutil.NoSuchProcess:
        return 0.0
    return float(own.user + own.system + own.children_user + own.children_system + below)
