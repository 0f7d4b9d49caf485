"""The simulation of capacity against closed forms of queueing theory, and its rules against the code's.

The simulation is compared photo by photo with a recursion of a few lines; the recursion, which is fast, with
the closed form over many photos. Every run has a fixed seed; tolerances are for the length of the run.
"""

from __future__ import annotations

import heapq
import importlib.util
import inspect
import math
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from bus.bridges.relay import Relay
from bus.contract import topics
from inference_consumer import batcher
from inference_consumer.settings import InferenceSettings

FILE = Path(__file__).parents[2] / "benchmarks" / "_capacity_simulation.py"


@pytest.fixture(scope="module")
def capacity() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_capacity_simulation", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses find their module there
    spec.loader.exec_module(module)
    return module


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a customer waits, with ``load`` = rate / rate of one server."""
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


def waits(arrivals: np.ndarray, services: np.ndarray, servers: int) -> np.ndarray:
    """Return how long each customer waits for the first free of some servers, in the order of arrival."""
    free = [0.0] * servers
    found = np.zeros(len(arrivals))
    for number, (at, took) in enumerate(zip(arrivals, services, strict=True)):
        begins = max(at, free[0])
        found[number] = begins - at
        heapq.heapreplace(free, begins + took)
    return found


def poisson(rate: float, count: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


@pytest.mark.parametrize("busy", [0.5, 0.8, 0.95])
def test_one_worker_without_batches_is_m_d_1(capacity, busy):
    """Photo by photo as by recursion; and the recursion is that of Pollaczek and Khinchine."""
    arrivals = poisson(busy, 400_000, seed=3)
    every = waits(arrivals, np.ones(len(arrivals)), 1)
    assert every.mean() == pytest.approx(busy / (2 * (1 - busy)), rel=0.05)
    few = arrivals[:1500]
    plan = capacity.Plan(
        rate=busy, seconds=0, arrivals=few, workers=1, partitions=1, photo_s=1.0, max_in_flight=10**6
    )
    assert capacity.simulate(plan).waited == pytest.approx(every[:1500], abs=1e-6)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (4, 3.0), (10, 8.0)])
def test_the_gateway_with_exponential_times_is_m_m_c(capacity, servers, load):
    """Photo by photo as by recursion; and the recursion is that of Erlang."""
    arrivals, times = poisson(load, 400_000, seed=5), capacity.Exponential(1.0)
    every = waits(arrivals, np.random.default_rng(7).exponential(1.0, len(arrivals)), servers)
    assert every.mean() == pytest.approx(erlang_c(servers, load) / (servers - load), rel=0.05)
    few, seed = arrivals[:1500], 9
    services = times.draw(np.random.default_rng(seed), 1500)
    plan = capacity.Plan(
        rate=load, seconds=0, arrivals=few, workers=1, gateway_slots=servers, gateway=times, seed=seed
    )
    assert capacity.simulate(plan).posted == pytest.approx(waits(few, services, servers) + services, abs=1e-6)


def test_a_shared_queue_waits_less_than_a_queue_each(capacity):
    """M/D/c as by recursion, about half of M/M/c (Lee and Longton); c queues apart wait far longer."""
    servers, load = 6, 4.8
    arrivals = poisson(load, 200_000, seed=11)
    every = waits(arrivals, np.ones(len(arrivals)), servers)
    assert every.mean() == pytest.approx(erlang_c(servers, load) / (servers - load) / 2, rel=0.1)
    plan = {
        "rate": load, "seconds": 0, "arrivals": arrivals[:3000], "photo_s": 1.0, "max_in_flight": 10**6,
    }  # fmt: skip
    shared = capacity.simulate(capacity.Plan(**plan, partitions=1, workers=1, engines=servers)).waited
    assert np.sort(shared) == pytest.approx(np.sort(every[:3000]), abs=1e-6)
    apart = capacity.simulate(capacity.Plan(**plan, workers=servers))
    assert apart.waited.mean() > 4 * shared.mean()


def test_full_batches_set_the_rate(capacity):
    """All photos at once: every batch is full, and a batch takes its base and its photos' time."""
    plan = {
        "rate": 1, "seconds": 0, "workers": 1, "partitions": 1, "batch_s": 0.6, "photo_s": 0.1,
        "max_batch": 4,
    }  # fmt: skip
    run = capacity.simulate(capacity.Plan(**plan, arrivals=[0.0] * 400, max_in_flight=64))
    assert run.batch == 4
    assert run.per_second == pytest.approx(4 / (0.6 + 4 * 0.1))


def test_a_batch_waits_for_photos_that_are_coming_and_no_longer_than_the_limit(capacity):
    plan = {
        "rate": 1, "seconds": 0, "workers": 1, "partitions": 1, "batch_s": 1.0, "max_batch": 2,
        "arrivals": [0.0, 0.05],
    }  # fmt: skip
    quick, slow = capacity.Spread(0.01, 0.01), capacity.Spread(0.1, 0.1)
    # The second photo begins to be fetched when the first is ready: with nothing on its way nothing waits.
    assert capacity.simulate(capacity.Plan(**plan, fetch=quick)).batch == 1
    # It is on its way, but 50 ms away: the batch leaves after 20 ms.
    assert list(capacity.simulate(capacity.Plan(**plan, fetch=slow)).waited) == pytest.approx([0.02, 0.97])
    # With a longer limit they go together.
    together = capacity.simulate(capacity.Plan(**plan, fetch=slow, max_delay_s=0.2))
    assert together.batch == 2
    assert list(together.waited) == pytest.approx([0.05, 0.0])


def test_the_limits_are_those_of_the_code(capacity, monkeypatch):
    plan = capacity.Plan(rate=1, seconds=1, workers=1)
    monkeypatch.delenv("INFERENCE_MAX_DELAY_MS", raising=False)
    monkeypatch.delenv("INFERENCE_MAX_IN_FLIGHT", raising=False)
    settings = InferenceSettings()
    assert capacity.SHARE == batcher.SHARE
    assert (plan.max_delay_s * 1000, plan.max_in_flight) == (settings.max_delay_ms, settings.max_in_flight)
    assert plan.relay_rows == inspect.signature(Relay).parameters["max_rows"].default
    assert plan.partitions == topics.PARTITIONS


def test_results_leave_a_partition_in_order(capacity):
    """A photo whose upload takes long holds up those behind it in its partition, and no other's."""
    arrivals = np.arange(2000) / 20
    plan = {
        "rate": 20, "seconds": 0, "arrivals": arrivals, "workers": 1, "max_in_flight": 10**6,
        "encode": capacity.Spread(0.2, 3.0),
    }  # fmt: skip
    one = capacity.simulate(capacity.Plan(**plan, partitions=1))
    many = capacity.simulate(capacity.Plan(**plan, partitions=1000))
    assert np.all(np.diff(arrivals + one.total) >= -1e-9)
    assert not np.all(np.diff(arrivals + many.total) >= -1e-9)
    assert np.median(one.total) > 3 * np.median(many.total)


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 7, 12, 16])
def test_partitions_are_dealt_out_as_the_group_does(capacity, workers):
    declared = [topics.COMMANDS_BULK, topics.COMMANDS_INTERACTIVE, *topics.GENERATION_RETRIES]
    counts = {topic.name: topic.partitions for topic in declared}
    cluster = SimpleNamespace(partitions_for_topic=lambda name: set(range(counts[name])))
    names = [f"worker-{number:02}" for number in range(workers)]
    members = {name: SimpleNamespace(subscription=list(counts)) for name in names}
    dealt = RoundRobinPartitionAssignor.assign(cluster, members)
    owner = {
        partition: names.index(name)
        for name, assignment in dealt.items()
        for topic, partitions in assignment.assignment
        if topic == topics.COMMANDS_INTERACTIVE.name
        for partition in partitions
    }
    ours = capacity.owners(workers, topics.PARTITIONS, before=topics.COMMANDS_BULK.partitions)
    assert ours == [owner[partition] for partition in range(topics.PARTITIONS)]
    share = max(ours.count(worker) for worker in range(workers)) / topics.PARTITIONS
    assert share == capacity.largest_share(workers, topics.PARTITIONS)


def test_five_workers_are_worth_four(capacity):
    """12 partitions on five: one has three of them, as each of four has."""
    assert capacity.largest_share(5, 12) == capacity.largest_share(4, 12) == 0.25
    runs = [
        capacity.simulate(
            capacity.Plan(rate=10, seconds=0, arrivals=[0.0] * 3000, workers=workers, photo_s=1.0)
        )
        for workers in (4, 5)
    ]
    assert runs[1].per_second == pytest.approx(runs[0].per_second, rel=0.05)


def test_the_same_seed_gives_the_same_run(capacity):
    plan = {"rate": 5, "seconds": 50, "workers": 3, "photo_s": 0.4, "hop": capacity.Spread(0.01, 0.05)}
    first, again, other = (capacity.simulate(capacity.Plan(**plan, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.total, again.total)
    assert not np.array_equal(first.total, other.total)


def test_a_spread_has_the_percentiles_that_were_measured(capacity):
    drawn = capacity.Spread(0.015, 0.046).draw(np.random.default_rng(1), 200_000)
    assert np.percentile(drawn, [50, 99]) == pytest.approx([0.015, 0.046], rel=0.03)
    assert not capacity.Spread().draw(np.random.default_rng(1), 3).any()
