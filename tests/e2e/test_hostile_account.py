"""One hostile account and ten addresses cost an honest account nothing that the limits do not name.

`tests.e2e.attack` lists what is sent. Here only counts are checked; `benchmarks/hostile.py` times.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from sharpstream.client import Client, Memory, Session, Tokens
from tests.e2e import photos
from tests.e2e.attack import Report, Target
from tests.e2e.running import Running

pytestmark = [pytest.mark.stack, pytest.mark.drill]
HONEST = 20
"""Photos of the honest account, one after the other."""
AHEAD = 8
"""The attacker's jobs that may end between an honest job's acceptance and its end: 2 interactive ones that
wait (GATEWAY_INTERACTIVE_AT_ONCE), and what the worker had taken: two batches of 2, and one being stored."""
BETWEEN = """
    SELECT count(*) FROM event_log AS theirs, event_log AS began, event_log AS ended
    WHERE began.subject = $1 AND began.type = 'generation.requested.v1'
    AND ended.subject = $1 AND ended.type = 'generation.completed.v1'
    AND theirs.account_id = $2 AND theirs.type = 'generation.completed.v1'
    AND theirs.time BETWEEN began.time AND ended.time
"""


def member(running: Running, name: str) -> tuple[str, str]:
    """Make an account; return its id and an API key."""
    email, password = f"{name}-{uuid4().hex}@example.com", "correct horse battery"
    with Client(running.url) as client:
        account = client.register(email, password)
        session = Session(Memory(Tokens.of(client.login(email, password))))
    with Client(running.url, sign_in=session) as client:
        return account.id, client.create_api_key("tests").key


def target(running: Running, account_id: str, key: str, photo: bytes) -> Target:
    """Return what the attacker attacks with: a scene of its own and a partner's access."""
    slug = f"evil-{uuid4().hex[:8]}"
    made = running.cli("partners", "create", slug, "--account-id", account_id, "--json")
    assert made.returncode == 0, made.stderr
    with Client(running.url, key) as client:
        scene = client.wait(client.generate(photo, name="p.jpg").generation_id, timeout_s=60)
    return Target(
        url=running.url,
        api_key=key,
        scene_id=scene.id,
        photo=photo,
        kafka=json.loads(made.stdout)["kafka"],
        commands=f"partner.{slug}.commands.v1",
    )


async def test_an_honest_account_beside_a_hostile_one(running: Running, tmp_path: Path) -> None:
    photo = photos.landscape(tmp_path).read_bytes()
    _, honest = member(running, "ada")
    mallory, key = member(running, "mallory")
    given = msgspec.json.encode(target(running, mallory, key, photo))
    attacker = subprocess.Popen(  # noqa: ASYNC220  (it is written to and read from once each)
        [sys.executable, "-m", "tests.e2e.attack"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert attacker.stdin
    attacker.stdin.write(given)
    attacker.stdin.close()
    jobs = []
    try:
        with Client(running.url, honest) as client:
            for _ in range(HONEST):
                job = client.generate(photo, name="p.jpg").generation_id
                assert client.wait(job, timeout_s=120).status == "completed"
                jobs.append(job)
            export = client.export(jobs[0], "PLY", options={"max_gaussians": 1000})
            assert client.wait_export(export.export_id).status == "completed"
        assert attacker.poll() is None, "the attacker ended by itself"
    finally:
        attacker.send_signal(signal.SIGTERM)
    assert attacker.stdout
    with attacker.stdout as printed:
        report = msgspec.json.decode(printed.read(), type=Report)
    assert attacker.wait() == 0
    answers = report.answers
    assert answers["photos"].keys() <= {"415", "422", "429", "503"}, answers
    assert answers["exports"].keys() >= {"202", "429"}, answers
    assert answers["jobs"].keys() <= {"202", "429", "503"}, answers
    assert not {code for found in answers.values() for code in found} & {"500", "502"}, answers
    ahead = [(await running.fetch(BETWEEN, UUID(job), UUID(mallory)))[0][0] for job in jobs]
    assert max(ahead) <= AHEAD, ahead
