"""From a rate of photos to machines, bytes and money: how many GPUs by simulation, the rest by division."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from _capacity_inputs import Inputs
from _capacity_simulation import Outcome, Plan, largest_share, simulate

PARTITIONS = 12
"""Of each topic of commands today (`bus.contract.topics.PARTITIONS`)."""
REPLICAS = 3
DAY_S = 86_400
MONTH_DAYS = 30
HOUR_S = 3600
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Length:
    """A simulation lasts at least ``seconds`` after its warm-up, and until ``photos`` have come."""

    seconds: float = 300.0
    photos: int = 3000
    warm_up: float = 60.0


def plan(inputs: Inputs, rate: float, workers: int, length: Length, *, engines: int = 1) -> Plan:
    """Return the simulation of one system, with as many partitions as workers where 12 are too few."""
    return Plan(
        rate=rate,
        seconds=length.warm_up + max(length.seconds, length.photos / rate),
        warm_up=length.warm_up,
        workers=workers,
        engines=engines,
        partitions=max(PARTITIONS, workers),
        photo_s=inputs.photo_gpu_s,
        max_batch=2,
        relay_row_s=inputs.relay["processor_s_a_row"],  # its transaction is in the hop, measured whole
        **inputs.stages,
    )


def useful(index: int) -> int:
    """Return numbers of workers of which none has more partitions than another: 1, 2, 3, 4, 6, 12, 13..."""
    few = [workers for workers in range(1, PARTITIONS) if PARTITIONS % workers == 0]
    return few[index] if index < len(few) else PARTITIONS + index - len(few)


def least_workers(run: Callable[[int], Outcome], low: int, objective_s: float) -> tuple[int, Outcome]:
    """Return the least useful number of workers, from ``low`` on, that keeps p99 below the objective."""
    tried: dict[int, Outcome] = {}

    def good(index: int) -> bool:
        tried[index] = run(useful(index))
        return tried[index].percentile(99) <= objective_s

    first = next(index for index in range(low) if useful(index) >= low)
    under, high, step = first - 1, first, max(1, low // 16)
    while not good(high):
        under, high, step = high, high + step, 2 * step
    while high - under > 1:
        middle = (under + high) // 2
        under, high = (under, middle) if good(middle) else (middle, high)
    return useful(high), tried[high]


def cell(inputs: Inputs, rate: float, length: Length) -> dict[str, Any]:
    """Return the GPUs and latencies of one system, and the GPUs where 8 of them share a process's queue."""

    def gpus(engines: int) -> tuple[int, Outcome]:
        low = max(1, math.ceil(rate * inputs.photo_gpu_s / engines))
        workers, found = least_workers(
            lambda count: simulate(plan(inputs, rate, count, length, engines=engines)),
            low,
            inputs.objective_p99_s,
        )
        return workers * engines, found

    workers, found = gpus(1)
    return {
        "photos_per_second": rate,
        "gpus": workers,
        "gpus_by_eights": gpus(8)[0],
        "partitions": max(PARTITIONS, workers),
        "busiest": round(found.busy, 3),
        "mean_busy": round(rate * inputs.photo_gpu_s / workers, 3),
        "batch": round(found.batch, 2),
        **{f"p{percent}_s": round(found.percentile(percent), 2) for percent in (50, 95, 99)},
    }


def machines(inputs: Inputs, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one cell needs beside its GPUs."""
    rate = one["photos_per_second"]
    busy, cores = inputs.busy, inputs.cores
    exports_s = inputs.opened_share * sum(inputs.seconds.values())
    roles = {
        "gateway": cores["gateway"],
        "relay": cores["relay"],
        "ledger": cores["ledger"],
        "webhooks": max(cores["webhooks"], inputs.deliveries_a_photo / inputs.deliveries),
        "partners": cores["partners"],
        "export": cores["export"] + exports_s,
    }
    needed = {name: math.ceil(10 * rate * seconds / busy) / 10 for name, seconds in roles.items()}
    replicas = REPLICAS * (3 * one["partitions"] + 4 * PARTITIONS)
    brokers = max(
        REPLICAS,
        # Measured on one broker without replicas: each replica costs as much again, at most.
        math.ceil(rate * REPLICAS * cores["kafka"] / (busy * inputs.broker_cores)),
        math.ceil(replicas / inputs.broker_partitions),
    )
    return {
        "role_cores": needed,
        "brokers": brokers,
        "database_cores": max(2, math.ceil(rate * cores["postgres"] / busy)),
        "ledger_processes": max(1, math.ceil(rate * inputs.events_a_photo / (busy * inputs.ledger_events))),
    }


def bytes_of(inputs: Inputs, rate: float) -> dict[str, float]:
    """Return what accumulates, in GB a day."""
    photos = rate * DAY_S
    s3_mb = inputs.photo_mb + inputs.megabytes["ply"] + inputs.opened_share * _viewer_mb(inputs)
    return {
        "rows_a_day": round(photos * sum(table["rows"] for table in inputs.tables.values())),
        "database_gb_a_day": photos * inputs.row_bytes / GB,
        "wal_gb_a_day": photos * inputs.wal_bytes / GB,
        "kafka_gb_a_day": photos * inputs.log_bytes / GB,
        "s3_gb_a_day": photos * s3_mb / 1000,
    }


def costs(inputs: Inputs, one: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, float]:
    """Return US dollars for 1,000 photos by what they buy, where the rate is held all day."""
    rate = one["photos_per_second"]
    thousand_s = 1000 / rate  # in which 1,000 photos are made
    hours = thousand_s / HOUR_S
    day = bytes_of(inputs, rate)
    days = thousand_s / DAY_S
    viewed = inputs.opened_share * _viewer_mb(inputs)
    kept, rows_kept = inputs.days_kept / MONTH_DAYS, inputs.database_days / MONTH_DAYS
    return {
        "GPUs": one["gpus"] * inputs.gpu_hour * hours,
        "roles": sum(beside["role_cores"].values()) * inputs.core_hour * hours,
        "Kafka": beside["brokers"] * inputs.broker_hour * hours
        + REPLICAS * day["kafka_gb_a_day"] * days * inputs.broker_gb_month * rows_kept,
        "database": beside["database_cores"] * inputs.database_core_hour * hours
        + day["database_gb_a_day"] * days * inputs.database_gb_month * rows_kept,
        "S3": day["s3_gb_a_day"] * days * inputs.s3_gb_month * kept
        + (3 + 2 * inputs.opened_share) * inputs.s3_put_1000
        + (1 + 4 * inputs.opened_share) * inputs.s3_get_1000,
        "egress": 1000 * viewed / 1000 * inputs.egress_gb,
    }


def size(inputs: Inputs, rate: float, length: Length) -> dict[str, Any]:
    """Return everything for a rate; above a cell's rate, so many equal cells."""
    cells = max(1, math.ceil(rate / inputs.cell_rate))
    one = cell(inputs, rate / cells, length)
    beside = machines(inputs, one)
    return {
        "rate": rate,
        "cells": cells,
        "cell": one,
        "beside": beside,
        "all": {"gpus": cells * one["gpus"], "brokers": cells * beside["brokers"]},
        "bytes": {name: round(value, 2) for name, value in bytes_of(inputs, rate).items()},
        "dollars_per_1000": {name: round(value, 4) for name, value in costs(inputs, one, beside).items()},
    }


def limits(inputs: Inputs) -> list[dict[str, Any]]:
    """Return where one system bends, lowest first: photos a second at which a part is as busy as planned."""
    busy, cores = inputs.busy, inputs.cores
    one_core = {name: busy / cores[name] for name in ("gateway", "relay", "ledger")}
    rows = [
        ("12 partitions a topic of commands, one GPU each", PARTITIONS * busy / inputs.photo_gpu_s),
        ("one relay: processor time of full transactions", busy / inputs.relay["processor_s_a_row"]),
        ("one relay: processor time of small transactions", one_core["relay"]),
        ("12 ledger processes, a partition each: processor time of small batches", 12 * one_core["ledger"]),
        (
            "one ledger process: events a second in full batches",
            busy * inputs.ledger_events / inputs.events_a_photo,
        ),
        ("one Postgres: processor time", busy * inputs.database_cores / cores["postgres"]),
        ("one webhooks process", busy * inputs.deliveries / inputs.deliveries_a_photo),
    ]
    return [
        {"part": part, "photos_per_second": round(rate, 1)}
        for part, rate in sorted(rows, key=lambda row: row[1])
    ]


def partitions_table(inputs: Inputs) -> list[dict[str, Any]]:
    """Return what a number of GPUs is worth with 12 partitions: the busiest one limits them all."""
    return [
        {
            "gpus": gpus,
            "largest_share": round(largest_share(gpus, PARTITIONS), 4),
            "photos_per_second": round(1 / inputs.photo_gpu_s / largest_share(gpus, PARTITIONS), 2),
            "of_gpus": round(1 / largest_share(gpus, PARTITIONS) / gpus, 3),
        }
        for gpus in (*range(1, 13), 16, 24)
    ]


def _viewer_mb(inputs: Inputs) -> float:
    """Return the megabytes of the files that an opened scene gets."""
    return inputs.megabytes["spz"] + inputs.megabytes["png"]


def listed(inputs: Inputs) -> dict[str, Any]:
    """Return the inputs for the report."""
    return {name: asdict(one) for name, one in inputs.assumed.items()}
