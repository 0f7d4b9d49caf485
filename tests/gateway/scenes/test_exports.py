"""Exports over HTTP: accepted, published and shown, or refused with a reason."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from urllib.parse import unquote
from uuid import UUID, uuid4

import msgspec
import pytest
from httpx import ASGITransport, AsyncClient

from bus.bridges.outbox import load
from bus.contract import topics
from bus.contract.blob_ref import BlobRef
from bus.contract.envelope import decode
from bus.contract.formats import FORMATS
from gateway.app import create_app
from gateway.scenes.export_limits import BURSTS
from tests.gateway.conftest import Api, started
from tests.gateway.rows import RESULT, put_objects, put_scene

SCENES, EXPORTS = "/api/v1/scenes", "/api/v1/exports"


@pytest.fixture
async def me(api):
    person = await api.person()
    key_id, key = await api.key(person)
    await api.sql("DELETE FROM outbox")
    return key, await api.account_id(person), UUID(key_id)


async def ask(api, headers, scene, **body):
    return await api.client.post(f"{SCENES}/{scene}/export", headers=headers, json=body)


async def test_an_accepted_export_is_stored_and_published(api, me):
    headers, account, key_id = me
    scene = await put_scene(api, account)
    options = {"max_triangles": 1000, "depth_cut": 0.5}
    answer = await ask(api, headers | {"X-Correlation-ID": "e-1"}, scene, format="GLTF", options=options)
    assert answer.status_code == 202, answer.text
    export = UUID(answer.json()["export_id"])
    assert answer.json()["status"] == "pending"
    assert answer.json()["message"]
    assert answer.headers["location"] == f"{EXPORTS}/{export}"
    (row,) = await api.sql("SELECT * FROM export_jobs")
    assert (row["id"], row["scene_generation_id"], row["export_format"]) == (export, scene, "gltf")
    assert (row["status"], json.loads(row["options"])) == ("pending", options)
    ((command, event),) = [load(r["records"]) for r in await api.sql("SELECT records FROM outbox")]
    order = decode(topics.EXPORT_COMMANDS, command.value, command.headers)
    assert (command.key, order.correlation_id) == (str(export).encode(), answer.headers["x-request-id"])
    assert (order.message.format, order.message.options) == ("gltf", options)
    assert order.message.source.key == f"results/{scene}/winner.ply"
    assert (order.message.source.sha256, order.message.source.bytes) == (RESULT["sha256"], RESULT["bytes"])
    assert order.message.source.media_type == "application/ply"  # the row is from an earlier release
    assert row["expires_at"] == order.message.expires_at == row["created_at"] + timedelta(days=6)
    sent = decode(topics.EVENTS, event.value, event.headers)
    assert (sent.type, sent.subject, event.key) == (
        "export.requested.v1", str(export), str(account).encode(),
    )  # fmt: skip
    assert (sent.message.api_key_id, sent.message.options) == (key_id, options)


async def test_the_command_has_the_stored_blob_reference_of_the_splat(api, me):
    headers, account, _ = me
    stored = BlobRef(key="results/s/1.ply", sha256="cd" * 32, bytes=7, media_type="model/ply")
    scene = await put_scene(api, account, result_blob=msgspec.json.encode(stored).decode())
    assert (await ask(api, headers, scene, format="spz")).status_code == 202
    ((command, _),) = [load(r["records"]) for r in await api.sql("SELECT records FROM outbox")]
    assert decode(topics.EXPORT_COMMANDS, command.value, command.headers).message.source == stored


async def test_an_export_as_its_owner_sees_it(api, me):
    headers, account, _ = me
    scene = await put_scene(api, account)
    export = (await ask(api, headers, scene, format="Obj")).json()["export_id"]
    seen = (await api.client.get(f"{EXPORTS}/{export}", headers=headers)).json()
    assert set(seen) == {
        "id", "scene_generation_id", "export_format", "options", "export_file_url", "status", "error_code",
        "error_message", "erased_at", "created_at", "updated_at", "scene_name", "bytes",
    }  # fmt: skip
    assert (seen["export_format"], seen["status"], seen["export_file_url"]) == ("obj", "pending", None)
    (key,) = await put_objects(api, f"exports/{export}/x.zip")
    await api.sql(
        "UPDATE export_jobs SET status = 'completed', export_file_url = $1",
        f"s3://{api.services.blobs.bucket}/{key}",
    )
    seen = (await api.client.get(f"{EXPORTS}/{export}", headers=headers)).json()
    assert "X-Amz-Signature" in seen["export_file_url"]
    assert "-obj.zip" in seen["export_file_url"]
    await api.sql("UPDATE export_jobs SET status = 'failed', error_code = 'x', export_file_url = NULL")
    seen = (await api.client.get(f"{EXPORTS}/{export}", headers=headers)).json()
    assert (seen["error_code"], seen["export_file_url"]) == ("x", None)


async def test_a_download_is_named_after_its_scene(api, me):
    headers, account, _ = me
    metadata = json.dumps({"name": "Großer Tag.jpg", "result": RESULT})
    scene = await put_scene(api, account, metadata=metadata)
    keys = await put_objects(api, "exports/a/x.glb", "exports/b/x.glb")
    names = []
    for key, name in zip(keys, ("glb", "glb_mesh"), strict=True):
        export = (await ask(api, headers, scene, format=name)).json()["export_id"]
        url = f"s3://{api.services.blobs.bucket}/{key}"
        await api.sql(
            "UPDATE export_jobs SET status = 'completed', export_file_url = $1 WHERE id = $2",
            *(url, UUID(export)),
        )
        names.append((await api.client.get(f"{EXPORTS}/{export}", headers=headers)).json()["export_file_url"])
    names_in_urls = [unquote(unquote(url)) for url in names]
    assert "filename*=UTF-8''Großer Tag.glb" in names_in_urls[0]
    assert "filename*=UTF-8''Großer Tag-glb-mesh.glb" in names_in_urls[1]


async def test_an_option_that_equals_its_default_makes_no_second_file(api, me):
    headers, account, _ = me
    scene = await put_scene(api, account)
    first = (await ask(api, headers, scene, format="spz")).json()["export_id"]
    for options in ({"up": "y"}, {"up": "y", "unit": "m"}):
        again = await ask(api, headers, scene, format="spz", options=options)
        assert again.json()["export_id"] == first
    other = (await ask(api, headers, scene, format="spz", options={"up": "z"})).json()["export_id"]
    assert other != first


async def test_a_repeated_request_returns_the_first_export(api, me):
    headers, account, _ = me
    scene, other = await put_scene(api, account), await put_scene(api, account)
    options = {"up": "y", "max_gaussians": 9}
    first = (await ask(api, headers, scene, format="spz", options=options)).json()["export_id"]
    await api.sql("UPDATE export_jobs SET status = 'completed'")
    again = await ask(api, headers, scene, format="SPZ", options=dict(reversed(options.items())))
    assert (again.status_code, again.json()["export_id"]) == (202, first)
    assert again.json()["status"] == "completed"
    assert again.headers["location"] == f"{EXPORTS}/{first}"
    assert len(await api.sql("SELECT FROM outbox")) == 1
    for differs in [{"format": "ply", "options": options}, {"format": "spz"}]:
        assert (await ask(api, headers, scene, **differs)).json()["export_id"] != first
    assert (await ask(api, headers, other, format="spz", options=options)).json()["export_id"] != first
    await api.sql("UPDATE export_jobs SET status = 'failed'")
    assert (await ask(api, headers, scene, format="spz", options=options)).json()["export_id"] != first


async def test_list_in_pages_newest_first(api, me):
    headers, account, _ = me
    scene, other = await put_scene(api, account), await put_scene(api, account)
    made = [(await ask(api, headers, scene, format=name)).json()["export_id"] for name in FORMATS[:5]]
    await ask(api, headers, other, format="ply")
    await api.sql("UPDATE export_jobs SET created_at = (SELECT min(created_at) FROM export_jobs)")
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(f"{SCENES}/{scene}/exports", headers=headers, params=query)).json()
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "cancelled"])
async def test_only_completed_scenes_can_be_exported(api, me, status, assert_problem):
    headers, account, _ = me
    scene = await put_scene(api, account, status)
    answer = await ask(api, headers, scene, format="gltf")
    assert assert_problem(answer, 409, "scene_unfinished")["details"] == {"status": status}
    assert await api.sql("SELECT FROM export_jobs") == await api.sql("SELECT FROM outbox") == []


async def test_an_unknown_format_is_refused_with_the_known_ones(api, me, assert_problem):
    headers, account, _ = me
    scene = await put_scene(api, account)
    problem = assert_problem(await ask(api, headers, scene, format="docx"), 422, "format_unknown")
    assert problem["details"] == {"formats": list(FORMATS)}


BAD = [
    {},
    {"format": 3},
    {"format": "gltf", "colour": "red"},
    {"format": "gltf", "options": []},
    {"format": "gltf", "options": {"Faces": 1}},
    {"format": "gltf", "options": {"faces": None}},
    {"format": "gltf", "options": {"faces": {"x": 1}}},
    {"format": "gltf", "options": {"faces": 2**60}},
    {"format": "gltf", "options": {"name": "x" * 41}},
    {"format": "gltf", "options": {"name": "made for Ada"}},
    {"format": "gltf", "options": {"faces": 1000}},
    {"format": "gltf", "options": {"max_triangles": 2**40}},
    {"format": "gltf", "options": {"depth_cut": "much"}},
    {"format": "glb", "options": {"up": "z"}},
    {"format": "gltf", "options": {f"o{number}": 1 for number in range(21)}},
]


async def test_invalid_bodies_are_refused(api, me, assert_problem, subtests):
    headers, account, _ = me
    scene = await put_scene(api, account)
    for body in BAD:
        with subtests.test(body=body):
            assert_problem(await ask(api, headers, scene, **body), 422, "validation_failed")
    assert await api.sql("SELECT FROM export_jobs") == []


async def test_a_failing_outbox_leaves_no_row(api, me, assert_problem):
    headers, account, _ = me
    scene = await put_scene(api, account)
    await api.sql("ALTER TABLE outbox ADD CONSTRAINT refused CHECK (false) NOT VALID")
    assert_problem(await ask(api, headers, scene, format="gltf"), 500, "internal")
    assert await api.sql("SELECT FROM export_jobs") == []


async def test_another_accounts_exports_are_not_found(api, me, assert_problem):
    headers, account, _ = me
    scene = await put_scene(api, account)
    export = (await ask(api, headers, scene, format="gltf")).json()["export_id"]
    eve = await api.person()
    for path in (f"{EXPORTS}/{export}", f"{EXPORTS}/{uuid4()}", f"{SCENES}/{scene}/exports"):
        assert_problem(await api.client.get(path, headers=eve), 404, "not_found")
    assert_problem(await ask(api, eve, scene, format="gltf"), 404, "not_found")


async def put_own(api, scene, purpose, status="completed", name="sog", options="{}") -> UUID:
    """Insert an export that no caller requested; return its id."""
    export = uuid4()
    await api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, options, purpose, status,"
        " created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, now(), now())",
        export, scene, name, options, purpose, status,
    )  # fmt: skip
    return export


async def test_background_exports_notify_no_account(world):
    api, headers = world.api, world.headers
    scene = await put_scene(api, world.account)
    await api.sql("DELETE FROM outbox")
    views = [await put_own(api, scene, purpose) for purpose in ("preview", "viewer")]
    made = await put_own(api, scene, "backfill")
    in_flight = await put_own(api, scene, "backfill", status="pending", name="ksplat")
    listed = (await api.client.get(f"{SCENES}/{scene}/exports", headers=headers)).json()["items"]
    assert {item["id"] for item in listed} == {str(made), str(in_flight)}
    for view in views:
        for path in (f"{EXPORTS}/{view}", f"{EXPORTS}/{view}/events"):
            assert (await api.client.get(path, headers=headers)).status_code == 404
    stream = await api.client.get(f"{EXPORTS}/{made}/events", headers=headers)
    assert stream.status_code == 204  # no event will follow
    # A completed backfill is returned to a later request; one in flight is not, as it could not be followed.
    assert (await ask(api, headers, scene, format="sog")).json()["export_id"] == str(made)
    assert (await ask(api, headers, scene, format="ksplat")).json()["export_id"] != str(in_flight)
    assert len(await api.sql("SELECT FROM outbox")) == 1


async def waiting(api, count: int) -> None:
    """Wait until `count` sessions wait for a lock."""
    locked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(30):
        while (await api.sql(locked))[0][0] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_simultaneous_requests_at_two_gateways_make_one_export(api, me, settings):
    headers, account, _ = me
    scene = await put_scene(api, account)
    second = create_app(settings)
    transport = ASGITransport(second)
    async with started(second), AsyncClient(transport=transport, base_url="http://gateway") as client:
        other = Api(second, client)
        async with api.services.pool.acquire() as holding, holding.transaction():
            # All of them find no export before the first may write.
            await holding.execute("SELECT FROM scene_generations WHERE id = $1 FOR UPDATE", scene)
            asking = [asyncio.create_task(ask(g, headers, scene, format="spz")) for g in (api, other, other)]
            await waiting(api, len(asking))
        answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [202] * len(asking)
    (export,) = {answer.json()["export_id"] for answer in answers}
    assert [str(row["id"]) for row in await api.sql("SELECT id FROM export_jobs")] == [export]
    assert len(await api.sql("SELECT FROM outbox")) == 1


async def test_a_scene_deleted_during_the_request_is_not_found(api, me, assert_problem):
    headers, account, _ = me
    scene = await put_scene(api, account)
    async with api.services.pool.acquire() as deleting, deleting.transaction():
        await deleting.execute("UPDATE scene_generations SET deleted_at = now() WHERE id = $1", scene)
        asking = asyncio.create_task(ask(api, headers, scene, format="spz"))
        await waiting(api, 1)
    assert_problem(await asking, 404, "not_found")
    assert_problem(await ask(api, headers, scene, format="spz"), 404, "not_found")
    assert await api.sql("SELECT FROM export_jobs") == await api.sql("SELECT FROM outbox") == []


async def test_formats_are_listed_with_their_options(api):
    items = (await api.client.get("/api/v1/export-formats")).json()["items"]
    assert sorted(item["name"] for item in items) == sorted(FORMATS)
    (png,) = [item for item in items if item["name"] == "png"]
    assert (png["kind"], png["media_type"], png["extension"]) == ("picture", "image/png", ".png")
    assert png["options"]["properties"]["size"]["default"] == 512


async def test_the_exports_in_flight_of_an_account_are_limited_also_at_once(api, me, assert_problem):
    headers, account, _ = me
    most = api.services.account_quotas.of_role("user").max_exports_in_flight
    scenes = [await put_scene(api, account) for _ in range(2)]
    answers = await asyncio.gather(
        *(
            ask(api, headers, scene, format="ply", options={"max_gaussians": 2000 + number})
            for scene in scenes
            for number in range(most)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [202] * most + [429] * most
    refused = next(answer for answer in answers if answer.status_code == 429)
    body = assert_problem(refused, 429, "quota_exports")
    assert (refused.headers["retry-after"], body["details"]) == ("5", {"limit": most})
    asked = next(answer for answer in answers if answer.status_code == 202)
    assert asked.json()["status"] == "pending"
    await api.sql("UPDATE export_jobs SET status = 'failed' WHERE id = $1", UUID(asked.json()["export_id"]))
    assert (await ask(api, headers, scenes[0], format="spz")).status_code == 202
    _, other = await api.key(other_person := await api.person())
    theirs = await put_scene(api, await api.account_id(other_person))
    assert (await ask(api, other, theirs, format="spz")).status_code == 202


async def test_new_exports_of_an_account_are_limited_by_rate_and_repeated_ones_are_not(
    api, me, assert_problem
):
    headers, account, _ = me
    scene = await put_scene(api, account)
    at_once = api.services.account_quotas.of_role("user").exports_per_minute // BURSTS
    answers = []
    for number in range(2 * at_once):
        answer = await ask(api, headers, scene, format="ply", options={"max_gaussians": 2000 + number})
        answers.append(answer)
        await api.sql("UPDATE export_jobs SET status = 'completed'")
    assert {answer.status_code for answer in answers[:at_once]} == {202}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "exports a minute" in assert_problem(refused, 429, "rate_limited")["message"]
    again = await ask(api, headers, scene, format="ply", options={"max_gaussians": 2000})
    assert (again.status_code, again.json()["export_id"]) == (202, answers[0].json()["export_id"])


async def test_the_exports_of_all_scenes_are_one_list(api, me, assert_problem):
    headers, account, _ = me
    scenes = [
        await put_scene(api, account, metadata=json.dumps({"name": name, "result": RESULT})) for name in "ab"
    ]
    made = [
        (await ask(api, headers, scene, format=name)).json()["export_id"]
        for scene, name in zip([*scenes, *scenes], ("spz", "obj", "png", "mp4"), strict=True)
    ]
    await put_scene(api, await api.account_id(await api.person()))
    await api.sql(
        "UPDATE export_jobs SET status = 'completed', stored_bytes = 7 WHERE id = $1", UUID(made[0])
    )
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(EXPORTS, headers=headers, params=query)).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [each["id"] for each in seen] == made[::-1]
    assert [each["scene_name"] for each in seen] == ["b", "a", "b", "a"]
    assert (seen[-1]["bytes"], seen[0]["bytes"]) == (7, None)
    done = (await api.client.get(EXPORTS, headers=headers, params={"status": "completed"})).json()["items"]
    assert [each["id"] for each in done] == [made[0]]
    await api.client.delete(f"{SCENES}/{scenes[0]}", headers=headers)
    left = (await api.client.get(EXPORTS, headers=headers)).json()["items"]
    assert [each["id"] for each in left] == [made[3], made[1]]
    _, eve = await api.key(await api.person())
    assert (await api.client.get(EXPORTS, headers=eve)).json() == {"items": [], "next_cursor": None}
    assert_problem(
        await api.client.get(EXPORTS, headers=headers, params={"status": "x"}), 422, "validation_failed"
    )
