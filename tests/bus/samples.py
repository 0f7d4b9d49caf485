"""One sample of each message type, with no field at its default."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from bus.contract import messages as m
from bus.contract.blob_ref import BlobRef

JOB, ACCOUNT, KEY, EXPORT = (UUID(int=n) for n in (1, 2, 3, 4))
NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
BLOB = BlobRef(key="originals/1/x", sha256="ab" * 32, bytes=12345, media_type="image/jpeg")
MODEL = m.ModelRun(
    name="card", version="1", weights_sha256="cd" * 32, dtype="float32", device="cpu", batch_size=4
)
TIMINGS = m.Timings(
    queued_ms=1, fetch_ms=2, decode_ms=3, batch_wait_ms=4, inference_ms=5.5, encode_ms=6, upload_ms=7
)

ALL: tuple[m.AnyMessage, ...] = (
    m.GenerateScene(
        generation_id=JOB,
        account_id=ACCOUNT,
        source=BLOB,
        requested_at=NOW,
        expires_at=NOW,
        priority=m.Priority.BULK,
        model="card",
        focal_length_px=812.5,
        focal_length_mm=24.0,
    ),
    m.CancelScene(generation_id=JOB, account_id=ACCOUNT, requested_at=NOW),
    m.ExportScene(
        export_id=EXPORT,
        generation_id=JOB,
        account_id=ACCOUNT,
        source=BLOB,
        format="GLTF",
        requested_at=NOW,
        options={"faces": 1000, "scale": 0.5, "texture": True, "axes": "y-up"},
        purpose="viewer",
        expires_at=NOW,
        photo=BLOB,
    ),
    m.GenerationRequested(
        generation_id=JOB,
        account_id=ACCOUNT,
        source=BLOB,
        priority=m.Priority.BULK,
        api_key_id=KEY,
        retry_of=EXPORT,
    ),
    m.GenerationCompleted(
        generation_id=JOB,
        account_id=ACCOUNT,
        result=BLOB,
        gaussian_count=19683,
        image_width=600,
        image_height=400,
        focal_length_px=500.0,
        input_sha256="ef" * 32,
        model=MODEL,
        timings=TIMINGS,
        attempt=2,
        focal_source=m.FocalSource.EXIF,
        scale_uncertainty=0.26,
        photo=BLOB,
        thumbnail=BLOB,
    ),
    m.GenerationFailed(
        generation_id=JOB, account_id=ACCOUNT, code="x", message="Why.", timings=TIMINGS, attempt=3
    ),
    m.GenerationCancelled(generation_id=JOB, account_id=ACCOUNT, reason="requested"),
    m.GenerationDeleted(generation_id=JOB, account_id=ACCOUNT),
    m.ExportRequested(
        export_id=EXPORT,
        generation_id=JOB,
        account_id=ACCOUNT,
        format="OBJ",
        api_key_id=KEY,
        options={"faces": 1000},
    ),
    m.ExportCompleted(
        export_id=EXPORT,
        generation_id=JOB,
        account_id=ACCOUNT,
        format="OBJ",
        result=BLOB,
        timings=TIMINGS,
        attempt=2,
        scores=m.Scores(size=768, psnr=31.4, ssim=0.93, lpips=0.08, dists=0.05),
    ),
    m.ExportFailed(
        export_id=EXPORT,
        generation_id=JOB,
        account_id=ACCOUNT,
        format="OBJ",
        code="x",
        message="Why.",
        attempt=2,
    ),
    m.ApiKeyCreated(api_key_id=KEY, account_id=ACCOUNT),
    m.ApiKeyRevoked(api_key_id=KEY, account_id=ACCOUNT),
    m.WebhookDisabled(webhook_id=KEY, account_id=ACCOUNT, reason="failing", failing_since=NOW),
    m.CommandRejected(
        command_id=KEY, account_id=ACCOUNT, code="photo_empty", message="Why.", partition=2, offset=7
    ),
    m.GenerationStarted(generation_id=JOB, account_id=ACCOUNT, worker="w1", attempt=2),
    m.GenerationProgress(generation_id=JOB, account_id=ACCOUNT, stage=m.Stage.ENCODE, fraction=0.75),
)
