"""The command line and the client library against the whole system."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sharpstream.client import (
    AsyncClient,
    Client,
    Memory,
    ServiceError,
    Session,
    Tokens,
    verify_webhook,
)
from tests.e2e import command_line, photos
from tests.e2e.receiver import Receiver
from tests.e2e.running import Running
from tests.e2e.system import System

pytestmark = pytest.mark.stack
PASSWORD = "correct horse battery"


@pytest.fixture
def person(running: Running, tmp_path: Path) -> Running:
    """The same system, used from a separate home by a user with an account."""
    own = Running(
        running.home,
        {k: v for k, v in running.env.items() if k.startswith(("OTEL_", "GATEWAY_", "INFERENCE_"))},
    )
    own.env |= {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    email = f"{tmp_path.name}@example.com"
    say(own, "register", email, "--password-stdin", "--first-name", "Ada", given=f"{PASSWORD}\n")
    return own


def say(who: Running, *arguments: str, given: str = "", status: int = 0) -> str:
    """Run a command; return its output."""
    done = command_line.run(arguments, who.env, given)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def run_json(who: Running, *arguments: str) -> Any:
    return json.loads(say(who, *arguments, "--json"))


def test_a_users_session_on_the_command_line(person: Running, receiver: Receiver, tmp_path: Path) -> None:
    assert run_json(person, "whoami")["role"] == "user"
    hook = run_json(person, "webhooks", "add", receiver.url, "-e", "generation.completed.v1")

    photo = photos.landscape(tmp_path)
    (result,) = json.loads(say(person, "generate", str(photo), "-o", str(tmp_path), "--json"))["results"]
    job = result["generation_id"]
    assert Path(result["path"]).stat().st_size == result["bytes"]
    assert [scene["id"] for scene in run_json(person, "list", "--status", "completed")] == [job]
    assert run_json(person, "show", job)["timings"]["total_ms"] > 0
    assert "generation.completed.v1" in say(person, "events", job)
    lines = [json.loads(line) for line in say(person, "events", "--json").splitlines()]
    assert [line["type"] for line in lines if line["subject"] == job] == [
        "generation.requested.v1", "generation.completed.v1",
    ]  # fmt: skip

    ((body, headers),) = person.wait(lambda: list(receiver.received), bool)
    event = verify_webhook(body, headers, hook["secret"])
    assert (event.type, event.subject, event.id) == ("generation.completed.v1", job, lines[-1]["id"])
    assert receiver.url in say(person, "webhooks", "list")

    key = run_json(person, "keys", "create", "look only", "--scope", "scenes:read", "--days", "1")
    assert "look only" in say(person, "keys", "list")
    assert "scope_missing" in say(person, "cancel", job, "--api-key", key["key"], status=1)
    say(person, "keys", "revoke", key["id"])
    assert "api_key_revoked" in say(person, "list", "--api-key", key["key"], status=1)
    assert "scene_ended" in say(person, "cancel", job, status=1)
    assert "role_insufficient" in say(person, "dlq", "list", status=1)
    totals = {total["event_type"]: total["count"] for total in run_json(person, "usage")}
    assert totals == {"scene_generate": 1, "api_key_created": 1}
    assert [row["event_type"] for row in run_json(person, "usage", "--rows")] == [
        "api_key_created", "scene_generate",
    ]  # fmt: skip

    say(person, "delete", job, "--yes")
    assert run_json(person, "list") == []
    say(person, "webhooks", "remove", hook["id"])
    say(person, "logout")
    assert run_json(person, "whoami")["with"] == "API key", "signed out, the stack's own key speaks"


def test_an_admins_session_on_the_command_line(running: Running) -> None:
    """The command line is not signed in: on the stack's machine it acts as the admin."""
    assert run_json(running, "dlq", "list", "--status", "discarded") == []
    acts = {item["action"] for item in run_json(running, "audit", "--limit", "100")["items"]}
    assert acts >= {"create-admin", "migrate: roles"}
    assert "not_found" in say(running, "dlq", "redrive", "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47", status=1)
    with Client(running.url, sign_in=signed_in(running)) as client:
        assert client.me().role == "admin"
        assert client.invariants().holds
        assert client.accounts(q=running.credentials["email"]).items[0].role == "admin"


def signed_in(system: System) -> Session:
    with Client(system.url) as client:
        known = system.credentials
        return Session(Memory(Tokens.of(client.login(known["email"], known["password"]))))


def test_the_blocking_client(system: System, tmp_path: Path) -> None:
    with Client(system.url, system.credentials["api_key"]) as client:
        photo = photos.landscape(tmp_path)
        accepted = client.generate(photo, metadata={"shelf": 7}, idempotency_key=str(tmp_path))
        again = client.generate(photo, metadata={"shelf": 7}, idempotency_key=str(tmp_path))
        assert again.generation_id == accepted.generation_id
        *_, last = client.follow(accepted.generation_id)
        assert last.type == "generation.completed.v1"
        scene = client.wait(accepted.generation_id, timeout_s=60)
        assert scene.part("client") == {"shelf": 7}
        with (tmp_path / "it.ply").open("wb") as file:
            digest = client.download(scene.generated_3d_gaussian_url or "", file)
        assert digest == scene.part("result")["sha256"]

        data = photo.read_bytes()
        upload = client.create_upload(size=len(data), media_type="image/jpeg")
        client.put(upload.url, data, upload.headers)
        uploaded = client.generate_from(upload_id=upload.upload_id, priority="bulk")
        assert client.wait(uploaded.generation_id, timeout_s=60).status == "completed"
        assert {model.name for model in client.models() if model.running} == {"card"}
        with pytest.raises(ServiceError) as caught:
            client.scene("0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47")
        assert (caught.value.code, caught.value.status) == ("not_found", 404)


async def test_the_asyncio_client(system: System, tmp_path: Path) -> None:
    async with AsyncClient(system.url, sign_in=await asyncio.to_thread(signed_in, system)) as client:
        before = await client.events(limit=500)
        photo = photos.landscape(tmp_path)
        accepted = [await client.generate(photo, name=f"{n}.jpg") for n in range(3)]
        wanted = {one.generation_id for one in accepted}
        scenes = await asyncio.gather(*(client.wait(job, timeout_s=60) for job in wanted))
        assert {scene.status for scene in scenes} == {"completed"}
        after = before.next_cursor
        while (page := await client.events(after=after)).events:
            after = page.next_cursor
        ended = set()
        async for event in client.stream(after="0", types=["generation.completed.v1"]):
            ended |= {event.subject} & wanted
            if ended == wanted:
                break
        person = await client.me()
        assert person.email == system.credentials["email"]
