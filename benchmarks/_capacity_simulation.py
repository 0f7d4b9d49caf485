"""A discrete-event simulation of the path of photos: gateway, relay, partitions, workers with their batches.

One system on machines of its own: stations do not take processor time from each other. A photo goes to a
partition at random, as the hash of its id sends it; a partition belongs to one worker, by the rule of the
consumers' group. So each worker has a queue of its own, and one may be full while another is idle. Priorities
and preemption are left out: every photo is interactive. Everything random comes from one seed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import simpy

Steps = Generator[simpy.Event, Any, None]
Z99 = 2.3263478740408408
"""How many standard deviations the 99th percentile of a normal distribution lies above its middle."""


SHARE = 0.25
"""As in `inference_consumer.batcher`: the longest wait for one more photo, of the batch's running time."""


class Times(Protocol):
    """Durations of one step, in seconds."""

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Spread:
    """A log-normal distribution given by what was measured: its median and its 99th percentile."""

    p50: float = 0.0
    p99: float = 0.0

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        if self.p50 <= 0:
            return np.zeros(count)
        sigma = max(0.0, np.log(self.p99 / self.p50) / Z99)
        return rng.lognormal(np.log(self.p50), sigma, count)


@dataclass(frozen=True)
class Exponential:
    """For the comparison with closed forms."""

    mean: float

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return rng.exponential(self.mean, count)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is simulated. A batch of ``n`` photos takes ``batch_s + n * photo_s`` times ``stretch``.

    ``arrivals``: seconds at which photos come; None draws a Poisson stream of ``rate`` for ``seconds``.
    ``engines``: accelerators of a worker that share its queue; the service's workers have one each.
    """

    rate: float
    seconds: float
    workers: int
    partitions: int = 12
    warm_up: float = 0.0
    seed: int = 1
    arrivals: Sequence[float] | None = None
    engines: int = 1
    batch_s: float = 0.0
    photo_s: float = 0.0
    stretch: Times = field(default_factory=lambda: Spread(1.0, 1.0))
    max_batch: int = 1
    max_delay_s: float = 0.02
    max_in_flight: int = 16
    gateway_slots: int = 1_000_000
    gateway: Times = field(default_factory=Spread)
    relay_transaction_s: float = 0.0
    relay_row_s: float = 0.0
    relay_rows: int = 500
    hop: Times = field(default_factory=Spread)
    fetch: Times = field(default_factory=Spread)
    encode: Times = field(default_factory=Spread)
    event: Times = field(default_factory=Spread)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it: seconds of each photo after the warm-up, in the order of arrival."""

    total: np.ndarray
    posted: np.ndarray
    waited: np.ndarray
    """For the accelerator: from being decoded to the beginning of its batch."""
    per_second: float
    batch: float
    busy: float
    """The share of the time in which the busiest worker's accelerator works."""

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.total, percent))


def owners(workers: int, partitions: int, *, before: int = 0) -> list[int]:
    """Return each partition's worker: topics in order of name, partitions dealt out in turn.

    ``before``: partitions of topics whose names come earlier, bulk's before interactive's.
    """
    return [(before + number) % workers for number in range(partitions)]


def largest_share(workers: int, partitions: int) -> float:
    """Return the part of the photos that the worker with the most partitions gets."""
    return -(-partitions // workers) / partitions


class _Worker:
    """One process: limited photos in flight, and the rule of `inference_consumer.batcher` for batches."""

    def __init__(self, env: simpy.Environment, plan: Plan, stretch: Iterator[float]) -> None:
        self.env, self.plan, self._stretch = env, plan, stretch
        self.slots = simpy.Resource(env, plan.max_in_flight * plan.engines)
        self.waiting: list[tuple[float, simpy.Event]] = []
        self.coming = 0
        self.busy, self.batches, self.photos = 0.0, 0, 0
        self._changed = env.event()
        for _ in range(plan.engines):
            env.process(self._serve())

    def put(self) -> simpy.Event:
        """Queue a photo; the event's value is when its batch began."""
        done = self.env.event()
        self.waiting.append((self.env.now, done))
        self.change()
        return done

    def change(self) -> None:
        if not self._changed.triggered:
            self._changed.succeed()

    def seconds(self, size: int) -> float:
        return self.plan.batch_s + size * self.plan.photo_s

    def _wait_s(self) -> float:
        size = min(len(self.waiting), self.plan.max_batch)
        if size == self.plan.max_batch or self.coming == 0:
            return 0.0
        most = min(self.plan.max_delay_s, SHARE * self.seconds(size))
        return self.waiting[0][0] + most - self.env.now

    def _serve(self) -> Steps:
        while True:
            if not self.waiting or (left := self._wait_s()) > 1e-9:
                if self._changed.triggered:
                    self._changed = self.env.event()
                    continue
                due = [self.env.timeout(left)] if self.waiting else []
                yield self.env.any_of([self._changed, *due])
                continue
            batch, self.waiting = self.waiting[: self.plan.max_batch], self.waiting[self.plan.max_batch :]
            began, took = self.env.now, self.seconds(len(batch)) * next(self._stretch)
            self.busy += took
            self.batches += 1
            self.photos += len(batch)
            yield self.env.timeout(took)
            for _, done in batch:
                done.succeed(began)


class _Relay:
    """Publishes all rows that wait, 500 at most, in one transaction after another."""

    def __init__(self, env: simpy.Environment, plan: Plan) -> None:
        self.env, self.plan = env, plan
        self.rows: list[simpy.Event] = []
        self._wake = env.event()
        env.process(self._carry())

    def put(self) -> simpy.Event:
        row = self.env.event()
        self.rows.append(row)
        if not self._wake.triggered:
            self._wake.succeed()
        return row

    def _carry(self) -> Steps:
        while True:
            if not self.rows:
                self._wake = self.env.event()
                yield self._wake
            batch, self.rows = self.rows[: self.plan.relay_rows], self.rows[self.plan.relay_rows :]
            yield self.env.timeout(self.plan.relay_transaction_s + len(batch) * self.plan.relay_row_s)
            for row in batch:
                row.succeed()


def simulate(plan: Plan) -> Outcome:
    """Run a plan until its last photo is done."""
    rng = np.random.default_rng(plan.seed)
    if plan.arrivals is None:
        gaps = rng.exponential(1 / plan.rate, round(plan.rate * plan.seconds))
        arrivals = np.cumsum(gaps)
    else:
        arrivals = np.asarray(plan.arrivals, float)
    count = len(arrivals)
    drawn = {
        name: getattr(plan, name).draw(rng, count) for name in ("gateway", "hop", "fetch", "encode", "event")
    }
    chosen = rng.integers(0, plan.partitions, count)
    stretch = iter(plan.stretch.draw(rng, count))  # one a batch, in the order in which batches begin
    env = simpy.Environment()
    gateway, relay = simpy.Resource(env, plan.gateway_slots), _Relay(env, plan)
    workers = [_Worker(env, plan, stretch) for _ in range(plan.workers)]
    owner = owners(plan.workers, plan.partitions)
    last: list[simpy.Event | None] = [None] * plan.partitions
    posted, waited, ended = np.zeros(count), np.zeros(count), np.zeros(count)

    def photo(number: int) -> Steps:
        with gateway.request() as slot:
            yield slot
            yield env.timeout(drawn["gateway"][number])
        posted[number] = env.now
        yield relay.put()
        yield env.timeout(drawn["hop"][number])
        partition = int(chosen[number])
        before, last[partition] = last[partition], env.event()
        mine = last[partition]
        worker = workers[owner[partition]]
        with worker.slots.request() as slot:
            yield slot
            worker.coming += 1
            yield env.timeout(drawn["fetch"][number])
            worker.coming -= 1
            ready = env.now
            waited[number] = (yield worker.put()) - ready
            yield env.timeout(drawn["encode"][number])
        # Results are committed in the order of the partition.
        if before is not None and not before.processed:
            yield before
        mine.succeed()
        yield env.timeout(drawn["event"][number])
        ended[number] = env.now

    def come() -> Steps:
        for number, at in enumerate(arrivals):
            if at > env.now:
                yield env.timeout(at - env.now)
            env.process(photo(number))

    env.process(come())
    env.run()
    kept = arrivals >= plan.warm_up
    length = float(ended.max()) if count else 0.0
    return Outcome(
        total=(ended - arrivals)[kept],
        posted=(posted - arrivals)[kept],
        waited=waited[kept],
        per_second=count / length,
        batch=sum(w.photos for w in workers) / max(1, sum(w.batches for w in workers)),
        busy=max(w.busy for w in workers) / length / plan.engines,
    )
