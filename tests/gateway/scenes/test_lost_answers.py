"""Postgres commits a job and its answer never arrives: the job keeps its photo, a repeat finds the job."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from gateway.operations.dead_letters import DeadLetterStore
from gateway.scenes import accept_generation
from tests.gateway.operations.test_dead_letters import URL as DEAD_LETTERS
from tests.gateway.operations.test_dead_letters import admin, dead  # noqa: F401  (fixtures)
from tests.gateway.pictures import encoded

pytestmark = pytest.mark.stack

PHOTO = encoded("JPEG")
LOST = [asyncpg.ConnectionDoesNotExistError("lost"), ConnectionResetError(), asyncio.CancelledError()]
IDS = ["connection closed", "connection reset", "cancelled"]


def losing(call, error: BaseException):
    """Return ``call`` whose answer is lost, as the connection's outermost edge would lose it."""

    async def lost(*arguments, **options):
        await call(*arguments, **options)
        raise error

    return lost


@pytest.mark.parametrize("error", LOST, ids=IDS)
async def test_an_accepted_job_keeps_its_photo_though_the_answer_is_lost(
    api, key, monkeypatch, error
) -> None:
    headers = key | {"Idempotency-Key": "k"}
    with monkeypatch.context() as patched:
        patched.setattr(accept_generation, "accept", losing(accept_generation.accept, error))
        try:
            answer = await api.generate(headers, PHOTO)
        except asyncio.CancelledError:
            pass
        else:
            assert answer.status_code == 503
    again = await api.generate(headers, PHOTO)
    assert again.status_code == 202, again.text
    [row] = await api.sql("SELECT id FROM scene_generations")
    assert str(row["id"]) == again.json()["generation_id"]
    assert len(await api.services.blobs.keys(f"originals/{row['id']}/")) == 1


@pytest.mark.parametrize("error", LOST[:2], ids=IDS[:2])
async def test_a_redriven_job_keeps_its_photo_though_the_answer_is_lost(
    api,
    admin,  # noqa: F811
    dead,  # noqa: F811
    monkeypatch,
    error,
) -> None:
    letter, old = dead
    with monkeypatch.context() as patched:
        patched.setattr(DeadLetterStore, "redrive", losing(DeadLetterStore.redrive, error))
        answer = await api.client.post(f"{DEAD_LETTERS}/{letter}/redrive", headers=admin)
        assert answer.status_code == 503
    fresh = UUID((await api.client.get(f"{DEAD_LETTERS}/{letter}", headers=admin)).json()["redriven_as"])
    assert fresh != old.generation_id
    assert len(await api.services.blobs.keys(f"originals/{fresh}/")) == 1
