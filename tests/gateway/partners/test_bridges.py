"""From a partner's command to its event, over the real Kafka, with an independent client."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
from datetime import timedelta
from uuid import UUID

import pytest

from bus.contract.partners import MAX_PHOTO_BYTES
from gateway.scenes.stored_bytes import GIB
from tests.gateway.partners.outside import Texts, texts
from tests.gateway.pictures import encoded
from tests.gateway.rows import put_scene

pytestmark = pytest.mark.stack

PHOTO = base64.b64encode(encoded("JPEG")).decode()


def command(ce_id: str | None, subject: str | None = None, **more: str | None) -> Texts:
    """Return the headers of a command."""
    headers: Texts = {
        "ce_specversion": "1.0",
        "ce_id": ce_id,
        "ce_type": "generation.generate.v1",
        "ce_source": "/acme",
        "ce_subject": subject,
        "content-type": "application/json",
    } | more
    return {name: value for name, value in headers.items() if value is not None}


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


async def read(partner, count: int, **more):
    """Return the next events of a partner; further events are left to the group's next reader."""
    return await asyncio.to_thread(partner.read, lambda found: len(found) >= count, **more)


async def answers(partner, count: int) -> list[tuple[str, str]]:
    """Return (subject, type or code) of the partner's first `count` events, in order."""
    messages = await read(partner, count, group=f"partner.{partner.slug}.{count}")
    found = []
    for message in messages:
        event = json.loads(message.value())
        found.append((texts(message)["ce_subject"], event["data"].get("code") or event["type"]))
    return found


async def scenes(desk) -> list[UUID]:
    return [row["id"] for row in await desk.api.sql("SELECT id FROM scene_generations ORDER BY created_at")]


async def test_a_command_with_a_photo_makes_a_job_and_its_events(bridged, unique, gpu) -> None:
    created, partner = await bridged.opened(unique("acme"))
    account = UUID(created["account_id"])
    await asyncio.to_thread(
        partner.send,
        body(
            image_base64=PHOTO,
            metadata={"room": "kitchen"},
            priority="bulk",
            focal_length_mm=24,
            delete_after_hours=36,
        ),
        headers=command("c-1", "order 7/kitchen"),
    )
    [requested] = await read(partner, 1)
    [job] = await scenes(bridged)
    await gpu.complete(account, job)
    [completed] = await read(partner, 1)
    for message, kind in ((requested, "generation.requested.v1"), (completed, "generation.completed.v1")):
        headers, event = texts(message), json.loads(message.value())
        assert (headers["ce_subject"], headers["ce_commandid"]) == ("order 7/kitchen", "c-1")
        assert (headers["ce_type"], headers["ce_id"]) == (kind, event["id"])
        assert (event["type"], event["subject"]) == (kind, str(job))
        assert event["data"]["generation_id"] == str(job)
        assert headers["content-type"] == "application/json"
    [row] = await bridged.api.sql("SELECT * FROM scene_generations")
    assert row["expires_at"] == row["created_at"] + timedelta(days=6)
    assert row["delete_at"] == row["created_at"] + timedelta(hours=36)
    sent = json.loads(row["client_metadata"])
    assert (row["priority"], row["user_id"], sent) == ("bulk", account, {"room": "kitchen"})
    [commanded] = await bridged.api.sql("SELECT * FROM partner_commands")
    assert (commanded["ce_id"], commanded["generation_id"]) == ("c-1", job)


async def test_a_job_from_rest_is_published_under_its_generation_id(bridged, unique) -> None:
    person = await bridged.api.person()
    _, partner = await bridged.opened(unique("acme"), account_id=str(await bridged.api.account_id(person)))
    answer = await bridged.api.generate(person, encoded("JPEG"))
    job = answer.json()["generation_id"]
    assert await answers(partner, 1) == [(job, "generation.requested.v1")]


async def test_a_new_partner_needs_no_restart_and_sees_nothing_of_others(bridged, unique) -> None:
    _, first = await bridged.opened(unique("first"))
    await asyncio.to_thread(first.send, body(image_base64=PHOTO), headers=command("1", "of the first"))
    assert await answers(first, 1) == [("of the first", "generation.requested.v1")]
    _, second = await bridged.opened(unique("second"))
    await asyncio.to_thread(second.send, body(image_base64=PHOTO), headers=command("1", "of the second"))
    assert await answers(second, 1) == [("of the second", "generation.requested.v1")]
    assert len(await scenes(bridged)) == 2


async def test_a_repeated_command_has_one_answer_and_makes_one_job(bridged, unique) -> None:
    _, partner = await bridged.opened(unique("acme"))
    photo, other = body(image_base64=PHOTO), body(image_base64=PHOTO, priority="bulk")
    same = command("same", "a")
    records = [(photo, same), (photo, same), (other, command("same", "a")), (photo, same), (b"", same)]
    await asyncio.to_thread(partner.send_all, [*records, (photo, command("last", "z"))], key=b"k")
    found = await answers(partner, 4)
    assert found[:3] == [
        ("a", "generation.requested.v1"),
        ("a", "command_id_reused"),
        ("a", "command_id_reused"),
    ]
    assert found[3] == ("z", "generation.requested.v1")
    assert len(await scenes(bridged)) == 2
    assert len(await stored(bridged)) == 2


POISON = [
    ("nothing at all", b"", {}, "command_malformed"),
    ("no value", None, command("1"), "command_malformed"),
    ("no id", body(image_base64=PHOTO), command(None), "command_malformed"),
    ("no CloudEvent", body(image_base64=PHOTO), {"ce_id": "1"}, "command_malformed"),
    ("another version", body(image_base64=PHOTO), command("1", ce_specversion="2.0"), "command_malformed"),
    ("another type", body(image_base64=PHOTO), command("1", ce_type="x.y.v1"), "command_unknown"),
    ("structured", b"{}", {"content-type": "application/cloudevents+json"}, "command_malformed"),
    ("a long id", body(image_base64=PHOTO), command("x" * 257), "command_malformed"),
    ("a long subject", body(image_base64=PHOTO), command("1", "x" * 257), "command_malformed"),
    ("no JSON", b"\xff\xfe", command("1"), "command_malformed"),
    ("deep JSON", b"[" * 100_000, command("1"), "command_malformed"),
    ("a list", b"[]", command("1"), "command_malformed"),
    ("an unknown field", body(image_base64=PHOTO, colour="red"), command("1"), "command_malformed"),
    ("no base64", body(image_base64="%%%"), command("1"), "command_malformed"),
    ("no source", body(priority="bulk"), command("1"), "source_invalid"),
    ("two sources", body(image_base64=PHOTO, image_url="http://x/"), command("1"), "source_invalid"),
    (
        "no photo",
        body(image_base64=base64.b64encode(b"x" * 99).decode()),
        command("1"),
        "unsupported_media_type",
    ),
    ("an empty photo", body(image_base64=""), command("1"), "photo_empty"),
    (
        "a large photo",
        body(image_base64=base64.b64encode(b"x" * (MAX_PHOTO_BYTES + 1)).decode()),
        command("1"),
        "photo_too_large",
    ),
    ("a priority", body(image_base64=PHOTO, priority="now"), command("1"), "command_malformed"),
    ("a focal length", body(image_base64=PHOTO, focal_length_mm=0), command("1"), "focal_length_invalid"),
    (
        "hours to keep it",
        body(image_base64=PHOTO, delete_after_hours=0),
        command("1"),
        "delete_after_hours_invalid",
    ),
    ("metadata", body(image_base64=PHOTO, metadata={"x": "y" * 20_000}), command("1"), "metadata_too_large"),
    ("NUL in metadata", body(image_base64=PHOTO, metadata={"x": "\0"}), command("1"), "metadata_invalid"),
    ("our own network", body(image_url="http://127.0.0.1:1/x.jpg"), command("1"), "url_refused"),
    (
        "a webhook there",
        body(image_base64=PHOTO, webhook_url="http://10.0.0.1/"),
        command("1"),
        "url_refused",
    ),
    ("a strange upload", body(upload_key=str(UUID(int=7))), command("1"), "not_found"),
]


async def test_invalid_commands_are_rejected_in_order_and_block_no_other(bridged, unique) -> None:
    """Each has its code, in order, and a valid command after them all is accepted."""
    _, partner = await bridged.opened(unique("acme"))
    records = []
    for number, (_, value, headers, _) in enumerate(POISON):
        named = dict(headers)
        if named.get("ce_id") == "1":
            named["ce_id"] = f"id-{number}"
        records.append((value, named))
    good = (body(image_base64=PHOTO), command("good", "good"))
    receipts = await asyncio.to_thread(partner.send_all, [*records, good], key=b"k")
    messages = await read(partner, len(records) + 1)
    events = [json.loads(message.value()) for message in messages]
    codes = [event["data"].get("code") for event in events]
    assert codes == [*(code for *_, code in POISON), None]
    for event, receipt in zip(events[:-1], receipts, strict=False):
        assert event["type"] == "command.rejected.v1"
        assert (event["data"]["partition"], event["data"]["offset"]) == (
            receipt.partition(),
            receipt.offset(),
        )
        assert event["data"]["message"]
    assert texts(messages[-1])["ce_subject"] == "good"
    assert len({event["id"] for event in events}) == len(events)
    assert len(await stored(bridged)) == 1  # rejected commands leave no photo behind
    for row in await bridged.api.sql("SELECT records FROM outbox"):
        assert b"id-" not in row["records"]


async def test_an_upload_is_used_once_by_its_key(bridged, unique) -> None:
    person = await bridged.api.person()
    _, partner = await bridged.opened(unique("acme"), account_id=str(await bridged.api.account_id(person)))
    photo = encoded("JPEG")
    upload_target = await bridged.api.client.post(
        "/api/v1/uploads", headers=person, json={"bytes": len(photo), "media_type": "image/jpeg"}
    )
    upload = upload_target.json()
    async with bridged.dependencies.outgoing.__class__() as http:
        put = await http.put(upload["url"], data=photo, headers=upload["headers"])
        assert put.status == 200
    value = body(upload_key=upload["upload_id"])
    records = [(value, command(str(number), str(number))) for number in range(2)]
    await asyncio.to_thread(partner.send_all, records, key=b"k")
    assert await answers(partner, 2) == [("0", "generation.requested.v1"), ("1", "upload_used")]


async def test_a_suspended_partners_commands_are_rejected(bridged, unique) -> None:
    created, partner = await bridged.opened(unique("acme"))
    await bridged.api.sql("UPDATE partners SET state = 'suspended'")  # the rights in Kafka are unchanged
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("1", "a"))
    assert await answers(partner, 1) == [("a", "partner_suspended")]
    await bridged.post(f"/{created['id']}/resume")
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("2", "b"))
    assert (await answers(partner, 2))[1] == ("b", "generation.requested.v1")


async def test_an_inactive_accounts_commands_are_rejected(bridged, unique) -> None:
    created, partner = await bridged.opened(unique("acme"))
    await bridged.api.sql("UPDATE users SET is_active = false WHERE id = $1", UUID(created["account_id"]))
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("1", "a"))
    assert await answers(partner, 1) == [("a", "account_inactive")]
    assert await stored(bridged) == set()


async def test_commands_beyond_the_quota_are_rejected(bridged, unique) -> None:
    created, partner = await bridged.opened(unique("acme"))
    await bridged.api.sql(
        "INSERT INTO account_quotas (user_id, max_in_flight, updated_at) VALUES ($1, 2, now())",
        UUID(created["account_id"]),
    )
    records = [(body(image_base64=PHOTO), command(str(number), str(number))) for number in range(3)]
    await asyncio.to_thread(partner.send_all, records, key=b"k")
    assert await answers(partner, 3) == [
        ("0", "generation.requested.v1"),
        ("1", "generation.requested.v1"),
        ("2", "quota_in_flight"),
    ]


async def test_commands_of_an_account_that_stores_its_share_are_rejected(bridged, unique) -> None:
    created, partner = await bridged.opened(unique("acme"))
    splat = {
        "key": "results/s/1.ply",
        "sha256": "cd" * 32,
        "bytes": 10_000 * GIB,  # an admin may store 100 times as much as a user
        "media_type": "application/ply",
    }
    scene = await put_scene(bridged.api, UUID(created["account_id"]), result_blob=json.dumps(splat))
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("1", "a"))
    assert await answers(partner, 1) == [("a", "storage_exhausted")]
    assert await stored(bridged) == set()
    await bridged.api.sql("UPDATE scene_generations SET deleted_at = now() WHERE id = $1", scene)
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("2", "b"))
    assert await answers(partner, 2) == [("a", "storage_exhausted"), ("b", "generation.requested.v1")]


async def test_a_client_without_codecs_of_its_own_reads_the_events(bridged, unique) -> None:
    """kafkajs#597, #1141, n8n#4444: other codecs than gzip need extra packages in most languages."""
    assert importlib.util.find_spec("lz4") is None
    _, partner = await bridged.opened(unique("acme"))
    records = [(body(image_base64=PHOTO), command(str(number), str(number))) for number in range(5)]
    await asyncio.to_thread(partner.send_all, records, key=b"k")
    values = [message.value() for message in await read(partner, 5)]
    assert await asyncio.to_thread(partner.plainly_read, f"partner.{partner.slug}.plain", 5) == values


async def test_a_reset_group_reads_the_same_events_again(bridged, unique) -> None:
    _, partner = await bridged.opened(unique("acme"))
    records = [(body(image_base64=PHOTO), command(str(number), str(number))) for number in range(3)]
    await asyncio.to_thread(partner.send_all, records, key=b"k")
    group = f"partner.{partner.slug}.replay"
    first = await read(partner, 3, group=group)
    await asyncio.to_thread(partner.rewind, group)
    again = await read(partner, 3, group=group)
    assert [m.value() for m in again] == [m.value() for m in first]
    assert [m.headers() for m in again] == [m.headers() for m in first]


async def stored(desk) -> set[str]:
    """Return the keys of the photos of this database's scenes."""
    rows = await desk.api.sql("SELECT id FROM scene_generations")
    found: set[str] = set()
    for row in rows:
        found |= set(await desk.api.services.blobs.keys(f"originals/{row['id']}/"))
    return found
