"""Each guarantee of the design while the processes that it depends on are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bus.contract import topics
from bus.kafka import broker
from tests.e2e import photos
from tests.e2e.running import Running
from tests.e2e.system import System

pytestmark = [pytest.mark.stack, pytest.mark.kill]


async def check_published_once(system: System, generation_id: str) -> None:
    """Check for one terminal event in Kafka, one usage row, and one completed generation row."""
    assert await system.endings(generation_id) == ["generation.completed.v1"]
    system.wait(lambda: system.scene(generation_id)["status"], lambda status: status == "completed")
    assert await system.usage_rows(generation_id) == 1


async def test_jobs_of_a_killed_inference_worker_are_completed_once(running: Running, tmp_path: Path) -> None:
    photo = photos.landscape(tmp_path)
    worker, store = running.pid("inference"), running.pid("s3")
    os.kill(worker, signal.SIGSTOP)
    jobs = [running.generate(photo) for _ in range(4)]
    os.kill(store, signal.SIGSTOP)  # so that the worker takes the jobs and gets no further than fetching
    try:
        os.kill(worker, signal.SIGCONT)
        while not await running.all_started(jobs):
            pass
        os.kill(worker, signal.SIGKILL)
        assert [await running.endings(job) for job in jobs] == [[]] * len(jobs)
    finally:
        os.kill(store, signal.SIGCONT)
    running.wait_for_restart("inference", worker)
    for job in jobs:
        running.wait_for_scene(job)
        await check_published_once(running, job)


async def test_requests_are_accepted_while_kafka_is_down(running: Running, tmp_path: Path) -> None:
    photo = photos.landscape(tmp_path)
    assert running.cli("stack", "stop", "kafka").returncode == 0
    try:
        jobs = [running.generate(photo) for _ in range(3)]
        assert {running.scene(job)["status"] for job in jobs} == {"pending"}
    finally:
        assert running.cli("stack", "start", "kafka").returncode == 0
    for job in jobs:
        running.wait_for_scene(job)
        await check_published_once(running, job)


@pytest.mark.parametrize("role", ["relay", "ledger", "gateway", "kafka", "postgres", "s3"])
async def test_killing_a_role_loses_and_repeats_nothing(running: Running, tmp_path: Path, role: str) -> None:
    photo = photos.landscape(tmp_path)
    jobs = [running.generate(photo) for _ in range(3)]
    old = running.kill(role)
    running.wait_for_restart(role, old)
    running.wait_until_ready()
    jobs.append(running.generate(photo))
    for job in jobs:
        running.wait_for_scene(job)
        await check_published_once(running, job)


async def test_duplicate_delivery_of_every_event_changes_nothing(system: System, tmp_path: Path) -> None:
    job = system.generate(photos.landscape(tmp_path))
    system.wait_for_scene(job)
    projected = "SELECT id, status, metadata::text, updated_at FROM scene_generations ORDER BY id"
    usage = "SELECT * FROM usage_logs ORDER BY id"
    before = [await system.fetch(projected), await system.fetch(usage)]
    events = await system.records()
    producer = broker.producer(system.kafka(), client_id="tests")
    await producer.start()
    try:
        for record in events:
            await producer.send_and_wait(
                topics.EVENTS.name, record.value, key=record.key, headers=list(record.headers)
            )
    finally:
        await producer.stop()
    # The ledger has read the copies once a job sent after them is completed.
    later = system.generate(photos.landscape(tmp_path))
    system.wait_for_scene(later)
    after = [
        [row for row in await system.fetch(projected) if str(row["id"]) != later],
        [row for row in await system.fetch(usage) if later not in str(row["details"])],
    ]
    assert after == before


@pytest.mark.drill
async def test_a_power_cut_loses_nothing(running: Running, tmp_path: Path) -> None:
    jobs = [running.generate(photos.landscape(tmp_path)) for _ in range(3)]
    running.power_cut()
    running.up()
    for job in jobs:
        running.wait_for_scene(job)
        await check_published_once(running, job)
