"""One photo, one trace: from the client's own span through every process to the last projection."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.bus.collector import Collector, Received
from tests.e2e import photos
from tests.e2e.running import Running

pytestmark = pytest.mark.stack

GATEWAY, RELAY, INFERENCE = "sharpstream-gateway", "sharpstream-relay", "sharpstream-inference"
LEDGER, EXPORT, WEBHOOKS = "sharpstream-ledger", "sharpstream-export", "sharpstream-webhooks"
STAGES = ["queue", "fetch", "decode", "batch_wait", "inference", "encode", "upload"]
REQUESTED, COMPLETED = "project generation.requested.v1", "project generation.completed.v1"
EXPECTED = {
    (GATEWAY, "POST /api/v1/scenes/generate"),
    (RELAY, "publish generation.generate.v1"),
    (RELAY, "publish generation.requested.v1"),
    (INFERENCE, "process generation.generate.v1"),
    *((INFERENCE, stage) for stage in STAGES),
    *((service, name) for service in (LEDGER, EXPORT, WEBHOOKS) for name in (REQUESTED, COMPLETED)),
}


def test_one_photo_is_one_trace(running: Running, collector: Collector, tmp_path: Path) -> None:
    trace_id, client_span = secrets.token_hex(16), secrets.token_hex(8)
    photo = photos.landscape(tmp_path)
    with running.client() as client:
        answer = client.post(
            "/scenes/generate",
            files={"image": (photo.name, photo.read_bytes())},
            headers={"traceparent": f"00-{trace_id}-{client_span}-01", "X-Correlation-ID": "of-the-test"},
        )
    assert answer.status_code == 202, answer.text
    generation_id = answer.json()["generation_id"]

    spans = running.wait(
        lambda: collector.trace(trace_id), lambda found: {(s.service, s.name) for s in found} >= EXPECTED
    )
    named = {(s.service, s.name): s for s in spans}
    assert len(named) == len(spans)
    assert named.keys() == EXPECTED

    request = named[GATEWAY, "POST /api/v1/scenes/generate"]
    work = named[INFERENCE, "process generation.generate.v1"]
    assert request.parent == client_span
    assert children(spans, request) == {
        (RELAY, "publish generation.generate.v1"),
        (RELAY, "publish generation.requested.v1"),
        (INFERENCE, "process generation.generate.v1"),
        (LEDGER, REQUESTED),
        (EXPORT, REQUESTED),
        (WEBHOOKS, REQUESTED),
    }
    assert children(spans, work) == {
        *((INFERENCE, stage) for stage in STAGES),
        (LEDGER, COMPLETED),
        (EXPORT, COMPLETED),
        (WEBHOOKS, COMPLETED),
    }
    begun = [named[INFERENCE, stage] for stage in STAGES]
    assert [s.began for s in begun] == sorted(s.began for s in begun)
    assert all(s.began <= s.ended for s in spans)
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["sharpstream.correlation_id"] == answer.headers["x-request-id"]
    assert work.attributes["sharpstream.generation_id"] == generation_id
    assert not any(s.failed for s in spans)
    assert running.credentials["api_key"] not in repr(spans)


def children(spans: list[Received], parent: Received) -> set[tuple[str, str]]:
    return {(s.service, s.name) for s in spans if s.parent == parent.id}
