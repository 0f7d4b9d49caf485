"""Prometheus metrics of the inference role. They are set where the values arise and never read back."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

BATCH_SIZE: Final = Histogram(
    "sharpstream_batch_size", "Photos in a batch", buckets=(1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
)
_SECONDS: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
STAGE_SECONDS: Final = Histogram(
    "sharpstream_stage_seconds",
    "A generation's time in a stage: fetch, decode, batch (waiting), inference, encode, upload",
    ["stage"],
    buckets=_SECONDS,
)
QUEUE_SECONDS: Final = Histogram(
    "sharpstream_queue_seconds",
    "Age of a command when a worker takes it",
    ["priority"],
    buckets=(0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200),
)
GENERATION_SECONDS: Final = Histogram(
    "sharpstream_generation_seconds",
    "From the request to the completed generation, its wait in the queue included",
    ["priority"],
    buckets=(0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 1800, 7200),
)
GENERATIONS: Final = Counter(
    "sharpstream_generations", "Attempts by outcome: completed, cancelled, or the error's code", ["code"]
)
PREEMPTIONS: Final = Counter("sharpstream_preemptions", "Batches that ran between the steps of a bulk batch")
OUT_OF_MEMORY: Final = Counter("sharpstream_out_of_memory", "Batches that did not fit")
BATCH_LIMIT: Final = Gauge("sharpstream_batch_limit", "Photos that fit in a batch, as far as is known")
WAITING: Final = Gauge("sharpstream_batch_waiting", "Prepared photos that wait for the engine")
ACCELERATOR_BYTES: Final = Gauge(
    "sharpstream_accelerator_memory_bytes",
    "Accelerator memory at the last batch's peak and held since",
    ["kind"],
)
PROGRESS_DROPPED: Final = Counter(
    "sharpstream_progress_dropped", "Progress messages that were never sent: Kafka was too slow or away"
)
CANCELLATIONS_KNOWN: Final = Gauge("sharpstream_cancellations_known", "Cancel requests that are remembered")
NETWORK_BYTES: Final = Gauge(
    "sharpstream_network_bytes", "Bytes of a geometry network fetched so far", ["network"]
)
NETWORK_FETCHES: Final = Counter(
    "sharpstream_network_fetches",
    "Attempts to fetch a geometry network by outcome: fetched, interrupted, failed",
    ["network", "outcome"],
)
