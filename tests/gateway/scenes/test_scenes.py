"""Photos over HTTP: the stored rows and objects, the published messages, and the scene as it is shown."""

import io
import json
import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
from PIL import Image

from bus.blobs import BlobStoreError
from bus.bridges.outbox import load
from bus.contract import topics
from bus.contract.blob_ref import BlobRef
from bus.contract.envelope import decode
from bus.contract.messages import Priority
from gateway.http import paging
from tests.gateway.conftest import stored_photos
from tests.gateway.pictures import HEIGHT, WIDTH, encoded, scene

GENERATE, SCENES = "/api/v1/scenes/generate", "/api/v1/scenes"


JPEG = encoded("JPEG")


async def test_an_accepted_photo_is_stored_and_published(api, key):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = key | {"X-Correlation-ID": "order-4711", "traceparent": trace}
    form = {"metadata": '{"room": "kitchen"}', "focal_length_px": "994.978", "priority": "bulk"}
    answer = await api.generate(headers, JPEG, **form)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    generation_id = UUID(body["generation_id"])
    assert body["status"] == "pending"
    assert body["message"]
    assert answer.headers["location"] == f"{SCENES}/{generation_id}"
    assert answer.headers["x-correlation-id"] == "order-4711"

    (row,) = await api.sql("SELECT * FROM scene_generations")
    assert (row["id"], row["status"], row["priority"]) == (generation_id, "pending", "bulk")
    assert row["api_key_id"] is not None
    metadata = json.loads(row["metadata"])
    assert row["client_metadata"] == '{"room": "kitchen"}'
    assert (metadata["image"]["width"], metadata["image"]["height"]) == (WIDTH, HEIGHT)

    ((records,),) = [[load(r["records"]) for r in await api.sql("SELECT records FROM outbox")]]
    command, event = records
    sent = decode(topics.COMMANDS_BULK, command.value, command.headers)
    assert (command.topic, command.key) == (topics.COMMANDS_BULK.name, str(generation_id).encode())
    assert sent.message.source == BlobRef(
        key=sent.message.source.key,
        sha256=metadata["image"]["sha256"],
        bytes=len(JPEG),
        media_type="image/jpeg",
    )
    assert (sent.message.priority, sent.message.focal_length_px) == (Priority.BULK, 994.978)
    assert (sent.correlation_id, sent.traceparent) == (answer.headers["x-request-id"], trace)
    assert row["original_image_url"].endswith("/" + sent.message.source.key)
    assert await api.services.blobs.get(sent.message.source) == JPEG

    requested = decode(topics.EVENTS, event.value, event.headers)
    assert (event.topic, event.key) == (topics.EVENTS.name, str(row["user_id"]).encode())
    assert requested.message.api_key_id == row["api_key_id"]
    assert requested.message.source == sent.message.source
    assert requested.time == sent.message.requested_at == row["created_at"]


OTHER_FORMATS = ["PNG", "WEBP", "HEIF", "AVIF", "TIFF", "MPO"]


async def test_other_formats(api, key, subtests):
    for kind in OTHER_FORMATS:
        with subtests.test(kind=kind):
            assert (await api.generate(key, encoded(kind))).status_code == 202


async def test_a_signed_in_user_may_generate(api):
    person = await api.person()
    assert (await api.generate(person, JPEG)).status_code == 202
    assert (await api.sql("SELECT api_key_id FROM scene_generations"))[0]["api_key_id"] is None


METADATA_MAY_BE_ABSENT = ["", "null", "{}"]


async def test_metadata_may_be_absent(api, key, subtests):
    for metadata in METADATA_MAY_BE_ABSENT:
        with subtests.test(metadata=metadata):
            assert (await api.generate(key, JPEG, metadata=metadata)).status_code == 202


async def test_a_failing_outbox_leaves_no_row_and_no_photo(api, key, s3_settings, assert_problem):
    before = await stored_photos(api, s3_settings)
    await api.sql("ALTER TABLE outbox ADD CONSTRAINT refused CHECK (false) NOT VALID")
    assert_problem(await api.generate(key, JPEG), 500, "internal")
    assert await api.sql("SELECT * FROM scene_generations") == []
    assert await stored_photos(api, s3_settings) == before


async def test_an_unavailable_store_is_answered_with_503(api, key, monkeypatch, assert_problem):
    async def away(*_: object, **__: object) -> None:
        raise BlobStoreError("away")

    monkeypatch.setattr(api.services.blobs, "put", away)
    answer = await api.generate(key, JPEG)
    assert_problem(answer, 503, "temporarily_unavailable")
    assert answer.headers["retry-after"]
    assert await api.sql("SELECT * FROM scene_generations") == []


async def test_an_inactive_account_cannot_generate(api, s3_settings, assert_problem):
    person = await api.person()
    before = await stored_photos(api, s3_settings)
    await api.sql("UPDATE users SET is_active = false")
    assert_problem(await api.generate(person, JPEG), 401, "account_inactive")
    assert await stored_photos(api, s3_settings) == before


async def test_a_scene_as_its_owner_sees_it(api, key):
    generation_id = (await api.generate(key, JPEG, metadata='{"a": 1}')).json()["generation_id"]
    scene = (await api.client.get(f"{SCENES}/{generation_id}", headers=key)).json()
    assert set(scene) == {
        "id", "name", "status", "priority", "original_image_url", "generated_3d_gaussian_url",
        "preview_url", "viewer_url", "processing_time_seconds", "metadata", "error_code", "error_message",
        "photo_url", "thumbnail_url", "cancel_requested_at", "timings", "queue", "created_at", "updated_at",
        "delete_at", "erased", "tags", "favourite", "retry_of", "start_view",
    }  # fmt: skip
    assert scene["status"] == "pending"
    assert scene["generated_3d_gaussian_url"] is None
    async with httpx.AsyncClient() as web:
        photo = await web.get(scene["original_image_url"])
    assert (photo.status_code, photo.content) == (200, JPEG)
    assert photo.headers["content-type"] == "image/jpeg"

    ref = await api.services.blobs.put(f"results/{generation_id}/x.ply", b"ply", "application/octet-stream")
    await api.sql(
        "UPDATE scene_generations SET status = 'completed', generated_3d_gaussian_url = $1",
        f"s3://{api.services.blobs.bucket}/{ref.key}",
    )
    scene = (await api.client.get(f"{SCENES}/{generation_id}", headers=key)).json()
    async with httpx.AsyncClient() as web:
        splat = await web.get(scene["generated_3d_gaussian_url"])
    assert splat.content == b"ply"
    assert splat.headers["content-disposition"] == 'attachment; filename="photo.ply"'


async def test_the_metadata_has_the_scores_of_the_newest_preview(api, key):
    generation_id = (await api.generate(key, JPEG, metadata='{"scores": 1}')).json()["generation_id"]
    plain = (await api.client.get(f"{SCENES}/{generation_id}", headers=key)).json()
    assert "scores" not in plain["metadata"]
    scores = {"size": 768, "psnr": 31.5, "ssim": 0.9}
    for purpose, minutes, found in (
        ("preview", 2, {"size": 512, "psnr": 1.0, "ssim": 0.1}),
        ("preview", 1, scores),
        ("viewer", 0, None),
    ):
        await api.sql(
            "INSERT INTO export_jobs (id, scene_generation_id, export_format, purpose, status, scores,"
            " created_at, updated_at) VALUES (gen_random_uuid(), $1, 'png', $2, 'completed', $4,"
            " now() - $3 * interval '1 minute', now())",
            UUID(generation_id), purpose, minutes, found and json.dumps(found),
        )  # fmt: skip
    one = (await api.client.get(f"{SCENES}/{generation_id}", headers=key)).json()
    (listed,) = (await api.client.get(SCENES, headers=key)).json()["items"]
    assert one["metadata"] == listed["metadata"] == plain["metadata"] | {"scores": scores}
    assert one["metadata"]["client"] == {"scores": 1}


async def test_a_photos_location_is_never_exposed(api, key):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (47.0, 22.0, 38.77), 3: "E", 4: (8.0, 32.0, 30.25)}  # GPS
    exif[0x010E] = "at home, Bahnhofstrasse"  # ImageDescription
    out = io.BytesIO()
    scene().save(out, "JPEG", exif=exif)
    assert b"Bahnhofstrasse" in out.getvalue()
    generation_id = (await api.generate(key, out.getvalue())).json()["generation_id"]
    sent = [(await api.client.get(path, headers=key)).text for path in (f"{SCENES}/{generation_id}", SCENES)]
    sent += [
        str(tuple(row)) for row in await api.sql("SELECT metadata, original_image_url FROM scene_generations")
    ]
    sent += [str(row["records"]) for row in await api.sql("SELECT records FROM outbox")]
    for text in sent:
        assert not re.search(r"gps|latitude|longitude|38[.]77|Bahnhof|exif", text, re.IGNORECASE), text


async def test_another_accounts_scene_is_not_found(api, key, assert_problem):
    generation_id = (await api.generate(key, JPEG)).json()["generation_id"]
    _, eve = await api.key(await api.person())
    for path in (
        f"{SCENES}/{generation_id}",
        f"{SCENES}/{generation_id}/events",
        f"{SCENES}/{uuid4()}",
    ):
        assert_problem(await api.client.get(path, headers=eve), 404, "not_found")
    assert_problem(await api.client.get(f"{SCENES}/not-an-id", headers=key), 404, "not_found")
    assert (await api.client.get(SCENES, headers=eve)).json() == {"items": [], "next_cursor": None}


async def test_list_in_pages_newest_first(api, key):
    made = [(await api.generate(key, JPEG)).json()["generation_id"] for _ in range(5)]
    await api.sql("UPDATE scene_generations SET status = 'failed' WHERE id = ANY($1)", made[:2])
    # Two in the same microsecond must not be lost between pages.
    await api.sql("UPDATE scene_generations SET created_at = (SELECT min(created_at) FROM scene_generations)")
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(SCENES, headers=key, params=query)).json()
        seen += [item["id"] for item in page["items"]]
        assert len(page["items"]) <= 2
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == sorted(made, reverse=True)
    failed = (await api.client.get(SCENES, headers=key, params={"status": "failed"})).json()
    assert {item["id"] for item in failed["items"]} == set(made[:2])


CURSORS_THAT_ARE_NOT_OURS = ["nonsense", "AAAA", "%", "!" * 32, "x" * 40]


async def test_invalid_cursors_are_refused(api, key, assert_problem, subtests):
    for cursor in CURSORS_THAT_ARE_NOT_OURS:
        with subtests.test(cursor=cursor):
            assert_problem(
                await api.client.get(SCENES, headers=key, params={"cursor": cursor}), 400, "cursor_invalid"
            )


QUERIES_THAT_ARE_NOT_VALID = [
    {"limit": 0},
    {"limit": 101},
    {"limit": "x"},
    {"status": "done"},
    {"cursor": "x" * 1025},
]


async def test_queries_that_are_not_valid(api, key, assert_problem, subtests):
    for query in QUERIES_THAT_ARE_NOT_VALID:
        with subtests.test(query=query):
            assert_problem(await api.client.get(SCENES, headers=key, params=query), 422, "validation_failed")


def test_a_paging_cursor_round_trips_exactly():
    position = datetime(2026, 1, 31, 12, 0, 0, 123457, tzinfo=UTC), uuid4()
    assert paging.decode(paging.encode(*position)) == position
