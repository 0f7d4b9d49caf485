"""A scene shows its rendition: inference's, or one that is made when it is asked for; never the original.

| class | members | source |
|---|---|---|
| the original is no picture for the web | HEIC, TIFF; failed, cancelled, older, long in the queue | AdventureLog#599, WeddingShare#5 |
| the original says too much | GPS, artist, a trailer | idno/idno#288, sview#138, mastodon#22948 |
| no photo is no reason to fail | gone, broken, the store away, too many at once | |
"""  # noqa: E501

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bus.blobs import BlobStoreError
from bus.contract.ids import new_id
from tests.gateway.rows import put_scene
from tests.photo.files import HEIC, encoded, exif, quarters, tiff, with_exif

SCENES, SHARED = "/api/v1/scenes", "/api/v1/shared"
SECRET = b"Elm Street 12"
LOCATED = with_exif(encoded(quarters(), "JPEG"), exif({315: (2, SECRET)}, gps={1: (2, b"N\0")})) + SECRET


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def stored(api, account: UUID, photo: bytes | None, status: str, **columns) -> UUID:
    scene = new_id()
    if photo is not None:
        await api.services.blobs.put(f"originals/{scene}/photo", photo, "image/jpeg")
    return await put_scene(api, account, status, id=scene, **columns)


async def shown(api, headers, scene: UUID) -> str | None:
    answer = await api.client.get(f"{SCENES}/{scene}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["photo_url"]


async def renditions(api, scene: UUID) -> list[str]:
    return [key for key in await api.services.blobs.keys(f"results/{scene}/") if key.endswith(".jpg")]


async def test_inferences_rendition_is_shown_as_it_is(api, me) -> None:
    headers, account = me
    url = f"s3://{api.services.blobs.bucket}/results/x/photo.jpg"
    scene = await put_scene(api, account, photo_url=url)
    assert "results/x/photo.jpg" in (await shown(api, headers, scene) or "")
    assert await api.sql("SELECT FROM scene_renditions") == []


@pytest.mark.parametrize(
    ("photo", "status"),
    [(LOCATED, "failed"), (HEIC.read_bytes(), "cancelled"), (tiff(quarters(), 2), "completed")],
)
async def test_it_is_made_once_when_it_is_asked_for(api, me, photo: bytes, status: str) -> None:
    headers, account = me
    scene = await stored(api, account, photo, status)
    first = await shown(api, headers, scene)
    (key,) = await renditions(api, scene)
    again = await shown(api, headers, scene)
    assert first is not None
    assert again is not None
    assert key in first
    assert key in again
    assert await renditions(api, scene) == [key]
    made, _ = await api.services.blobs.read(key, most=1 << 20)
    assert made[:3] == b"\xff\xd8\xff"
    assert SECRET not in made
    listed = (await api.client.get(SCENES, headers=headers)).json()
    assert "originals" not in str(listed)


async def test_a_share_shows_it_and_never_the_original(api, me) -> None:
    headers, account = me
    scene = await stored(api, account, LOCATED, "completed")
    token = (await api.client.post(f"{SCENES}/{scene}/shares", headers=headers, json={})).json()["token"]
    seen = await api.client.get(f"{SHARED}/{token}")
    assert seen.json()["photo_url"] is not None
    assert "originals" not in seen.text


async def test_a_scene_in_the_queue_waits_for_inference_a_while(api, me) -> None:
    headers, account = me
    fresh = await stored(api, account, LOCATED, "pending")
    long_ago = datetime.now(UTC) - timedelta(minutes=2)
    old = await stored(api, account, LOCATED, "pending", created_at=long_ago)
    assert await shown(api, headers, fresh) is None
    assert await shown(api, headers, old) is not None


@pytest.mark.parametrize("photo", [None, b"no photo", LOCATED[:300]])
async def test_a_photo_that_cannot_be_read_is_tried_once(api, me, photo: bytes | None) -> None:
    headers, account = me
    scene = await stored(api, account, photo, "failed")
    assert await shown(api, headers, scene) is None
    (row,) = await api.sql("SELECT photo_url FROM scene_renditions WHERE scene_generation_id = $1", scene)
    assert row["photo_url"] is None
    assert await shown(api, headers, scene) is None


async def test_the_store_being_away_hides_the_photo_this_time_only(api, me, monkeypatch) -> None:
    headers, account = me
    scene = await stored(api, account, LOCATED, "failed")
    own = api.services.presenter._renditions

    async def away(*_, **__):
        raise BlobStoreError("The object store cannot be reached.")

    with monkeypatch.context() as context:
        context.setattr(own._blobs, "read", away)
        assert await shown(api, headers, scene) is None
    own._accounts.add(account)
    assert await shown(api, headers, scene) is None
    own._accounts.discard(account)
    assert await shown(api, headers, scene) is not None
