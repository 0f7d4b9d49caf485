"""Dead letters: an admin lists them, and redrives each under a new id or discards it, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from bus.bridges import outbox
from bus.contract import topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import ExportScene, GenerateScene, GenerationRequested
from tests.gateway.conftest import stored_photos
from tests.gateway.pictures import encoded
from tests.gateway.rows import put_scene

URL = "/api/v1/admin/dead-letters"
_INSERT = """
INSERT INTO dead_letters (id, epoch, topic, partition, "offset", subject, account_id, code, reason, attempts,
                          headers, value, dead_at, state)
VALUES ($1, 1, 'sharp.generation.commands.dead.v1', 0, $2, $3, $4, 'blob_store', 'S3 was away.', 4, '[]', $5,
        now(), 'open')"""


async def published(api) -> list[outbox.OutRecord]:
    return [each for row in await api.sql("SELECT records FROM outbox") for each in outbox.load(row[0])]


@pytest.fixture
async def admin(api):
    headers = await api.person("admin@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
    login = {"email": "admin@example.com", "password": "correct horse battery"}
    token = (await api.client.post("/api/v1/users/login", json=login)).json()["access_token"]
    assert headers
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def dead(api, key):
    """A failed scene; returns its dead letter's id and its command."""
    answer = await api.generate(key, encoded("JPEG"), metadata='{"room": "hall"}', priority="bulk")
    command = next(
        msgspec.json.decode(record.value, type=GenerateScene)
        for record in await published(api)
        if record.topic == topics.COMMANDS_BULK.name
    )
    assert answer.json()["generation_id"] == str(command.generation_id)
    await api.sql("DELETE FROM outbox")
    await api.sql("UPDATE scene_generations SET status = 'failed'")
    return await add(api, command.generation_id, command.account_id, msgspec.json.encode(command)), command


async def add(api, subject, account, value) -> UUID:
    letter = uuid4()
    await api.sql(_INSERT, letter, letter.int % 2**40, subject, account, value)
    return letter


async def test_a_redriven_job_is_a_new_one_with_a_photo_of_its_own(api, admin, dead) -> None:
    letter, old = dead
    answer = await api.client.post(f"{URL}/{letter}/redrive", headers=admin)
    assert answer.status_code == 202, answer.text
    fresh = UUID(answer.json()["redriven_as"])

    command, event = await published(api)
    command = msgspec.json.decode(command.value, type=GenerateScene)
    event = msgspec.json.decode(event.value, type=GenerationRequested)
    assert command.generation_id == event.generation_id == fresh != old.generation_id
    assert event.retry_of == old.generation_id
    assert (command.priority, command.account_id) == (old.priority, old.account_id)
    assert command.source.key != old.source.key
    assert command.source.sha256 == old.source.sha256
    assert await api.services.blobs.get(command.source) == await api.services.blobs.get(old.source)

    rows = {row["id"]: row for row in await api.sql("SELECT * FROM scene_generations")}
    assert (rows[fresh]["status"], rows[old.generation_id]["status"]) == ("pending", "failed")
    assert rows[fresh]["expires_at"] == command.expires_at == command.requested_at + timedelta(days=6)
    assert rows[fresh]["metadata"] == rows[old.generation_id]["metadata"]
    assert rows[fresh]["client_metadata"] == rows[old.generation_id]["client_metadata"] == '{"room": "hall"}'
    shown = (await api.client.get(f"{URL}/{letter}", headers=admin)).json()
    assert (shown["state"], shown["redriven_as"]) == ("redriven", str(fresh))
    assert shown["command"]["generation_id"] == str(old.generation_id)


async def test_only_one_of_two_admins_at_once_redrives_it(api, admin, dead, s3_settings) -> None:
    letter, _ = dead
    before = await stored_photos(api, s3_settings)
    posts = (api.client.post(f"{URL}/{letter}/redrive", headers=admin) for _ in range(4))
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert len(await api.sql("SELECT FROM scene_generations")) == 2
    assert len(await api.sql("SELECT FROM outbox")) == 1
    assert len(await stored_photos(api, s3_settings) - before) == 1


async def test_a_discarded_dead_letter_is_resolved(api, admin, dead, assert_problem) -> None:
    letter, _ = dead
    assert (await api.client.post(f"{URL}/{letter}/discard", headers=admin)).status_code == 204
    for again in ("discard", "redrive"):
        answer = await api.client.post(f"{URL}/{letter}/{again}", headers=admin)
        assert_problem(answer, 409, "dead_letter_settled")
    assert await api.sql("SELECT FROM outbox") == []


async def test_a_job_whose_photo_or_scene_is_gone_can_only_be_discarded(
    api, admin, dead, assert_problem, s3_settings
) -> None:
    letter, old = dead
    before = await stored_photos(api, s3_settings)
    await api.sql("UPDATE scene_generations SET deleted_at = now()")
    answer = await api.client.post(f"{URL}/{letter}/redrive", headers=admin)
    assert_problem(answer, 409, "dead_letter_orphaned")
    assert await stored_photos(api, s3_settings) == before
    await api.services.blobs.delete(old.source.key)
    answer = await api.client.post(f"{URL}/{letter}/redrive", headers=admin)
    assert_problem(answer, 409, "dead_letter_orphaned")
    assert [row[0] for row in await api.sql("SELECT state FROM dead_letters")] == ["open"]


@pytest.mark.parametrize("damage", [lambda photo: photo + b"x", lambda photo: photo[:-1] + b"x"])
async def test_a_job_whose_photo_is_damaged_can_only_be_discarded(
    api, admin, dead, assert_problem, s3_settings, damage
) -> None:
    letter, old = dead
    photo = await api.services.blobs.get(old.source)
    await api.services.blobs.put(old.source.key, damage(photo), old.source.media_type)
    before = await stored_photos(api, s3_settings)
    answer = await api.client.post(f"{URL}/{letter}/redrive", headers=admin)
    assert_problem(answer, 409, "dead_letter_orphaned")
    assert await stored_photos(api, s3_settings) == before
    assert len(await api.sql("SELECT FROM scene_generations")) == 1


@pytest.mark.parametrize("value", [None, b"", b"\xff", b'{"type":"generation.generate.v1"}', b"[" * 5000])
async def test_undecodable_commands_are_shown_but_not_redriven(api, admin, assert_problem, value) -> None:
    letter = await add(api, None, None, value)
    assert (await api.client.get(f"{URL}/{letter}", headers=admin)).status_code == 200
    answer = await api.client.post(f"{URL}/{letter}/redrive", headers=admin)
    assert_problem(answer, 409, "dead_letter_unreadable")


async def test_the_list_is_paged_and_filtered_by_state(api, admin, assert_problem) -> None:
    letters = {str(await add(api, uuid4(), uuid4(), b"{}")) for _ in range(5)}
    seen, cursor = [], None
    while True:
        page = await api.client.get(
            URL, headers=admin, params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        seen += [item["id"] for item in page.json()["items"]]
        if (cursor := page.json()["next_cursor"]) is None:
            break
    assert len(seen) == 5
    assert set(seen) == letters
    page = await api.client.get(URL, headers=admin, params={"status": "discarded"})
    assert page.json() == {"items": [], "next_cursor": None}
    assert_problem(await api.client.get(f"{URL}/{uuid4()}", headers=admin), 404, "not_found")


async def test_only_signed_in_admins_may_use_dead_letters(api, key, dead, assert_problem) -> None:
    letter, _ = dead
    person = await api.person()
    assert_problem(await api.client.get(URL, headers=person), 403, "role_insufficient")
    assert_problem(await api.client.post(f"{URL}/{letter}/redrive", headers=person), 403, "role_insufficient")
    assert_problem(await api.client.get(URL, headers=key), 403, "sign_in_required")


async def test_a_redriven_preview_stays_a_background_export(api, admin) -> None:
    account = await api.account_id(admin)
    scene = await put_scene(api, account)
    export = ExportScene(
        export_id=uuid4(), generation_id=scene, account_id=account, format="png",
        requested_at=datetime.now(UTC), purpose="preview",
        source=BlobRef(key="k", sha256="0" * 64, bytes=1, media_type="model/ply"),
    )  # fmt: skip
    await api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, purpose, status, created_at,"
        " updated_at) VALUES ($1, $2, 'png', 'preview', 'failed', now(), now())", export.export_id, scene,
    )  # fmt: skip
    letter = await add(api, export.export_id, account, msgspec.json.encode(export))
    answer = await api.client.post(f"{URL}/{letter}/redrive", headers=admin)
    assert answer.status_code in {200, 202}, answer.text
    (record,) = await published(api)
    again = msgspec.json.decode(record.value, type=ExportScene)
    assert (record.topic, again.purpose) == (topics.BACKGROUND_COMMANDS.name, "preview")
    assert again.expires_at == again.requested_at + timedelta(days=29)
    rows = await api.sql("SELECT purpose, status, expires_at FROM export_jobs WHERE id = $1", again.export_id)
    assert [tuple(row) for row in rows] == [("preview", "pending", again.expires_at)]
