"""Photos by URL and upload, repeated requests, quotas, rate limits and load shedding."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from aiohttp import web
from httpx import ASGITransport, AsyncClient

from bus.bridges import outbox
from bus.contract.messages import GenerateScene
from bus.runtime.errors import TransientError
from gateway.app import create_app
from gateway.errors import DomainError
from gateway.scenes import photo_source
from gateway.ssrf import SsrfGuard
from tests.gateway.conftest import Api, started, stored_photos
from tests.gateway.pictures import encoded

PHOTO = encoded("JPEG")
URL = "/api/v1/scenes/generate"


@pytest.fixture
def settings(settings):
    own = settings.gateway.model_copy(update={"fetch_allow_private": True, "fetch_seconds": 1.0})
    return replace(settings, gateway=own)


@asynccontextmanager
async def server(handler):
    """A server that a client refers to; yields its URL."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def photo(_):
    return web.Response(body=PHOTO)


async def commands(api) -> list[GenerateScene]:
    rows = await api.sql("SELECT records FROM outbox ORDER BY id")
    return [msgspec.json.decode(outbox.load(row[0])[0].value, type=GenerateScene) for row in rows]


# --- from a URL ---------------------------------------------------------------------------------------


async def test_a_photo_from_a_url(api, key) -> None:
    async with server(photo) as url:
        body = {
            "image_url": f"{url}/a.jpg",
            "priority": "bulk",
            "metadata": {"room": "hall"},
            "focal_length_px": 900,
        }
        answer = await api.client.post(URL, headers=key, json=body)
    assert answer.status_code == 202, answer.text
    (command,) = await commands(api)
    assert (command.priority, command.focal_length_px) == ("bulk", 900.0)
    assert command.expires_at == command.requested_at + timedelta(days=6)
    [row] = await api.sql("SELECT created_at, expires_at FROM scene_generations")
    assert (row["created_at"], row["expires_at"]) == (command.requested_at, command.expires_at)
    assert await api.services.blobs.get(command.source) == PHOTO
    scene = (await api.client.get(answer.headers["location"], headers=key)).json()
    assert scene["metadata"]["client"] == {"room": "hall"}


async def moved(_):
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


async def missing(_):
    return web.Response(status=404)


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(1024 * 1024))


async def dripping(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"\xff")
        await asyncio.sleep(0.05)


async def large(_):
    return web.Response(headers={"Content-Length": str(10**10)})


async def text(_):
    return web.Response(text="no photo")


@pytest.mark.parametrize(
    ("handler", "status", "code"),
    [
        (moved, 422, "url_failed"),
        (missing, 422, "url_failed"),
        (endless, 413, "photo_too_large"),
        (dripping, 422, "url_failed"),
        (large, 413, "photo_too_large"),
        (text, 415, "unsupported_media_type"),
    ],
)
async def test_a_url_without_a_photo_is_refused(
    api, key, assert_problem, s3_settings, handler, status, code
) -> None:
    before = await stored_photos(api, s3_settings)
    async with server(handler) as url:
        answer = await api.client.post(URL, headers=key, json={"image_url": url})
    assert_problem(answer, status, code)
    assert await api.sql("SELECT FROM scene_generations") == []
    assert await stored_photos(api, s3_settings) == before


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://017700000001/",
        "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://10.1.2.3/",
        "http://192.168.1.1/", "http://172.16.0.1/", "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/", "http://0.0.0.0/", "http://224.0.0.1/", "http://240.0.0.1/", "http://[fe80::1]/",
        "http://[fd00::1]/", "file:///etc/passwd", "ftp://example.com/a", "gopher://example.com/",
        "http://user:password@example.com/", "http://", "no address", "http://localhost/",
    ],
)  # fmt: skip
async def test_addresses_that_are_not_public_are_refused(api, key, assert_problem, url) -> None:
    guard = SsrfGuard(allow_private=False)
    session = guard.session(connect_s=2, total_s=2)
    dependencies = replace(api.services.acceptor.preparer.dependencies, images=guard, outgoing=session)
    with pytest.raises(DomainError) as error:
        await photo_source.from_url(dependencies, url)
    await session.close()
    assert error.value.code == "url_refused"


async def test_a_name_that_turns_private_after_the_check_is_refused(api) -> None:
    class Rebinding(photo_source.aiohttp.abc.AbstractResolver):
        async def resolve(self, host, port=0, family=0):
            return [
                {"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}
            ]

        async def close(self):
            pass

    guard = SsrfGuard(allow_private=False, resolver=Rebinding())
    guard.check("http://photos.example.com/a.jpg")
    async with guard.session(connect_s=2, total_s=2) as session:
        dependencies = replace(api.services.acceptor.preparer.dependencies, images=guard, outgoing=session)
        with pytest.raises(DomainError, match="not public") as error:
            await photo_source.from_url(dependencies, "http://photos.example.com/a.jpg")
    assert error.value.code == "url_refused"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "source_invalid"),
        ({"image_url": "http://x.example", "upload_id": str(uuid4())}, "source_invalid"),
        ({"image_url": 5}, "validation_failed"),
        ({"image_url": "http://x.example", "strange": 1}, "validation_failed"),
        ({"image_url": "http://x.example", "priority": "now"}, "validation_failed"),
        ({"image_url": "http://x.example", "focal_length_px": -1}, "focal_length_invalid"),
        ({"image_url": "http://x.example", "metadata": {"a": "x" * 20_000}}, "metadata_too_large"),
        ({"image_url": "http://x.example", "webhook_url": "http://10.0.0.1/"}, "url_refused"),
    ],
)
async def test_invalid_json_bodies_are_refused(api, key, body, code) -> None:
    answer = await api.client.post(URL, headers=key, json=body)
    assert answer.json()["code"] == code, answer.text


async def test_deeply_nested_metadata_is_refused(api, key, assert_problem) -> None:
    answer = await api.generate(key, PHOTO, metadata='{"a":' * 40 + "1" + "}" * 40)
    assert_problem(answer, 422, "metadata_invalid")


# --- from an upload -----------------------------------------------------------------------------------


async def put(api, key, body: bytes = PHOTO, **headers: str) -> tuple[str, httpx.Response]:
    made = await api.client.post(
        "/api/v1/uploads", headers=key, json={"bytes": len(body), "media_type": "image/jpeg"}
    )
    assert made.status_code == 201, made.text
    upload = made.json()
    async with httpx.AsyncClient() as client:
        return upload["upload_id"], await client.put(
            upload["url"], content=body, headers=upload["headers"] | headers
        )


async def test_an_upload_makes_one_scene(api, key, assert_problem) -> None:
    upload_id, answer = await put(api, key)
    assert answer.status_code == 200, answer.text
    first = await api.client.post(URL, headers=key, json={"upload_id": upload_id})
    assert first.status_code == 202, first.text
    (command,) = await commands(api)
    assert await api.services.blobs.get(command.source) == PHOTO
    assert command.source.key.startswith(f"originals/{command.generation_id}/")
    assert_problem(await api.client.post(URL, headers=key, json={"upload_id": upload_id}), 409, "upload_used")
    _, eve = await api.key(await api.person())
    assert_problem(await api.client.post(URL, headers=eve, json={"upload_id": upload_id}), 404, "not_found")


@pytest.mark.parametrize("stated", ["image/png", "image/heic", "image/tiff"])
async def test_the_photo_has_the_type_of_its_bytes_whatever_was_stated(api, key, stated) -> None:
    wanted = {"bytes": len(PHOTO), "media_type": stated}
    upload = (await api.client.post("/api/v1/uploads", headers=key, json=wanted)).json()
    async with httpx.AsyncClient() as client:
        await client.put(upload["url"], content=PHOTO, headers=upload["headers"])
        made = await api.client.post(URL, headers=key, json={"upload_id": upload["upload_id"]})
        (command,) = await commands(api)
        photo = await client.get(await api.services.blobs.presign(command.source.key))
    assert made.status_code == 202, made.text
    assert photo.headers["content-type"] == command.source.media_type == "image/jpeg"


@pytest.mark.parametrize(
    "stated", ["image/svg+xml", "image/gif", "text/html", "image/jpeg;x=1", "image/jpeg\n"]
)
async def test_an_upload_of_another_type_is_refused(api, key, assert_problem, stated) -> None:
    wanted = {"bytes": 100, "media_type": stated}
    answer = await api.client.post("/api/v1/uploads", headers=key, json=wanted)
    assert_problem(answer, 422, "validation_failed")


async def test_two_requests_at_once_use_an_upload_once(api, key, s3_settings) -> None:
    upload_id, _ = await put(api, key)
    posts = (api.client.post(URL, headers=key, json={"upload_id": upload_id}) for _ in range(4))
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert len(await commands(api)) == 1


async def test_the_upload_url_accepts_only_the_announced_size_and_type(api, key) -> None:
    made = await api.client.post(
        "/api/v1/uploads", headers=key, json={"bytes": 10, "media_type": "image/jpeg"}
    )
    async with httpx.AsyncClient() as client:
        answer = await client.put(
            made.json()["url"], content=b"x" * 11, headers={"Content-Type": "image/jpeg"}
        )
        assert answer.status_code == 403, answer.text
        answer = await client.put(
            made.json()["url"], content=b"x" * 10, headers={"Content-Type": "text/html"}
        )
        assert answer.status_code == 403, answer.text


async def test_missing_and_expired_uploads_are_refused(api, key, assert_problem) -> None:
    made = await api.client.post(
        "/api/v1/uploads", headers=key, json={"bytes": 10, "media_type": "image/jpeg"}
    )
    body = {"upload_id": made.json()["upload_id"]}
    assert_problem(await api.client.post(URL, headers=key, json=body), 422, "upload_missing")
    await api.sql("UPDATE uploads SET expires_at = now() - interval '2 hours'")
    assert_problem(await api.client.post(URL, headers=key, json=body), 409, "upload_expired")
    await api.services.uploads.sweep()
    assert_problem(await api.client.post(URL, headers=key, json=body), 404, "not_found")
    (row,) = await api.sql("SELECT key FROM blob_removals")
    assert row["key"].startswith(f"uploads/{body['upload_id']}/")


# --- repeated requests --------------------------------------------------------------------------------


@pytest.fixture
async def two(api, settings):
    """A second gateway on the same database."""
    app = create_app(settings)
    async with started(app), AsyncClient(transport=ASGITransport(app), base_url="http://second") as client:
        yield api, Api(app, client)


async def send(api, headers, idempotency_key, body=PHOTO, **form):
    return await api.generate(headers | {"Idempotency-Key": idempotency_key}, body, **form)


async def test_the_same_key_gets_the_first_answer(two, key, assert_problem) -> None:
    first, second = two
    one = await send(first, key, "k-1", priority="bulk")
    again = await send(second, key, "k-1", priority="bulk")
    assert (one.status_code, one.json()) == (again.status_code, again.json()) == (202, one.json())
    assert again.headers["location"] == one.headers["location"]
    assert len(await commands(first)) == 1
    assert_problem(await send(first, key, "k-1"), 422, "idempotency_key_reused")
    other = await send(first, key, "k-1", body=encoded("PNG"), priority="bulk")
    assert_problem(other, 422, "idempotency_key_reused")
    _, eve = await first.key(await first.person())
    assert (await send(first, eve, "k-1")).json()["generation_id"] != one.json()["generation_id"]


async def test_simultaneous_requests_at_two_gateways_make_one_scene(two, key) -> None:
    answers = await asyncio.gather(*(send(two[n % 2], key, "same") for n in range(8)))
    accepted = {answer.json()["generation_id"] for answer in answers if answer.status_code == 202}
    assert len(accepted) == 1
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 202}
    assert refused <= {"idempotency_in_progress"}
    assert len(await commands(two[0])) == 1


async def test_a_failed_request_may_be_repeated_with_the_same_key(
    api, key, assert_problem, monkeypatch
) -> None:
    put_object = api.services.blobs.put

    async def away(*_, **__):
        raise TransientError("S3 is away.")

    monkeypatch.setattr(api.services.blobs, "put", away)
    assert_problem(await send(api, key, "k"), 503, "temporarily_unavailable")
    monkeypatch.setattr(api.services.blobs, "put", put_object)
    assert (await send(api, key, "k")).status_code == 202
    assert_problem(await send(api, key, "photo", body=b"no photo"), 415, "unsupported_media_type")
    assert (await send(api, key, "photo")).status_code == 202


async def test_the_key_of_a_crashed_request_is_free_after_its_lease(api, key, assert_problem) -> None:
    assert (await send(api, key, "k")).status_code == 202
    await api.sql("UPDATE idempotency_keys SET generation_id = NULL")  # as after a crash before the scene
    assert_problem(await send(api, key, "k"), 409, "idempotency_in_progress")
    await api.sql("UPDATE idempotency_keys SET lease_until = now() - interval '1 second'")
    assert (await send(api, key, "k")).status_code == 202


async def test_a_request_that_lost_its_lease_makes_no_scene(
    api, key, assert_problem, s3_settings, monkeypatch
) -> None:
    before = await stored_photos(api, s3_settings)
    put_object = api.services.blobs.put

    async def slow(*arguments, **options):
        stored = await put_object(*arguments, **options)
        await api.sql("UPDATE idempotency_keys SET token = $1", uuid4())  # another request has taken over
        return stored

    monkeypatch.setattr(api.services.blobs, "put", slow)
    assert_problem(await send(api, key, "k"), 409, "idempotency_in_progress")
    assert await api.sql("SELECT FROM scene_generations") == []
    assert await stored_photos(api, s3_settings) == before


async def test_a_request_that_lost_its_lease_leaves_its_upload_unused(
    api, key, assert_problem, monkeypatch
) -> None:
    copy, (upload_id, _) = api.services.blobs.copy, await put(api, key)

    async def slow(*arguments, **options):
        await copy(*arguments, **options)
        await api.sql("UPDATE idempotency_keys SET token = $1", uuid4())  # another request has taken over

    async def send_it(name: str) -> httpx.Response:
        return await api.client.post(
            URL, headers=key | {"Idempotency-Key": name}, json={"upload_id": upload_id}
        )

    with monkeypatch.context() as patched:
        patched.setattr(api.services.blobs, "copy", slow)
        assert_problem(await send_it("k"), 409, "idempotency_in_progress")
    assert [row["used_at"] for row in await api.sql("SELECT used_at FROM uploads")] == [None]
    assert (await send_it("other")).status_code == 202


@pytest.mark.parametrize("bad", ["", "with space", "ä", "x" * 256])
async def test_malformed_idempotency_keys_are_refused(api, key, assert_problem, bad) -> None:
    headers = {k.encode(): v.encode() for k, v in key.items()} | {b"Idempotency-Key": bad.encode("latin-1")}
    answer = await api.client.post(URL, headers=headers, files={"image": ("p.jpg", PHOTO)})
    assert_problem(answer, 422, "idempotency_key_invalid")


# --- limits -------------------------------------------------------------------------------------------


async def account_of(api) -> UUID:
    return (await api.sql("SELECT user_id FROM api_keys"))[0]["user_id"]


async def quota(api, **figures: int) -> None:
    names = ", ".join(figures)
    values = ", ".join(str(value) for value in figures.values())
    await api.sql(
        f"INSERT INTO account_quotas (user_id, {names}, updated_at) VALUES ($1, {values}, now())",
        await account_of(api),
    )
    api.services.account_quotas._known.clear()


async def test_generations_in_flight_have_a_quota_that_two_gateways_cannot_overshoot(
    two, key, assert_problem, s3_settings
) -> None:
    for each in two:
        each.services.account_quotas._known.clear()
    await quota(two[0], max_in_flight=3)
    before = await stored_photos(two[0], s3_settings)
    answers = await asyncio.gather(*(two[n % 2].generate(key, PHOTO) for n in range(9)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 6
    problem = next(answer for answer in answers if answer.status_code == 429)
    assert_problem(problem, 429, "quota_in_flight")
    assert problem.headers["retry-after"] == "5"
    assert len(await stored_photos(two[0], s3_settings) - before) == 3
    await two[0].sql("UPDATE scene_generations SET status = 'completed'")
    assert (await two[0].generate(key, PHOTO)).status_code == 202


async def recorded_priorities(api) -> list[tuple[str, str, str, str]]:
    """Return for each photo the priority of its row, command topic, command and event."""
    found = []
    for row in await api.sql(
        "SELECT o.records, s.priority FROM outbox o JOIN scene_generations s"
        " ON position(convert_to(s.id::text, 'UTF8') IN o.records) > 0 ORDER BY o.id"
    ):
        command, event = outbox.load(row["records"])
        bodies = [json.loads(record.value) for record in (command, event)]
        found.append((row["priority"], command.topic.split(".")[3], *(body["priority"] for body in bodies)))
    return found


async def test_generations_beyond_the_interactive_share_become_bulk_at_two_gateways(two, key) -> None:
    for each in two:
        quotas = each.services.account_quotas
        quotas._of_user = replace(quotas._of_user, interactive_at_once=3)
    answers = await asyncio.gather(*(two[n % 2].generate(key, PHOTO) for n in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(await recorded_priorities(two[0])) == [("bulk",) * 4] * 5 + [("interactive",) * 4] * 3
    await two[0].sql("UPDATE scene_generations SET status = 'completed' WHERE priority = 'interactive'")
    await two[0].sql("DELETE FROM outbox")
    await two[0].generate(key, PHOTO)
    assert await recorded_priorities(two[0]) == [("bulk",) * 4], "five of the generations are still in flight"
    await two[0].sql("UPDATE scene_generations SET status = 'completed'")
    await two[0].sql("DELETE FROM outbox")
    for _ in range(4):
        await two[0].generate(key, PHOTO, priority="bulk")
    await two[0].generate(key, PHOTO)
    assert await recorded_priorities(two[0]) == [("bulk",) * 4] * 4 + [("interactive",) * 4], (
        "requests sent as bulk do not count"
    )


async def test_every_response_states_the_request_rate(api, key, assert_problem) -> None:
    await quota(api, requests_per_minute=3)
    await api.sql("TRUNCATE rate_limits")
    left = []
    for _ in range(3):
        answer = await api.client.get("/api/v1/scenes", headers=key)
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"requests";q=3;w=60'
        left.append(answer.headers["ratelimit"].split(";")[1])
    assert left == ["r=2", "r=1", "r=0"]
    answer = await api.client.get("/api/v1/scenes", headers=key)
    assert_problem(answer, 429, "rate_limited")
    assert 15 <= int(answer.headers["retry-after"]) <= 20
    assert answer.headers["ratelimit"].startswith('"requests";r=0;t=')
    await api.sql("UPDATE rate_limits SET empty = empty - interval '21 seconds'")
    assert (await api.client.get("/api/v1/scenes", headers=key)).status_code == 200


async def test_sign_ins_are_throttled_by_account(api, assert_problem) -> None:
    await api.person("ada@example.com")
    wrong = {"email": "Ada@example.com", "password": "a wrong password"}
    answers = [await api.client.post("/api/v1/users/login", json=wrong) for _ in range(20)]
    assert {answer.status_code for answer in answers[:19]} == {401}
    answer = await api.client.post("/api/v1/users/login", json=wrong | {"email": "ada@example.com "})
    assert_problem(answer, 429, "login_throttled")
    assert int(answer.headers["retry-after"]) > 0


async def test_load_shedding_refuses_a_flood_of_photos(api, key, assert_problem) -> None:
    half = api.services.settings.gateway.upload_mib * 1024 * 1024 // 2
    async with api.services.budget.of(uuid4()) as one, api.services.budget.of(uuid4()) as other:
        one.charge(half)
        other.charge(half - 1000)
        answer = await api.generate(key, PHOTO)
        assert_problem(answer, 503, "busy")
        assert answer.headers["retry-after"] == "2"
    assert (await api.generate(key, PHOTO)).status_code == 202
