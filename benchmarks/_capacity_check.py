"""Compares the simulation with the real system: the same arrivals, stage times of the same machine.

The stage times come from photos sent one by one, when nothing waits. Where a photo goes is random in both, so
the simulation is repeated with many seeds, and its answer is a range.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from _capacity_run import Case, Measured, Workers, arrivals_of, send, stack_of
from _capacity_simulation import Plan, Spread, simulate

SEEDS = range(1, 41)
PASSED_OVER = 12
"""Photos sent one by one after workers were added: the group deals out its partitions, producers open."""
RANGE = (5, 95)
"""Percentiles over the seeds."""


@dataclass(frozen=True)
class Calibration:
    """Stage times of one machine, when nothing waits."""

    gateway: Spread
    hop: Spread
    fetch: Spread
    encode: Spread
    event: Spread
    batch_s: float
    """A batch of the null model as measured: sleeping takes longer on a busy machine."""
    stretch: Spread = field(default_factory=lambda: Spread(1.0, 1.0))
    """How much longer than that, in the run itself."""


def calibrate(measured: Measured) -> Calibration:
    """Read the stage times from photos that were alone in the system."""
    at = measured.stages
    known = ("post_ms", "queued_ms", "fetch_ms", "decode_ms", "batch_wait_ms", "inference_ms")
    rest = at["total_ms"] - sum(at[name] for name in (*known, "encode_ms", "upload_ms"))
    return Calibration(
        gateway=_spread(at["post_ms"]),
        hop=_spread(at["queued_ms"]),
        fetch=_spread(at["fetch_ms"] + at["decode_ms"]),
        encode=_spread(at["encode_ms"] + at["upload_ms"]),
        event=_spread(np.maximum(rest, 0.001)),
        batch_s=float(np.median(at["inference_ms"])),
    )


def afterwards(before: Calibration, run: Mapping[str, Mapping[str, float]]) -> Calibration:
    """Return the stage times of the run itself, by stage p50 and p99, where they hold no waiting."""
    both = {name: Spread(**found) for name, found in run.items()}
    batch = both["inference_ms"]
    return replace(
        before,
        gateway=both["post_ms"],
        fetch=_sum(both["fetch_ms"], both["decode_ms"]),
        encode=_sum(both["encode_ms"], both["upload_ms"]),
        event=both["event_ms"],
        batch_s=batch.p50,
        stretch=Spread(1.0, batch.p99 / batch.p50),
    )


def predict(case: Case, arrivals: Sequence[float], times: Calibration) -> dict[str, list[float]]:
    """Return p50, p99 and photos a second by simulation: the middle and the range over the seeds."""
    stages = {
        name: getattr(times, name) for name in ("gateway", "hop", "fetch", "encode", "event", "stretch")
    }
    runs = [
        simulate(
            Plan(
                rate=case.rate,
                seconds=0,
                arrivals=arrivals,
                workers=case.workers,
                batch_s=times.batch_s,
                max_batch=case.max_batch,
                seed=seed,
                **stages,
            )
        )
        for seed in SEEDS
    ]
    figures = {
        "p50_s": [run.percentile(50) for run in runs],
        "p99_s": [run.percentile(99) for run in runs],
        "per_second": [run.per_second for run in runs],
    }
    return {
        name: [round(float(np.percentile(found, percent)), 3) for percent in (50, *RANGE)]
        for name, found in figures.items()
    }


def check(cases: Sequence[Case], seconds: float, alone: int, seed: int) -> Iterator[dict[str, Any]]:
    """Run the cases on the real system and predict each; those of one engine share a stack."""
    engines = dict.fromkeys((case.batch_s, case.max_batch) for case in cases)
    for engine in engines:
        alike = sorted(
            (case for case in cases if (case.batch_s, case.max_batch) == engine), key=lambda one: one.workers
        )
        with stack_of(alike[0]) as stack, Workers(stack, alike[0]) as workers:
            send(stack, arrivals_of(4, 10, seed))  # connections, caches, first compilations
            for case in alike:
                workers.grow(case.workers)
                send(stack, None, PASSED_OVER)
                times = calibrate(send(stack, None, alone))
                measured = send(stack, arrivals_of(case.rate, seconds, seed))
                stages = {name: asdict(_spread(found)) for name, found in measured.stages.items()}
                row = {
                    "case": asdict(case),
                    "photos": len(measured.total),
                    "failures": measured.failures,
                    "calibration": asdict(times),
                    "predicted": predict(case, measured.arrivals, times),
                    "afterwards": predict(case, measured.arrivals, afterwards(times, stages)),
                    "measured": {
                        "p50_s": round(float(np.percentile(measured.total, 50)), 3),
                        "p99_s": round(float(np.percentile(measured.total, 99)), 3),
                        "per_second": round(measured.per_second, 3),
                    },
                    "stages": stages,
                }
                print(row, file=sys.stderr, flush=True)
                yield row


def _sum(*found: Spread) -> Spread:
    return Spread(sum(one.p50 for one in found), sum(one.p99 for one in found))


def _spread(seconds: np.ndarray) -> Spread:
    return Spread(*(round(float(np.percentile(seconds, percent)), 5) for percent in (50, 99)))
