"""Partners in the admin API, and their users, topics and rights in Kafka."""

from __future__ import annotations

import asyncio
import threading
from uuid import UUID, uuid4

import pytest
from confluent_kafka import KafkaException
from pydantic import SecretStr

from bus.contract.partners import Names
from bus.runtime.errors import TransientError
from gateway.partners.kafka_admin import Cluster, KafkaRefusedError
from tests.gateway.partners.conftest import outside
from tests.gateway.partners.outside import DENIED, denied

pytestmark = pytest.mark.stack


def topics_of(partner) -> set[str]:
    return set(partner.admin().list_topics(timeout=5).topics)


async def test_a_new_partner_gets_topics_an_account_and_its_password_once(desk, unique) -> None:
    slug = unique("acme")
    created, partner = await desk.opened(slug)
    assert created["topics"] == {
        "commands": f"partner.{slug}.commands.v1",
        "events": f"partner.{slug}.events.v1",
    }
    assert created["group_prefix"] == f"partner.{slug}."
    assert await asyncio.to_thread(topics_of, partner) == set(created["topics"].values())
    document = await desk.api.client.get(created["asyncapi_url"].partition("8000")[2])
    assert document.json()["asyncapi"] == "3.0.0"
    seen = await desk.get(f"/{created['id']}")
    assert (seen["state"], seen["settled"], seen["username"]) == ("active", True, partner.username)
    assert partner.password not in str(seen) + str(await desk.get(""))
    roles = await desk.api.sql("SELECT role FROM users WHERE id = $1", UUID(created["account_id"]))
    assert [row["role"] for row in roles] == ["enterprise"]


async def test_an_existing_account_can_become_a_partner_once(desk, unique, assert_problem) -> None:
    account_id = str(await desk.api.account_id(await desk.api.person()))
    created, _ = await desk.opened(unique("one"), account_id=account_id)
    assert created["account_id"] == account_id
    second = await desk.post("", {"slug": unique("two"), "account_id": account_id})
    assert_problem(second, 409, "partner_exists")
    unknown_account = await desk.post("", {"slug": unique("two"), "account_id": str(uuid4())})
    assert_problem(unknown_account, 404, "not_found")


async def test_a_slug_is_never_reused(desk, unique, assert_problem) -> None:
    created, _ = await desk.opened(unique("acme"))
    again = {
        "slug": created["slug"],
        "account": {"email": "x@example.com", "password": "correct horse battery"},
    }
    assert_problem(await desk.post("", again), 409, "slug_taken")
    await desk.delete(created["id"])
    assert_problem(await desk.post("", again), 409, "slug_taken")
    assert await desk.api.sql("SELECT FROM users WHERE email = 'x@example.com'") == []


@pytest.mark.parametrize(
    "body",
    [
        {"slug": "acme"},
        {"slug": "acme", "account_id": str(uuid4()), "account": {"email": "a@b.org", "password": "x" * 12}},
        *(
            {"slug": slug, "account_id": str(uuid4())}
            for slug in ("", "A", "a.b", "-a", "a-", "a" * 41, "a/b")
        ),
    ],
)
async def test_invalid_partners_are_refused(desk, body, assert_problem) -> None:
    assert_problem(await desk.post("", body), 422, "validation_failed")


async def test_new_credentials_end_the_old_ones(desk, unique) -> None:
    created, old = await desk.opened(unique("acme"))
    answer = await desk.post(f"/{created['id']}/rotate")
    assert answer.status_code == 200, answer.text
    new = outside(answer.json())
    assert answer.json() | {"kafka": created["kafka"]} == created
    assert await asyncio.to_thread(topics_of, new) == {new.commands, new.events}
    with pytest.raises(KafkaException):
        await asyncio.to_thread(topics_of, old)


async def test_a_suspended_partner_is_denied_until_it_is_resumed(desk, unique) -> None:
    created, partner = await desk.opened(unique("acme"))
    headers = {"ce_id": "1"}
    await asyncio.to_thread(partner.send, b"{}", headers=headers)
    answer = await desk.post(f"/{created['id']}/suspend")
    assert (answer.json()["state"], answer.json()["settled"]) == ("suspended", True)
    for work in (lambda: partner.send(b"{}", headers=headers), lambda: partner.read(bool)):
        assert await asyncio.to_thread(denied, work) in DENIED
    answer = await desk.post(f"/{created['id']}/resume")
    assert (answer.json()["state"], answer.json()["settled"]) == ("active", True)
    await asyncio.to_thread(partner.send, b"{}", headers=headers)


async def test_a_deleted_partner_is_removed_and_its_topics_later(
    desk, unique, kafka_settings, assert_problem
) -> None:
    created, partner = await desk.opened(unique("acme"))
    desk.api.services.lifecycle._keep_s = 3600
    await desk.delete(created["id"])
    with pytest.raises(KafkaException):
        await asyncio.to_thread(topics_of, partner)
    row = await desk.get(f"/{created['id']}")
    assert (row["state"], row["settled"]) == ("deleting", False)
    await desk.api.services.lifecycle.work()  # nothing is due yet
    assert (await desk.get(f"/{created['id']}"))["state"] == "deleting"
    desk.api.services.lifecycle._keep_s = 0
    await desk.api.sql("UPDATE partners SET due_at = now()")
    await desk.api.services.lifecycle.work()
    row = await desk.get(f"/{created['id']}")
    assert (row["state"], row["settled"]) == ("deleted", True)
    for change in ("rotate", "suspend", "resume"):
        assert_problem(await desk.post(f"/{created['id']}/{change}"), 409, "partner_state")
    assert (await desk.get(""))["items"][0]["state"] == "deleted"


async def test_a_creation_that_failed_halfway_is_completed(desk, unique, monkeypatch, assert_problem) -> None:
    """Kafka refuses the last step; repeating the request returns credentials, and so does a rotation."""
    account_id = str(await desk.api.account_id(await desk.api.person()))
    body = {"slug": unique("acme"), "account_id": account_id}

    async def refuse(*_: object, **__: object) -> None:
        raise KafkaRefusedError("away")

    with monkeypatch.context() as broken:
        broken.setattr(Cluster, "open", refuse)
        answer = await desk.post("", body)
    assert_problem(answer, 503, "temporarily_unavailable")
    assert "again" in answer.json()["message"]
    made = await desk.post("", body)
    assert made.status_code == 201, made.text
    assert await asyncio.to_thread(topics_of, outside(made.json()))

    body = {"slug": unique("other"), "account_id": str(await desk.api.account_id(await desk.api.person()))}
    with monkeypatch.context() as broken:
        broken.setattr(Cluster, "open", refuse)
        await desk.post("", body)
    await desk.api.sql("UPDATE partners SET due_at = now()")
    await desk.api.services.lifecycle.work()
    [row] = [item for item in (await desk.get(""))["items"] if item["slug"] == body["slug"]]
    assert (row["state"], row["settled"]) == ("active", True)
    assert_problem(await desk.post("", body), 409, "slug_taken")
    renewed = outside((await desk.post(f"/{row['id']}/rotate")).json())
    assert await asyncio.to_thread(topics_of, renewed) == {renewed.commands, renewed.events}


async def test_a_change_that_did_not_reach_kafka_is_applied_later(desk, unique, monkeypatch) -> None:
    created, partner = await desk.opened(unique("acme"))

    async def refuse(*_: object) -> None:
        raise KafkaRefusedError("away")

    with monkeypatch.context() as broken:
        broken.setattr(Cluster, "close", refuse)
        answer = await desk.post(f"/{created['id']}/suspend")
        assert (answer.json()["state"], answer.json()["settled"]) == ("suspended", False)
        await desk.api.sql("UPDATE partners SET due_at = now()")
        await desk.api.services.lifecycle.work()  # still unavailable: retried later
    [row] = await desk.api.sql("SELECT settled, due_at > now() AS later FROM partners")
    assert (row["settled"], row["later"]) == (False, True)
    await desk.api.sql("UPDATE partners SET due_at = now()")
    await desk.api.services.lifecycle.work()
    assert (await desk.get(f"/{created['id']}"))["settled"] is True
    assert await asyncio.to_thread(denied, lambda: partner.send(b"{}", headers={})) in DENIED


async def test_erasing_an_account_deletes_its_partner(desk, unique) -> None:
    person = await desk.api.person()
    account_id = await desk.api.account_id(person)
    created, partner = await desk.opened(unique("acme"), account_id=str(account_id))
    await desk.api.services.erasing.erase(account_id, no_password="!")
    await desk.api.services.lifecycle.work()
    assert (await desk.get(f"/{created['id']}"))["state"] == "deleted"
    with pytest.raises(KafkaException):
        await asyncio.to_thread(topics_of, partner)


async def test_an_unreachable_cluster_raises_a_transient_error(kafka_settings) -> None:
    away = kafka_settings.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    with pytest.raises(TransientError, match="refused"):
        await Cluster(away).close(Names("x"))


async def test_failed_authentication_leaves_no_thread_behind(kafka_settings, monkeypatch) -> None:
    monkeypatch.setattr("gateway.partners.kafka_admin.REQUEST_TIMEOUT_MS", 1500)
    stranger = kafka_settings.model_copy(update={"password": SecretStr("wrong")})
    before = threading.active_count()
    with pytest.raises(TransientError):
        await Cluster(stranger).close(Names("x"))
    assert [thread.name for thread in threading.enumerate() if "kafka" in thread.name.lower()] == []
    assert threading.active_count() <= before + 1  # asyncio keeps one for such work
