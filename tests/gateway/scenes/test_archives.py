"""Several scenes' files as one zip: by a link that needs no credentials and does not last."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from bus.contract.ids import new_id
from gateway.scenes import archives
from tests.gateway.rows import put_scene

SCENES = "/api/v1/scenes"


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def stored(api, account, name: str, content: bytes):
    """Put a completed scene whose splat is in the store."""
    scene = new_id()
    ref = await api.services.blobs.put(f"results/{scene}/winner.ply", content, "application/ply")
    blob = {"key": ref.key, "bytes": ref.bytes, "sha256": ref.sha256, "media_type": ref.media_type}
    return await put_scene(
        api, account, id=scene, metadata=json.dumps({"name": name}), result_blob=json.dumps(blob)
    )


async def exported(api, scene, content: bytes):
    """Put a completed export of the scene into the store."""
    export = new_id()
    await api.services.blobs.put(f"exports/{export}/a.spz", content, "application/octet-stream")
    await api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, options, status, export_file_url,"
        " stored_bytes, created_at, updated_at)"
        " VALUES ($1, $2, 'spz', '{}', 'completed', $3, $4, now(), now())",
        export, scene, f"s3://{api.services.blobs.bucket}/exports/{export}/a.spz", len(content),
    )  # fmt: skip


async def pack(api, headers, *scenes, **more):
    body = {"scene_ids": [str(each) for each in scenes]} | more
    return await api.client.post(f"{SCENES}/archive", headers=headers, json=body)


def path_of(made) -> str:
    assert made.status_code == 200, made.text
    return made.json()["url"].partition("://")[2].partition("/")[2]


async def test_splats_are_packed_under_their_names(api, me) -> None:
    headers, account = me
    big = bytes(range(256)) * 3000  # several pieces
    scenes = [
        await stored(api, account, name, content)
        for name, content in (("Küche / hall.jpg", b"one"), ("IMG_1.jpg", big), ("img_1.JPG", b"three"))
    ]
    unfinished = await put_scene(api, account, "processing")
    made = await pack(api, headers, *scenes, unfinished, scenes[0])
    body = made.json()
    assert (body["files"], [each["id"] for each in body["left_out"]]) == (3, [str(unfinished)])
    got = await api.client.get(f"/{path_of(made)}")  # without credentials
    assert got.status_code == 200, got.text
    assert got.headers["content-type"] == "application/zip"
    assert int(got.headers["content-length"]) == len(got.content) == body["bytes"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.testzip() is None
        assert {each: archive.read(each) for each in archive.namelist()} == {
            "Küche - hall.ply": b"one", "IMG_1.ply": big, "img_1 (2).ply": b"three",
        }  # fmt: skip
    assert not api.services.archives._open


async def test_exports_are_packed_where_there_are_some(api, me, assert_problem) -> None:
    headers, account = me
    first, second = await stored(api, account, "a.jpg", b"1"), await stored(api, account, "b.jpg", b"2")
    assert_problem(await pack(api, headers, first, format="spz"), 409, "nothing_to_pack")
    await exported(api, first, b"spz of a")
    made = await pack(api, headers, first, second, format="SPZ")
    (missing,) = made.json()["left_out"]
    assert (missing["id"], missing["code"]) == (str(second), "export_missing")
    got = await api.client.get(f"/{path_of(made)}")
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert {each: archive.read(each) for each in archive.namelist()} == {"a.spz": b"spz of a"}
    assert_problem(await pack(api, headers, first, format="exe"), 422, "format_unknown")
    assert_problem(await pack(api, headers, first, scene_ids=[]), 422, "validation_failed")


async def test_a_link_ends_and_shows_nothing_else(api, me, assert_problem, monkeypatch) -> None:
    headers, account = me
    scene = await stored(api, account, "a.jpg", b"1")
    _, eve = await api.key(await api.person())
    assert_problem(await pack(api, eve, scene), 409, "nothing_to_pack")
    path = path_of(await pack(api, headers, scene))
    for wrong in (
        path[:-1],
        f"{path}x",
        path.replace(".", ""),
        path.replace("archives/", "archives/AAAA"),
        "api/v1/archives/x",
    ):
        assert_problem(await api.client.get(f"/{wrong}"), 404, "not_found")
    await api.client.delete(f"{SCENES}/{scene}", headers=headers)
    assert_problem(await api.client.get(f"/{path}"), 409, "nothing_to_pack")
    monkeypatch.setattr(archives, "GOOD_S", -1)
    kept = await stored(api, account, "b.jpg", b"2")
    assert_problem(await api.client.get(f"/{path_of(await pack(api, headers, kept))}"), 404, "not_found")


async def test_limits_of_size_and_of_archives_at_once(api, me, assert_problem, monkeypatch) -> None:
    headers, account = me
    scene = await stored(api, account, "a.jpg", b"12345")
    path = path_of(await pack(api, headers, scene))
    with monkeypatch.context() as small:
        small.setattr(archives, "MOST_BYTES", 4)
        assert_problem(await pack(api, headers, scene), 409, "archive_too_large")
    members = (
        await api.services.archives.contents(api.services.archives.read(path.rpartition("/")[2]))
    ).members
    reading = [api.services.archives.stream(account, members) for _ in range(archives.OF_ACCOUNT)]
    for each in reading:
        await anext(each)
    answer = await api.client.get(f"/{path}")
    assert_problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "10"
    for each in reading:
        await each.aclose()
    assert (await api.client.get(f"/{path}")).status_code == 200


async def test_a_file_that_is_gone_cuts_the_archive(api, me) -> None:
    headers, account = me
    scene = await stored(api, account, "a.jpg", b"1")
    path = path_of(await pack(api, headers, scene))
    await api.services.blobs.delete(f"results/{scene}/winner.ply")
    with pytest.raises(Exception, match="after response started"):
        await api.client.get(f"/{path}")
    assert not api.services.archives._open
