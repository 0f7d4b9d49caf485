"""A scene over HTTP: waiting, export, cancellation and deletion, and the invariants afterwards."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from bus.contract import topics
from ledger import invariants, rebuild
from tests.e2e import photos
from tests.e2e.running import Running

pytestmark = [pytest.mark.stack, pytest.mark.kill]


def looked_at(urls: list[str]) -> list[int]:
    """Return the status of each presigned URL, fetched as a browser does."""
    return [httpx.get(url).status_code for url in urls]


async def check_invariants(running: Running) -> None:
    """Check that a rebuild from the log gives the same rows, and that every invariant holds."""
    bucket = running.credentials["s3"]["bucket"]
    connection = await asyncpg.connect(running.credentials["database_url"])
    try:
        result = await rebuild.compare(connection, running.kafka(), bucket=bucket)
        assert result.differences == []
        assert await invariants.check(connection) == []
    finally:
        await connection.close()


def public_urls(running: Running, client: httpx.Client, job: str) -> list[str]:
    """Wait for the preview and viewer files, share the scene, fetch it anonymously; return the URLs."""
    scene = running.wait(
        lambda: client.get(f"/scenes/{job}", params={"views": "true"}).json(),
        lambda s: s["preview_url"] and s["viewer_url"],
    )
    assert client.get("/scenes", params={"q": scene["name"][:5].upper()}).json()["items"][0]["id"] == job
    shared = client.post(f"/scenes/{job}/shares", json={}).json()
    strange = httpx.get(f"{str(client.base_url).rstrip('/')}/shared/{shared['token']}")
    assert strange.status_code == 200, strange.text
    origin, shown = {"Origin": "https://page.example.com"}, []
    for name, begin in (("preview_url", b"\x89PNG"), ("viewer_url", b"\x1f\x8b")):
        for body in (scene, strange.json()):
            answer = httpx.get(body[name], headers=origin)
            assert (answer.status_code, answer.content[: len(begin)]) == (200, begin)
            assert answer.headers["access-control-allow-origin"] in {"*", origin["Origin"]}
        shown.append(scene[name])
    assert len(answer.content) < 5_000_000  # of 200,000 Gaussians
    # Made without an event or a charge for the account.
    listed = client.get("/events", params={"after": "0", "limit": 500}).json()["events"]
    assert not [event for event in listed if event["type"].startswith("export.") and job in str(event)]
    assert client.get(f"/scenes/{job}/exports").json()["items"] == []
    return [*shown, made_again(running, client, job)]


def made_again(running: Running, client: httpx.Client, job: str) -> str:
    """Backfill a format for all scenes twice, as an operator does; return the URL of the one file."""
    command = ("exports", "backfill", "--format", "splat", "--since", "2026-01-01", "--json")
    first, second = [json.loads(running.cli(*command).stdout) for _ in range(2)]
    assert (first["ordered"] >= 1, second["ordered"]) == (True, 0), (first, second)
    (item,) = running.wait(
        lambda: client.get(f"/scenes/{job}/exports").json()["items"],
        lambda items: [item["status"] for item in items] == ["completed"],
    )
    asked = client.post(f"/scenes/{job}/export", json={"format": "SPLAT"}).json()
    assert (asked["export_id"], asked["status"]) == (item["id"], "completed")
    return str(item["export_file_url"])


@pytest.mark.drill
async def test_a_scene_is_exported_and_deleted_although_processes_are_killed(
    running: Running, tmp_path: Path
) -> None:
    job = running.generate(photos.landscape(tmp_path))
    with running.client() as client:
        answer = client.get(f"/scenes/{job}", headers={"Prefer": "wait=25"})
        assert (answer.json()["status"], answer.headers["preference-applied"]) == ("completed", "wait=25")
        scene = answer.json()
        assert scene["timings"]["total_ms"] >= scene["timings"]["inference_ms"] > 0
        urls = [scene["original_image_url"], scene["generated_3d_gaussian_url"]]
        assert looked_at(urls) == [200, 200]

        urls += [*public_urls(running, client, job)]

        answer = client.post(f"/scenes/{job}/export", json={"format": "GLTF"})
        assert answer.status_code == 202, answer.text
        export = f"/exports/{answer.json()['export_id']}"
        ended = {"completed", "failed"}
        seen = running.wait(lambda: client.get(export).json(), lambda found: found["status"] in ended)
        assert seen["status"] == "completed", seen
        assert looked_at([seen["export_file_url"]]) == [200]

        store = running.pid("s3")
        os.kill(store, signal.SIGSTOP)  # so that the objects are not deleted before the gateway is killed
        try:
            assert client.delete(f"/scenes/{job}").status_code == 204
            gateway = running.kill("gateway")
        finally:
            os.kill(store, signal.SIGCONT)
    running.wait_for_restart("gateway", gateway)
    with running.client() as client:
        for path in (f"/scenes/{job}", f"/scenes/{job}/events", export):
            assert client.get(path).status_code == 404
    await running.fetch("UPDATE blob_removals SET due_at = now()")  # saves a minute's wait
    running.wait(lambda: looked_at(urls), lambda found: found == [404] * len(urls))
    deleted = "SELECT count(*) FROM event_log WHERE subject = $1 AND type = 'generation.deleted.v1'"
    for _ in range(200):
        if (await running.fetch(deleted, UUID(job)))[0][0]:
            break
    types = [event.type for event in await running.messages(topics.EVENTS) if event.subject == job]
    assert types == ["generation.requested.v1", "generation.completed.v1", "generation.deleted.v1"]
    assert await running.usage_rows(job) >= 1
    await check_invariants(running)


async def test_a_job_is_cancelled_before_a_worker_takes_it(running: Running, tmp_path: Path) -> None:
    photo = photos.landscape(tmp_path)
    worker = running.pid("inference")
    os.kill(worker, signal.SIGSTOP)
    try:
        jobs = [running.generate(photo) for _ in range(3)]
        assert running.scene(jobs[2])["queue"]["position"] >= 1
        with running.client() as client:
            answers = [client.post(f"/scenes/{jobs[1]}/cancel") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [202, 202]
        # The cancel request must be in Kafka before the worker resumes, or it may come too late.
        await wait_for_cancel_request(running, jobs[1])
    finally:
        os.kill(worker, signal.SIGCONT)
    running.wait_for_scene(jobs[1], "cancelled")
    for job in (jobs[0], jobs[2]):
        running.wait_for_scene(job)
    assert [await running.endings(job) for job in jobs] == [
        ["generation.completed.v1"], ["generation.cancelled.v1"], ["generation.completed.v1"],
    ]  # fmt: skip
    with running.client() as client:
        answer = client.post(f"/scenes/{jobs[1]}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "scene_ended")
    await check_invariants(running)


async def wait_for_cancel_request(running: Running, job: str) -> None:
    for _ in range(200):
        requests = await running.messages(topics.CANCELLATIONS)
        if job in {str(request.message.generation_id) for request in requests}:
            return
    pytest.fail("the wish never came")
