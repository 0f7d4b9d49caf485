"""A migrated database, an account in it with its events, and the ledger's projector."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from pydantic import SecretStr

from bus.bridges.projector import Projector
from bus.contract import topics
from bus.runtime.settings import DatabaseSettings
from ledger.batch_writer import Intake
from ledger.db import database
from ledger.projection import PROJECTOR, EventProjection
from tests.ledger.story import BUCKET, EPOCH, Story, add_user


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    settings = DatabaseSettings(url=SecretStr(fresh_database), pool_size=4)
    async with database.open_pool(settings, role="tests") as pool:
        yield pool


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
async def shared(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the database that tests share: they use ids of their own and count no rows."""
    settings = DatabaseSettings(url=SecretStr(database_url), pool_size=1)
    async with database.open_pool(settings, role="tests") as pool, pool.acquire() as connection:
        yield connection


@pytest.fixture
async def story(connection: asyncpg.Connection) -> Story:
    """The events of an account with a row; all go to partition 3."""
    return Story(await add_user(connection))


@pytest.fixture
def ledger(pool: asyncpg.Pool) -> Projector:
    """The projector of the events topic, without Kafka in front."""
    write = EventProjection(epoch=EPOCH, bucket=BUCKET).write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=EPOCH, write=write)
    return Projector(pool, name=PROJECTOR, epoch=EPOCH, apply=intake.apply)
