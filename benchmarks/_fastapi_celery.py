"""A typical alternative endpoint for comparison: FastAPI, boto, asyncpg, and Celery on Redis.

Runs in its own virtual environment (`_fastapi_celery.txt`) and imports nothing of this project. It does the
work of POST /scenes/generate: look the key up, decode the photo fully, hash it, store it, write a row and
enqueue.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import uuid
from contextlib import asynccontextmanager

import aioboto3
import asyncpg
from botocore.config import Config
from celery import Celery
from fastapi import FastAPI, Header, HTTPException, UploadFile
from PIL import Image

queue = Celery(broker=os.environ["BROKER_URL"], backend=None)
queue.conf.task_ignore_result = True


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with (
        asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool,
        aioboto3.Session(os.environ["S3_ACCESS_KEY_ID"], os.environ["S3_SECRET_ACCESS_KEY"]).client(
            "s3",
            endpoint_url=os.environ["S3_ENDPOINT_URL"],
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                max_pool_connections=64,
                request_checksum_calculation="when_required",
            ),
        ) as s3,
    ):
        await pool.execute(
            "CREATE TABLE IF NOT EXISTS rival_keys (hash text PRIMARY KEY, account uuid NOT NULL);"
            "CREATE TABLE IF NOT EXISTS rival_scenes (id uuid PRIMARY KEY, account uuid NOT NULL,"
            " url text NOT NULL, sha256 text NOT NULL, status text NOT NULL,"
            " created_at timestamptz DEFAULT now())"
        )
        await pool.execute(
            "INSERT INTO rival_keys VALUES ($1, $2) ON CONFLICT DO NOTHING",
            hashlib.sha256(os.environ["RIVAL_KEY"].encode()).hexdigest(),
            uuid.uuid4(),
        )
        app.state.pool, app.state.s3 = pool, s3
        yield


app = FastAPI(lifespan=lifespan)


def decode(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()


def enqueue(scene: str, key: str) -> None:
    queue.send_task("generate", args=[scene, key])


@app.post("/api/v1/scenes/generate", status_code=202)
async def generate(image: UploadFile, x_api_key: str = Header()) -> dict[str, str]:
    pool, bucket = app.state.pool, os.environ["S3_BUCKET"]
    hashed = hashlib.sha256(x_api_key.encode()).hexdigest()
    account = await pool.fetchval("SELECT account FROM rival_keys WHERE hash = $1", hashed)
    if account is None:
        raise HTTPException(401)
    data = await image.read()
    try:
        await asyncio.to_thread(decode, data)
    except OSError as error:
        raise HTTPException(422) from error
    scene = uuid.uuid4()
    key = f"originals/{scene}"
    digest = hashlib.sha256(data).hexdigest()
    await app.state.s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="image/jpeg")
    await pool.execute(
        "INSERT INTO rival_scenes (id, account, url, sha256, status) VALUES ($1, $2, $3, $4, 'pending')",
        scene,
        account,
        f"s3://{bucket}/{key}",
        digest,
    )
    await asyncio.to_thread(enqueue, str(scene), key)  # Celery's client blocks
    return {"generation_id": str(scene), "status": "pending"}
