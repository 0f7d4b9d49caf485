"""A scene shows its rendition and thumbnail: inference's, or made when it is asked for; never the original.

| class | members | source |
|---|---|---|
| the original is no picture for the web | HEIC, TIFF; failed, cancelled, older, long in the queue | AdventureLog#599, WeddingShare#5 |
| the original says too much | GPS, artist, a trailer | idno/idno#288, sview#138, mastodon#22948 |
| no photo is no reason to fail | gone, broken, the store away, too many at once | |
"""  # noqa: E501

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from PIL import Image

from bus.blobs import BlobStoreError
from bus.contract.ids import new_id
from tests.gateway.rows import put_scene
from tests.photo.files import HEIC, encoded, exif, quarters, tiff, with_exif

SCENES, SHARED = "/api/v1/scenes", "/api/v1/shared"
SECRET = b"Elm Street 12"
PHOTO = encoded(quarters(960, 640), "JPEG")
LOCATED = with_exif(PHOTO, exif({315: (2, SECRET)}, gps={1: (2, b"N\0")})) + SECRET


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def stored(api, account: UUID, photo: bytes | None, status: str, **columns) -> UUID:
    scene = new_id()
    if photo is not None:
        await api.services.blobs.put(f"originals/{scene}/photo", photo, "image/jpeg")
    return await put_scene(api, account, status, id=scene, **columns)


async def pictures(api, headers, scene: UUID) -> tuple[str | None, str | None]:
    answer = await api.client.get(f"{SCENES}/{scene}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["photo_url"], answer.json()["thumbnail_url"]


async def shown(api, headers, scene: UUID) -> str | None:
    return (await pictures(api, headers, scene))[0]


async def stored_pictures(api, scene: UUID) -> list[str]:
    return [key for key in await api.services.blobs.keys(f"results/{scene}/") if key.endswith(".jpg")]


def key_in(url: str | None) -> str:
    assert url is not None
    return urlsplit(url).path.partition("results/")[2]


@pytest.mark.parametrize("names", [("photo", "thumbnail"), ("photo",)])
async def test_inferences_pictures_are_shown_as_they_are(api, me, names: tuple[str, ...]) -> None:
    headers, account = me
    folder = f"s3://{api.services.blobs.bucket}/results/x"
    scene = await put_scene(api, account, **{f"{name}_url": f"{folder}/{name}.jpg" for name in names})
    expected = ["x/photo.jpg", "x/thumbnail.jpg"][: len(names)]
    (item,) = (await api.client.get(SCENES, headers=headers)).json()["items"]
    for urls in (await pictures(api, headers, scene), (item["photo_url"], item["thumbnail_url"])):
        assert [key_in(url) for url in urls if url] == expected
    assert await api.sql("SELECT FROM scene_renditions") == []


@pytest.mark.parametrize(
    ("photo", "status"),
    [(LOCATED, "failed"), (HEIC.read_bytes(), "cancelled"), (tiff(quarters(), 2), "completed")],
)
async def test_both_are_made_once_when_the_scene_is_asked_for(api, me, photo: bytes, status: str) -> None:
    headers, account = me
    scene = await stored(api, account, photo, status)
    first, again = [await pictures(api, headers, scene) for _ in range(2)]
    (item,) = (await api.client.get(SCENES, headers=headers)).json()["items"]
    keys = [f"results/{key_in(url)}" for url in first]
    assert sorted(keys) == await stored_pictures(api, scene)
    for urls in (again, (item["photo_url"], item["thumbnail_url"])):
        assert [f"results/{key_in(url)}" for url in urls] == keys
    for key, longest in zip(keys, (1600, 480), strict=True):
        made, _ = await api.services.blobs.read(key, most=1 << 20)
        assert made[:3] == b"\xff\xd8\xff"
        assert SECRET not in made
        with Image.open(io.BytesIO(made)) as image:
            assert max(image.size) <= longest
    assert "originals" not in str(item)


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
    (row,) = await api.sql("SELECT photo_url, thumbnail_url FROM scene_renditions")
    assert (row["photo_url"], row["thumbnail_url"]) == (None, None)
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


async def test_a_gateway_that_comes_second_leaves_nothing_behind(api, me, monkeypatch) -> None:
    """Both made them at once: those of the first are shown, and the other's are removed."""
    headers, account = me
    scene = await stored(api, account, LOCATED, "failed")
    own = api.services.presenter._renditions
    put = api.services.blobs.put
    first = [f"s3://{api.services.blobs.bucket}/results/{scene}/{name}.jpg" for name in ("photo", "small")]

    async def beaten(*given, **options):
        await api.sql(
            "INSERT INTO scene_renditions (scene_generation_id, photo_url, thumbnail_url, created_at)"
            " VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING", scene, *first,
        )  # fmt: skip
        return await put(*given, **options)

    monkeypatch.setattr(own._blobs, "put", beaten)
    urls = await pictures(api, headers, scene)
    assert [key_in(url) for url in urls] == [f"{scene}/photo.jpg", f"{scene}/small.jpg"]
    assert await stored_pictures(api, scene) == []
