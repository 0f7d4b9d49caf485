"""What one account's flood does to another's waiting time: p50 and p99 alone, and beside floods, in one run.

The whole system with the model ``null``, so that waiting is all there is. One person sends a photo, waits for
its scene (`Prefer: wait`), sends the next. The other account keeps as many under way as its quota allows, on
the bulk lane or on the interactive one. Prints JSON; ratios are to the same person alone.

    python benchmarks/fairness.py --photos 100
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import numpy as np
from _stack import own_stack
from PIL import Image

FLOODERS = 16
"""Senders of the flood, each with a request of its own open: enough to keep its quota used up."""
PROMISED = 1.5


def photo() -> bytes:
    """Return a small JPEG of noise."""
    pixels = np.frombuffer(os.urandom(64 * 64 * 3), np.uint8).reshape(64, 64, 3)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


async def key_of_a_new_account(http: aiohttp.ClientSession) -> str:
    """Register somebody and return an API key."""
    who = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    async with http.post("/api/v1/users/register", json=who) as answer:
        assert answer.status == 201, await answer.text()
    async with http.post("/api/v1/users/login", json=who) as answer:
        token = (await answer.json())["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    async with http.post("/api/v1/api-keys", json={"name": "fairness"}, headers=bearer) as answer:
        return str((await answer.json())["key"])


async def send(http: aiohttp.ClientSession, key: str, *, wait_s: int = 0, **fields: str) -> int:
    """Send a photo; with ``wait_s`` wait for its scene. Return the status."""
    form = aiohttp.FormData(fields)
    form.add_field("image", photo(), filename="photo.jpg", content_type="image/jpeg")
    headers = {"X-API-Key": key} | ({"Prefer": f"wait={wait_s}"} if wait_s else {})
    async with http.post("/api/v1/scenes/generate", data=form, headers=headers) as answer:
        await answer.read()
        return answer.status


async def person(http: aiohttp.ClientSession, key: str, photos: int) -> dict[str, float]:
    """Send one photo after the other; return the quantiles of the whole wait, in milliseconds."""
    waits = []
    for _ in range(photos):
        began = time.perf_counter()
        status = await send(http, key, wait_s=60)
        assert status in {200, 429}, status
        if status == 200:
            waits.append((time.perf_counter() - began) * 1000)
    found = np.percentile(waits, [50, 99])
    return {"p50_ms": round(float(found[0]), 1), "p99_ms": round(float(found[1]), 1), "photos": len(waits)}


@asynccontextmanager
async def flood(http: aiohttp.ClientSession, key: str, counts: dict[int, int], **fields: str) -> Any:
    """While inside, the account sends as much as it may; refusals count as its trying."""

    async def sender() -> None:
        while True:
            status = await send(http, key, **fields)
            counts[status] = counts.get(status, 0) + 1
            if status == 429:
                await asyncio.sleep(0.2)

    senders = [asyncio.create_task(sender()) for _ in range(FLOODERS)]
    try:
        yield
    finally:
        for task in senders:
            task.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


async def measure(url: str, photos: int) -> dict[str, Any]:
    """Measure the person alone, beside a bulk flood and beside an interactive one."""
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(url) as http:
        quiet, loud = await key_of_a_new_account(http), await key_of_a_new_account(http)
        await person(http, quiet, 10)  # connections, caches
        found["alone"] = await person(http, quiet, photos)
        for lane in ("bulk", "interactive"):
            counts: dict[int, int] = {}
            async with flood(http, loud, counts, priority=lane):
                found[f"beside a flood of {lane}"] = await person(http, quiet, photos)
            found[f"beside a flood of {lane}"] |= {"flood_accepted": counts.get(202, 0)}
    for name, row in found.items():
        if name != "alone":
            row["p99_ratio"] = round(row["p99_ms"] / found["alone"]["p99_ms"], 2)
            row["holds"] = row["p99_ratio"] <= PROMISED
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100)
    options = parser.parse_args()
    # Rates above what either sends: what is measured is turns, not refusals.
    with own_stack(INFERENCE_MODEL="null", GATEWAY_REQUESTS_PER_MINUTE="100000") as stack:
        found = asyncio.run(measure(stack.url, options.photos))
    print(json.dumps(found | {"promised_ratio": PROMISED, "cpus": os.cpu_count()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
