"""The views of a scene are ordered when somebody opens it, once, and by no other request."""

from __future__ import annotations

import asyncio
from uuid import UUID

import msgspec
import pytest

from bus.bridges.outbox import load
from bus.contract import topics
from bus.contract.envelope import decode
from bus.contract.ids import new_id
from gateway.outbox import SOURCE
from ledger.db.scene_views import VIEWS
from tests.gateway.rows import put_scene

SCENES, SHARED = "/api/v1/scenes", "/api/v1/shared"
SPLAT = {"key": "results/g/1.ply", "sha256": "0" * 64, "bytes": 132, "media_type": "model/ply"}


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def completed(api, account: UUID, **changes: object) -> UUID:
    blob = msgspec.json.encode(SPLAT).decode()
    url = f"s3://{api.services.blobs.bucket}/{SPLAT['key']}"
    return await put_scene(
        api, account, id=new_id(), result_blob=blob, generated_3d_gaussian_url=url, **changes
    )


async def ordered(api) -> list[tuple[UUID, str]]:
    """Return (scene, purpose) of every command for a view."""
    records = [
        record
        for row in await api.sql("SELECT records FROM outbox ORDER BY id")
        for record in load(row["records"])
    ]
    found = [decode(topics.BACKGROUND_COMMANDS, r.value, r.headers) for r in records]
    assert {each.source for each in found} <= {SOURCE}
    assert all(msgspec.to_builtins(each.message.source) == SPLAT for each in found)
    return [(each.message.generation_id, each.message.purpose) for each in found]


async def test_opening_a_scene_orders_its_views_once(api, me) -> None:
    headers, account = me
    scene = await completed(api, account)
    reads = [f"{SCENES}/{scene}", f"{SCENES}/{scene}?views=false", f"{SCENES}/{scene}/exports", SCENES]
    for path in reads:
        assert (await api.client.get(path, headers=headers)).status_code == 200
    assert await ordered(api) == []
    opened = await asyncio.gather(
        *(api.client.get(f"{SCENES}/{scene}?views=true", headers=headers) for _ in range(5))
    )
    assert {(each.status_code, each.json()["viewer_url"]) for each in opened} == {(200, None)}
    assert await ordered(api) == [(scene, view.purpose) for view in VIEWS]
    rows = await api.sql("SELECT id, status FROM export_jobs")
    assert {(row["id"], row["status"]) for row in rows} == {(view.id_for(scene), "pending") for view in VIEWS}
    # A view that failed is not ordered again by each look.
    await api.sql("UPDATE export_jobs SET status = 'failed'")
    await api.client.get(f"{SCENES}/{scene}?views=true", headers=headers)
    assert len(await ordered(api)) == 2


async def test_a_visitor_of_a_share_orders_them_too(api, me) -> None:
    headers, account = me
    scene = await completed(api, account)
    made = (await api.client.post(f"{SCENES}/{scene}/shares", headers=headers, json={})).json()
    assert await ordered(api) == []
    for _ in range(2):
        assert (await api.client.get(f"{SHARED}/{made['token']}")).status_code == 200
    assert await ordered(api) == [(scene, view.purpose) for view in VIEWS]


async def test_waiting_for_a_scene_orders_its_views_when_it_has_ended(api, me) -> None:
    headers, account = me
    scene = await completed(api, account)
    answer = await api.client.get(f"{SCENES}/{scene}?views=true", headers=headers | {"Prefer": "wait=5"})
    assert answer.json()["status"] == "completed"
    assert len(await ordered(api)) == 2


async def test_nothing_is_ordered_of_scenes_that_are_not_completed_or_not_ones_own(api, me) -> None:
    headers, account = me
    for status in ("pending", "processing", "failed", "cancelled"):
        scene = await put_scene(api, account, status)
        assert (await api.client.get(f"{SCENES}/{scene}?views=true", headers=headers)).status_code == 200
    theirs = await completed(api, await api.account_id(await api.person()))
    assert (await api.client.get(f"{SCENES}/{theirs}?views=true", headers=headers)).status_code == 404
    assert (await api.client.get(f"{SCENES}/{theirs}?views=maybe", headers=headers)).status_code == 422
    assert await ordered(api) == []
