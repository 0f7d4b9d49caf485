"""Each role's user in Postgres may do what its code does, tried by itself, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from ledger.db import grants

pytestmark = pytest.mark.stack
PASSWORDS = {role: f"password-of-{role}" for role in grants.TABLES}

DENIED = {
    "relay": ["SELECT * FROM users", "INSERT INTO event_log SELECT * FROM event_log", "DELETE FROM users"],
    "webhooks": [
        "SELECT * FROM api_keys",
        "SELECT password_hash FROM users",
        "UPDATE users SET role = 'admin'",
        "DELETE FROM scene_generations",
    ],
    "partners": [
        "SELECT * FROM refresh_tokens",
        "SELECT password_hash FROM users",
        "UPDATE users SET role = 'admin'",
        "DELETE FROM partners",
        "UPDATE scene_generations SET status = 'completed'",
    ],
    "export": [
        "UPDATE scene_generations SET user_id = id",
        "DELETE FROM event_log",
        "SELECT * FROM shares",
        "UPDATE admin_acts SET actor = NULL",
    ],
    "ledger": [
        "SELECT password_hash FROM users",
        "DELETE FROM admin_acts",
        "DELETE FROM event_log",
        "UPDATE usage_logs SET id = id",
    ],
    "gateway": [
        "DELETE FROM event_log",
        "DELETE FROM admin_acts",
        "UPDATE admin_acts SET action = 'nothing'",
        "TRUNCATE admin_acts",
        "SELECT forget_old_events(1, 0, 30, 10)",
        "INSERT INTO usage_logs SELECT * FROM usage_logs",
        "UPDATE projector_offsets SET next_offset = 0 WHERE false; DROP TABLE users",
        "CREATE TABLE mine (number int)",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "COPY users TO '/tmp/stolen'",
    ],
}
ALLOWED = {
    "relay": ["DELETE FROM outbox", "SELECT * FROM migrations"],
    "webhooks": ["SELECT id, is_active FROM users", "DELETE FROM webhook_messages WHERE false",
                 "SELECT FROM webhook_messages FOR UPDATE"],
    "partners": ["SELECT FROM users FOR NO KEY UPDATE", "UPDATE partners SET unreadable_records = 0"],
    "export": ["SELECT FROM scene_generations FOR SHARE", "SELECT * FROM event_log"],
    "ledger": ["CREATE TEMP TABLE mine (number int)", "SELECT * FROM scene_generations FOR NO KEY UPDATE",
               "SELECT forget_old_events(1, 0, 30, 10)"],
    "gateway": ["SELECT password_hash FROM users", "UPDATE users SET role = role", "DELETE FROM shares"],
}  # fmt: skip


@pytest.fixture
async def granted(fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(fresh_database)
    made = await grants.grant(owner, PASSWORDS)
    try:
        yield owner
    finally:
        for name in made:
            await owner.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')
        await owner.close()


async def as_role(owner: asyncpg.Connection, url: str, role: str) -> asyncpg.Connection:
    parts = urlsplit(url)
    name = grants.user(await owner.fetchval("SELECT current_database()"), role)
    at = f"{name}:{PASSWORDS[role]}@{parts.hostname}:{parts.port}"
    return await asyncpg.connect(urlunsplit(parts._replace(netloc=at)))


async def test_each_role_may_do_its_work_and_no_more(
    granted: asyncpg.Connection, fresh_database: str
) -> None:
    outcomes: dict[tuple[str, str], str] = {}
    for role in PASSWORDS:
        connection = await as_role(granted, fresh_database, role)
        for statement in [*ALLOWED[role], *DENIED[role]]:
            try:
                await connection.execute(statement)
                outcomes[role, statement] = "allowed"
            except asyncpg.InsufficientPrivilegeError:
                outcomes[role, statement] = "denied"
        await connection.close()
    expected = {(r, s): "allowed" for r, each in ALLOWED.items() for s in each}
    assert outcomes == expected | {(r, s): "denied" for r, each in DENIED.items() for s in each}


async def test_a_right_that_the_table_lost_is_taken_away(
    granted: asyncpg.Connection, fresh_database: str
) -> None:
    name = grants.user(await granted.fetchval("SELECT current_database()"), "export")
    await granted.execute(f'GRANT DELETE ON event_log TO "{name}"')
    await grants.grant(granted, PASSWORDS)
    connection = await as_role(granted, fresh_database, "export")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM event_log")
    await connection.close()


async def test_without_passwords_there_are_no_users(fresh_database: str) -> None:
    owner = await asyncpg.connect(fresh_database)
    assert await grants.grant(owner, {}) == []
    await owner.close()


async def test_a_role_moves_to_its_second_user_and_the_first_password_is_changed(
    granted: asyncpg.Connection, fresh_database: str
) -> None:
    running = await as_role(granted, fresh_database, "relay")
    second = await grants.grant(granted, PASSWORDS, {"relay": "second"})
    name = f"{grants.user(await granted.fetchval('SELECT current_database()'), 'relay')}{grants.SECOND}"
    assert name in second
    parts = urlsplit(fresh_database)
    at = urlunsplit(parts._replace(netloc=f"{name}:second@{parts.hostname}:{parts.port}"))
    moved = await asyncpg.connect(at)
    await moved.execute("DELETE FROM outbox")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await moved.execute("SELECT * FROM users")
    # Every process has moved; the first user gets a new password, and what is connected stays connected.
    await grants.grant(granted, PASSWORDS | {"relay": "changed"}, {"relay": "second"})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await as_role(granted, fresh_database, "relay")
    await running.execute("DELETE FROM outbox")
    await moved.execute("DELETE FROM outbox")
    await running.close()
    await moved.close()
    # And back: without a second password there is no second user.
    await grants.grant(granted, PASSWORDS)
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(at)
    await (await as_role(granted, fresh_database, "relay")).close()
