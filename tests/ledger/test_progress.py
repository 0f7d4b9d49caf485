"""Progress moves a pending generation to `processing`, and changes no ended one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector, RawRecord
from bus.contract import topics
from bus.contract.messages import GenerationProgress, GenerationStarted, Stage
from ledger import progress
from ledger.batch_writer import Intake
from tests.ledger.story import EPOCH, Story, rows_read


@pytest.fixture
def follower(pool: asyncpg.Pool) -> Projector:
    intake = Intake(topics.PROGRESS, projector=progress.PROJECTOR, epoch=EPOCH, write=progress.write)
    return Projector(pool, name=progress.PROJECTOR, epoch=EPOCH, apply=intake.apply)


@pytest.fixture
def worker(story: Story) -> Story:
    """The same account, on the progress topic."""
    return replace(story, topic=topics.PROGRESS, published=[])


def started(worker: Story, generation: UUID, attempt: int = 1) -> RawRecord:
    message = GenerationStarted(
        generation_id=generation, account_id=worker.account, worker="w1", attempt=attempt
    )
    return worker.append(message, event_id=uuid4())


async def status(connection: asyncpg.Connection, generation: UUID) -> tuple[str, ...]:
    query = "SELECT status, updated_at FROM scene_generations WHERE id = $1"
    return tuple(await connection.fetchrow(query, generation))


async def test_started_moves_a_pending_generation(
    ledger: Projector, follower: Projector, story: Story, worker: Story, connection: asyncpg.Connection
) -> None:
    waiting, other = uuid4(), uuid4()
    await ledger.project([story.requested(waiting), story.requested(other)])
    worker.clock = story.clock
    stage = GenerationProgress(
        generation_id=waiting, account_id=worker.account, stage=Stage.DECODE, fraction=0.1
    )
    await follower.project([started(worker, waiting), worker.append(stage), started(worker, waiting, 2)])
    state, at = await status(connection, waiting)
    assert (state, at) == ("processing", worker.published[0].timestamp)
    assert (await status(connection, other))[0] == "pending"


@pytest.mark.parametrize("ending", ["completed", "failed", "cancelled"])
async def test_started_after_the_ending_changes_nothing(
    ledger: Projector,
    follower: Projector,
    story: Story,
    worker: Story,
    connection: asyncpg.Connection,
    ending: str,
) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation), getattr(story, ending)(generation)])
    before = await status(connection, generation)
    assert before[0] == ending
    await follower.project([started(worker, generation)])
    assert await status(connection, generation) == before


async def test_an_ending_follows_processing(
    ledger: Projector, follower: Projector, story: Story, worker: Story, connection: asyncpg.Connection
) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation)])
    await follower.project([started(worker, generation)])
    await ledger.project([story.completed(generation)])
    assert (await status(connection, generation))[0] == "completed"


async def test_started_without_a_row_is_ignored(
    follower: Projector, worker: Story, connection: asyncpg.Connection
) -> None:
    await follower.project([started(worker, uuid4())])
    assert await connection.fetchval("SELECT count(*) FROM scene_generations") == 0


FILL = """
INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,
                               created_at, updated_at)
SELECT gen_random_uuid(), $1, 's3://b/o', $2, 'interactive', '{}', now(), now()
FROM generate_series(1, 5000)"""


async def test_a_batch_reads_only_its_own_rows(
    ledger: Projector, follower: Projector, story: Story, worker: Story, pool: asyncpg.Pool
) -> None:
    """Postgres' statistics say that none is in flight, as when a flood follows a quiet time."""
    await pool.execute("ALTER TABLE scene_generations SET (autovacuum_enabled = off)")
    await pool.execute(FILL, story.account, "completed")
    await pool.execute("ANALYZE scene_generations")
    await pool.execute(FILL, story.account, "pending")
    generation = uuid4()
    await ledger.project([story.requested(generation)])
    before = await rows_read(pool, "scene_generations")
    await follower.project([started(worker, generation)])
    await ledger.project([story.completed(generation)])
    assert await rows_read(pool, "scene_generations") - before < 100
