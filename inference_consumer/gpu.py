"""Metrics of the GPUs, from NVIDIA's management library; without it, or without a GPU, there are none.

The library (`nvidia-ml-py`) comes with the builds for GPUs alone. It sees every GPU of the machine or the
container, also while the model is not on one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import structlog
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = structlog.stdlib.get_logger(__name__)


class GpuMetrics(Collector):
    """Asks ``nvml`` (the module `pynvml`, initialized) at each scrape; a GPU that fails is left out."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml

    def collect(self) -> Iterator[Metric]:
        """Yield use and memory; the label is the GPU's number, as ``nvidia-smi`` shows it."""
        used = GaugeMetricFamily(
            "sharpstream_gpu_used_ratio", "Share of the last second in which the GPU worked.", labels=["gpu"]
        )
        memory = GaugeMetricFamily(
            "sharpstream_gpu_memory_bytes",
            "The GPU's memory: its size, and what is used.",
            labels=["gpu", "kind"],
        )
        seen = GaugeMetricFamily(
            "sharpstream_gpus", "How many GPUs the driver answers for, and how many not.", labels=["state"]
        )
        count, failed = self._nvml.nvmlDeviceGetCount(), 0
        for number in range(count):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(number)
                rates = self._nvml.nvmlDeviceGetUtilizationRates(handle)
                info = self._nvml.nvmlDeviceGetMemoryInfo(handle)
            except self._nvml.NVMLError as error:
                failed += 1
                log.warning("gpu_does_not_answer", gpu=number, error=str(error))
                continue
            used.add_metric([str(number)], rates.gpu / 100)
            memory.add_metric([str(number), "size"], info.total)
            memory.add_metric([str(number), "used"], info.used)
        seen.add_metric(["good"], count - failed)
        seen.add_metric(["failed"], failed)
        yield from (used, memory, seen)


def watch(registry: CollectorRegistry = REGISTRY) -> bool:
    """Export the metrics of the GPUs; return whether there are any."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        if not nvml.nvmlDeviceGetCount():
            return False
    except ImportError:
        return False
    except nvml.NVMLError as error:  # no driver: a machine without a GPU
        log.info("no_gpu_metrics", reason=str(error))
        return False
    registry.register(GpuMetrics(nvml))
    return True
