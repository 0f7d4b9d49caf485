"""Paged lists: no row is skipped or repeated while rows are added and deleted between the pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.scenes import scene_list
from gateway.scenes.repository import Scenes
from gateway.scenes.scene_list import Sort, Wanted
from tests.gateway.rows import put_scene
from tests.ledger.story import add_user

SCENES = "/api/v1/scenes"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_INSERT = """
INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata, created_at,
    updated_at, result_blob) VALUES ($1, $2, 's3://b/k', $3, $4, $6, $5, $5, $7)"""

# A few times, a microsecond apart, so that most rows share theirs with others.
row = st.tuples(
    st.uuids(),
    st.sampled_from(["pending", "completed"]),
    st.sampled_from(["interactive", "bulk"]),
    st.integers(0, 4).map(lambda n: NOON + timedelta(microseconds=n)),
)
change = st.one_of(st.tuples(st.just("add"), row), st.tuples(st.just("delete"), st.integers(0, 30)))
moment = st.one_of(st.none(), st.integers(-1, 5).map(lambda n: NOON + timedelta(microseconds=n)))


@pytest.fixture
async def pool(fresh_database):
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        yield pool


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(row, max_size=25, unique_by=lambda r: r[0]),
    between=st.lists(st.lists(change, max_size=4), max_size=30),
    limit=st.integers(1, 7),
    status=st.sampled_from([None, "pending"]),
    priority=st.sampled_from([None, "bulk"]),
    since=moment,
    until=moment,
    sort=st.sampled_from(Sort),
)
async def test_pages_show_each_remaining_row_exactly_once(
    pool, first, between, limit, status, priority, since, until, sort
):
    filters = {"status": status, "priority": priority, "created_after": since, "created_before": until}
    async with pool.acquire() as connection:
        await connection.execute("TRUNCATE users CASCADE")
        account, other = await add_user(connection), await add_user(connection)
        await connection.execute(_INSERT, uuid4(), other, "pending", "bulk", NOON, "{}", None)
        rows = {}
        for each in first:
            await _add(connection, account, rows, each)
    there, removed = set(rows), set()
    scenes, seen, cursor, changes = Scenes(pool), [], None, iter(between)
    while True:
        after = scene_list.decode(sort, cursor) if cursor else None
        page = await scenes.list(account, Wanted(sort=sort, after=after, **filters), limit=limit + 1)
        seen += [(key, each.id) for each, key in page[:limit]]
        assert len(seen) <= len(rows)  # otherwise the loop would not end
        if len(page) <= limit:
            break
        cursor = scene_list.encode(sort, page[limit - 1][1], page[limit - 1][0].id)
        for kind, what in next(changes, []):
            if kind == "add":
                await _add(pool, account, rows, what)
            elif there:
                gone = sorted(there)[what % len(there)]
                await pool.execute("UPDATE scene_generations SET deleted_at = now() WHERE id = $1", gone)
                removed.add(gone)
    shown = [generation_id for _, generation_id in seen]
    assert seen == sorted(set(seen), reverse=sort in {Sort.NEWEST, Sort.LARGEST})
    wanted = {key for key in there - removed if _fits(rows[key], status, priority, since, until)}
    assert wanted <= set(shown)
    assert all(_fits(rows[key], status, priority, since, until) for key in shown)


async def _add(connection, account: UUID, rows: dict, each: tuple) -> None:
    generation_id, status, priority, created_at = each
    if generation_id not in rows:
        rows[generation_id] = each[1:]
        number = generation_id.int % 4  # few names and sizes, so that most rows share theirs with others
        metadata = json.dumps({"name": f"IMG_{number}"} if number else {})
        size = json.dumps({"bytes": number}) if number else None
        values = status, priority, created_at, metadata, size
        await connection.execute(_INSERT, generation_id, account, *values)


def _fits(each, status, priority, since, until) -> bool:
    return (
        status in {None, each[0]}
        and priority in {None, each[1]}
        and (since is None or each[2] >= since)
        and (until is None or each[2] < until)
    )


async def test_filters_over_http(api, assert_problem):
    person = await api.person()
    account = await api.account_id(person)
    made = {}
    for number, (status, priority) in enumerate(
        [("completed", "interactive"), ("pending", "bulk"), ("completed", "bulk")]
    ):
        at = NOON + timedelta(hours=number)
        made[number] = str(
            await put_scene(api, account, status, priority=priority, created_at=at, updated_at=at)
        )
    cases = [
        ({}, [2, 1, 0]),
        ({"status": "completed"}, [2, 0]),
        ({"priority": "bulk"}, [2, 1]),
        ({"status": "completed", "priority": "bulk"}, [2]),
        ({"created_after": "2026-03-01T13:00:00Z"}, [2, 1]),
        ({"created_before": "2026-03-01T13:00:00Z"}, [0]),
        ({"created_after": "2026-03-01T13:00:00", "created_before": "2026-03-01T15:00:00+01:00"}, [1]),
    ]
    for query, expected in cases:
        answer = await api.client.get(SCENES, headers=person, params=query)
        assert [item["id"] for item in answer.json()["items"]] == [made[n] for n in expected], query
    for query, code in [
        ({"priority": "urgent"}, "validation_failed"),
        ({"created_after": "yesterday"}, "validation_failed"),
        ({"created_after": "0001-01-01T00:00:00+14:00"}, "range_invalid"),
        ({"created_before": "9999-12-31T23:59:59-01:00"}, "range_invalid"),
        (
            {"created_after": "2026-03-02T00:00:00Z", "created_before": "2026-03-01T00:00:00Z"},
            "range_invalid",
        ),
    ]:
        assert_problem(await api.client.get(SCENES, headers=person, params=query), 422, code)


async def test_timings_and_error_code_of_a_scene(api):
    person = await api.person()
    account = await api.account_id(person)
    done = await put_scene(api, account, created_at=NOON, updated_at=NOON + timedelta(seconds=1))
    error = '{"client": {}, "error": {"code": "image_broken"}}'
    failed = await put_scene(api, account, "failed", metadata=error, error_message="Send a photo.")
    running = await put_scene(api, account, "processing")
    scenes = {
        key: (await api.client.get(f"{SCENES}/{key}", headers=person)).json()
        for key in (done, failed, running)
    }
    timings = scenes[done]["timings"]
    assert timings["inference_ms"] == 800
    assert timings["fetch_ms"] is None
    assert (timings["total_ms"], timings["other_ms"]) == (1000, 79.5)
    assert scenes[failed]["error_code"] == "image_broken"
    assert scenes[running]["timings"] is None
    assert [scene["queue"] for scene in scenes.values()] == [None] * 3
