"""A partner with only its own credentials and third-party clients, against the whole system."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from sharpstream.client import Client, Memory, Session, Tokens
from tests.e2e import photos
from tests.e2e.receiver import Receiver
from tests.e2e.running import Running
from tests.gateway.partners.outside import Outside, texts

pytestmark = pytest.mark.stack
TIMEOUT_S = 90.0


def account(running: Running) -> tuple[str, Session]:
    """Return a new account's id and its sign-in."""
    email, password = f"{uuid4().hex}@example.com", "correct horse battery"
    with Client(running.url) as client:
        made = client.register(email, password)
        return made.id, Session(Memory(Tokens.of(client.login(email, password))))


def test_a_photo_over_kafka_gives_the_same_event_on_every_channel(
    running: Running, receiver: Receiver, tmp_path: Path
) -> None:
    account_id, session = account(running)
    slug = f"acme-{uuid4().hex[:8]}"
    made = running.cli("partners", "create", slug, "--account-id", account_id, "--json")
    assert made.returncode == 0, made.stderr
    created = json.loads(made.stdout)
    kafka = created["kafka"]
    assert kafka["security_protocol"] == "SASL_PLAINTEXT"  # one machine, loopback
    partner = Outside(
        slug=slug,
        bootstrap=kafka["bootstrap_servers"],
        username=kafka["username"],
        password=kafka["password"],
    )
    with Client(running.url, sign_in=session) as client:
        client.create_webhook(receiver.url, events=["generation.completed.v1"])
        photo = base64.b64encode(photos.landscape(tmp_path).read_bytes()).decode()
        headers: dict[str, str | None] = {
            "ce_specversion": "1.0",
            "ce_id": "first",
            "ce_type": "generation.generate.v1",
            "ce_source": "/acme/shop",
            "ce_subject": "order 7",
            "content-type": "application/json",
        }
        command = json.dumps({"image_base64": photo, "metadata": {"shelf": 7}}).encode()
        for _ in range(2):  # the second has no effect
            partner.send(command, headers=headers)
        partner.send(b"{", headers=headers | {"ce_id": "second", "ce_subject": "order 8"})

        messages = partner.read(lambda found: len(found) >= 3, timeout_s=TIMEOUT_S)
        answers = {(texts(m)["ce_subject"], texts(m)["ce_type"]): m for m in messages}
        assert set(answers) == {
            ("order 7", "generation.requested.v1"),
            ("order 7", "generation.completed.v1"),
            ("order 8", "command.rejected.v1"),
        }
        completed = answers["order 7", "generation.completed.v1"]
        event = json.loads(completed.value())
        scene = client.wait(event["subject"], timeout_s=30)
        assert (scene.status, scene.part("client")) == ("completed", {"shelf": 7})
        page = running.wait(
            lambda: client.events(types=["generation.completed.v1"]).events, lambda events: len(events) == 1
        )
        assert page[0].id == event["id"] == texts(completed)["ce_id"]
        ((body, hooked),) = running.wait(lambda: list(receiver.received), bool)
        assert (hooked["webhook-id"], body) == (event["id"], completed.value()), (
            "byte for byte what Kafka has"
        )
        (streamed,) = [e for e in client.follow(event["subject"]) if e.ends]
        assert (streamed.id, streamed.data) == (event["id"], event["data"])
        totals = running.wait(lambda: client.usage().totals, lambda found: len(found) == 1)
        assert [(total.event_type, total.count) for total in totals] == [("scene_generate", 1)]
    check_with_kcat(partner, [m.value() for m in messages])


def check_with_kcat(partner: Outside, bodies: list[bytes | None]) -> None:
    """Read the same with kcat, if its version can: librdkafka before 2.6.1 fails with Kafka 4."""
    kcat = shutil.which("kcat")
    version_text = kcat and subprocess.run([kcat, "-V"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", version_text or "")
    if kcat is None or version is None or tuple(map(int, version.groups())) < (2, 6, 1):
        return
    options = partner.options()
    del options["bootstrap.servers"], options["log_level"]
    settings = [part for name, value in options.items() for part in ("-X", f"{name}={value}")]
    command = [kcat, "-C", "-q", "-e", "-b", partner.bootstrap, "-t", partner.events, "-o", "beginning"]
    done = subprocess.run(
        [*command, "-X", "isolation.level=read_committed", *settings],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.splitlines() == bodies
