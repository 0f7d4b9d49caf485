"""The rights of each role's user in Postgres are those that its code needs."""

from __future__ import annotations

from ledger.db.grants import CREDENTIALS, LOCKS, SECRET_COLUMNS, TABLES
from tests.architecture.role_grants import FILE, grants, text
from tests.architecture.table_writers import tables


def test_the_grants_are_those_of_the_code() -> None:
    assert FILE.read_text() == text(), "python -m tests.architecture.role_grants"


def test_they_are_few() -> None:
    now = grants()
    assert set(now) == set(LOCKS) == set(TABLES)
    assert set(now["relay"]) == {"outbox", "relay_lease"}
    for role in set(now) - {"gateway"}:
        assert not {"users", "api_keys", "refresh_tokens", "shares"} & set(now[role]), role
        assert "migrations" not in now[role]
    writers_of_history = {role for role, of in now.items() if "event_log" in of or "usage_logs" in of}
    assert writers_of_history == {"ledger"}
    assert tables() >= CREDENTIALS | set(SECRET_COLUMNS) | {t for of in LOCKS.values() for t in of}
