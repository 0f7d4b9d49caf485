"""A typical alternative for comparison: FastAPI, boto, Postgres, and Celery on Redis.

Runs in its own virtual environment (`_fastapi_celery.txt`) and imports nothing of this project. POST looks
the key up, decodes the photo fully (not if RIVAL_DECODES=worker), hashes and stores it, writes a row and
enqueues. The task fetches and decodes the photo, stores a result of as many bytes as the model `null` makes,
writes the rows of its end and publishes it; the stream of the scene has it from Redis. It promises nothing: a
process that dies between two of these lines loses or repeats what comes after.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import time
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache

import aioboto3
import asyncpg
import boto3
import psycopg
import redis
import redis.asyncio
from botocore.config import Config
from celery import Celery
from fastapi import FastAPI, Header, HTTPException, UploadFile
from fastapi.responses import StreamingResponse
from PIL import Image

RESULT = b"x" * 500  # about the file of one Gaussian
SCHEMA = """
CREATE TABLE IF NOT EXISTS rival_keys (hash text PRIMARY KEY, account uuid NOT NULL);
CREATE TABLE IF NOT EXISTS rival_scenes (id uuid PRIMARY KEY, account uuid, url text, sha256 text,
    status text, result text, event jsonb, created_at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS rival_usage (id uuid PRIMARY KEY, scene uuid NOT NULL, account uuid NOT NULL,
    seconds float8 NOT NULL, created_at timestamptz DEFAULT now());
"""
S3 = {
    "endpoint_url": os.environ["S3_ENDPOINT_URL"],
    "region_name": "us-east-1",
    "config": Config(
        s3={"addressing_style": "path"}, max_pool_connections=64, request_checksum_calculation="when_required"
    ),
}
BUCKET = os.environ["S3_BUCKET"]
KEYS = os.environ["S3_ACCESS_KEY_ID"], os.environ["S3_SECRET_ACCESS_KEY"]

queue = Celery(broker=os.environ["BROKER_URL"], backend=None)
queue.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=1)


@cache
def connections():
    """Return this worker process' connections: S3, Postgres, Redis."""
    store = boto3.client("s3", aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1], **S3)
    database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    return store, database, redis.Redis.from_url(os.environ["BROKER_URL"])


@queue.task(name="generate")
def work(scene: str, key: str) -> None:
    """Do the whole job of one photo."""
    store, database, published = connections()
    began = time.perf_counter()
    data = store.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    decode(data)
    result = f"results/{scene}.ply"
    store.put_object(Bucket=BUCKET, Key=result, Body=RESULT, ContentType="application/octet-stream")
    event = json.dumps({
        "type": "generation.completed.v1",
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "generation_id": scene,
            "sha256": hashlib.sha256(RESULT).hexdigest(),
            "timings": {"inference_ms": (time.perf_counter() - began) * 1000},
        },
    })  # fmt: skip
    with database.transaction():
        row = database.execute(
            "UPDATE rival_scenes SET status = 'completed', result = %s, event = %s WHERE id = %s"
            " RETURNING account",
            (f"s3://{BUCKET}/{result}", event, scene),
        ).fetchone()
        database.execute(
            "INSERT INTO rival_usage (id, scene, account, seconds) VALUES (%s, %s, %s, %s)",
            (uuid.uuid4(), scene, row[0], time.perf_counter() - began),
        )
    published.publish(scene, event)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with (
        asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool,
        aioboto3.Session(*KEYS).client("s3", **S3) as s3,
        redis.asyncio.Redis.from_url(os.environ["BROKER_URL"]) as published,
    ):
        await pool.execute(SCHEMA)
        await pool.execute(
            "INSERT INTO rival_keys VALUES ($1, $2) ON CONFLICT DO NOTHING",
            hashlib.sha256(os.environ["RIVAL_KEY"].encode()).hexdigest(),
            uuid.uuid4(),
        )
        app.state.pool, app.state.s3, app.state.published = pool, s3, published
        yield


app = FastAPI(lifespan=lifespan)


def decode(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()


def enqueue(scene: str, key: str) -> None:
    queue.send_task("generate", args=[scene, key])


@app.post("/api/v1/scenes/generate", status_code=202)
async def generate(image: UploadFile, x_api_key: str = Header()) -> dict[str, str]:
    pool = app.state.pool
    hashed = hashlib.sha256(x_api_key.encode()).hexdigest()
    account = await pool.fetchval("SELECT account FROM rival_keys WHERE hash = $1", hashed)
    if account is None:
        raise HTTPException(401)
    data = await image.read()
    if os.environ.get("RIVAL_DECODES") != "worker":
        try:
            await asyncio.to_thread(decode, data)
        except OSError as error:
            raise HTTPException(422) from error
    scene = uuid.uuid4()
    key = f"originals/{scene}"
    digest = hashlib.sha256(data).hexdigest()
    await app.state.s3.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType="image/jpeg")
    await pool.execute(
        "INSERT INTO rival_scenes (id, account, url, sha256, status) VALUES ($1, $2, $3, $4, 'pending')",
        scene,
        account,
        f"s3://{BUCKET}/{key}",
        digest,
    )
    await asyncio.to_thread(enqueue, str(scene), key)  # Celery's client blocks
    return {"generation_id": str(scene), "status": "pending"}


@app.get("/api/v1/scenes/{scene}/events")
async def follow(scene: uuid.UUID) -> StreamingResponse:
    return StreamingResponse(ending(str(scene)), media_type="text/event-stream")


async def ending(scene: str):
    async with app.state.published.pubsub() as channel:
        await channel.subscribe(scene)
        found = await app.state.pool.fetchval(
            "SELECT event FROM rival_scenes WHERE id = $1", uuid.UUID(scene)
        )
        while found is None:
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=15)
            found = message and message["data"].decode()
        yield f"data: {found}\n\n"
