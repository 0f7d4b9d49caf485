"""The metrics of GPUs, with NVIDIA's library replaced: the tests run where no GPU is."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from inference_consumer import gpu

GIB = 1024**3


class NVMLError(Exception):
    pass


def library(*, count: int = 2, broken: int | None = None, driver: bool = True) -> Any:
    """NVML with ``count`` GPUs, of which the number ``broken`` has fallen off the bus."""

    def initialize() -> None:
        if not driver:
            raise NVMLError("Driver Not Loaded")

    def handle(number: int) -> int:
        if number == broken:
            raise NVMLError("GPU is lost")
        return number

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=initialize,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetUtilizationRates=lambda number: SimpleNamespace(gpu=25 + number, memory=1),
        nvmlDeviceGetMemoryInfo=lambda number: SimpleNamespace(total=80 * GIB, used=(number + 1) * GIB),
    )


def exported(monkeypatch: pytest.MonkeyPatch, nvml: Any) -> tuple[bool, list[str]]:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    registry = CollectorRegistry()
    watched = gpu.watch(registry)
    lines = generate_latest(registry).decode().splitlines()
    return watched, [line for line in lines if not line.startswith("#")]


def test_use_and_memory_of_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, lines = exported(monkeypatch, library())
    assert watched
    found = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    assert found == {
        'sharpstream_gpu_used_ratio{gpu="0"}': 0.25,
        'sharpstream_gpu_used_ratio{gpu="1"}': 0.26,
        'sharpstream_gpu_memory_bytes{gpu="0",kind="size"}': 80 * GIB,
        'sharpstream_gpu_memory_bytes{gpu="0",kind="used"}': GIB,
        'sharpstream_gpu_memory_bytes{gpu="1",kind="size"}': 80 * GIB,
        'sharpstream_gpu_memory_bytes{gpu="1",kind="used"}': 2 * GIB,
        'sharpstream_gpus{state="good"}': 2,
        'sharpstream_gpus{state="failed"}': 0,
    }


def test_a_gpu_that_fails_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    _, lines = exported(monkeypatch, library(broken=0))
    assert 'sharpstream_gpus{state="failed"} 1.0' in lines
    assert not any('gpu="0"' in line for line in lines)
    assert 'sharpstream_gpu_used_ratio{gpu="1"} 0.26' in lines


@pytest.mark.parametrize(
    "nvml", [None, library(driver=False), library(count=0)], ids=["package", "driver", "gpu"]
)
def test_without_a_gpu_there_are_no_such_metrics(monkeypatch: pytest.MonkeyPatch, nvml: Any) -> None:
    assert exported(monkeypatch, nvml) == (False, [])
