"""Times an honest account alone, beside a hostile one, and alone again.

The honest account sends a photo of 196 kB each second, whether earlier ones are done or not. The attacker is
`tests.e2e.attack`: every flood that is known to have hurt a service, at once, from one account and ten
addresses, at the lowest priority and with at most 0.3 of a core, so that what is timed is the service.

    python benchmarks/hostile.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _photo import photo_of
from _stack import Stack, own_stack
from fairness import PASSWORD, account_of

from sharpstream.client import AsyncClient, Client, Memory, Session, Tokens

ROOT = Path(__file__).parents[1]
PHASES = ("alone", "beside", "alone again")


async def each_second(url: str, key: str, photo: bytes, seconds: int) -> dict[str, Any]:
    """Send a photo each second; return the percentiles of the POST and of the whole job, in seconds."""
    posts: list[float] = []
    jobs: list[float] = []
    refused: list[str] = []

    async def one(client: AsyncClient) -> None:
        began = time.perf_counter()
        try:
            job = await client.generate(photo, name="p.jpg")
            posts.append(time.perf_counter() - began)
            async for _event in client.follow(job.generation_id):
                pass
            jobs.append(time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001  (counted and shown)
            refused.append(repr(error))

    async with AsyncClient(url, key) as client, asyncio.TaskGroup() as group:
        for _ in range(seconds):
            group.create_task(one(client))
            await asyncio.sleep(1)
    found = {"refused": len(refused), "max_post_s": round(max(posts), 3)}
    for name, took in (("post", posts), ("job", jobs)):
        found |= {f"{name}_p{p}_s": round(float(np.percentile(took, p)), 3) for p in (50, 99)}
    for words in refused[:3]:
        print(words, file=sys.stderr)
    return found


def target(stack: Stack, key: str, photo: bytes, floods: list[str]) -> dict[str, Any]:
    """Return what the attacker is given: an account with a scene, and a partner's access."""
    home = {"SHARPSTREAM_HOME": str(Path(stack.status["credentials_file"]).parent)}
    with Client(stack.url) as client:
        signed_in = Session(Memory(Tokens.of(client.login("mallory@example.org", PASSWORD))))
    with Client(stack.url, sign_in=signed_in) as client:
        account = client.me().id
    with Client(stack.url, key) as client:
        scene = client.wait(client.generate(photo, name="p.jpg").generation_id)
    command = ["partners", "create", "evil", "--account-id", account, "--json"]
    made = subprocess.run(
        [sys.executable, "-m", "sharpstream", *command],
        env=os.environ | home,
        check=True,
        capture_output=True,
    )
    return {
        "url": stack.url,
        "api_key": key,
        "scene_id": scene.id,
        "photo": photo,
        "kafka": json.loads(made.stdout)["kafka"],
        "commands": "partner.evil.commands.v1",
        "floods": floods,
    }


def measure(stack: Stack, seconds: int, floods: list[str]) -> dict[str, Any]:
    """Run the three phases; return them with the attacker's report."""
    photo = photo_of(196_000)
    honest, hostile = account_of(stack, "ada"), account_of(stack, "mallory")
    given = msgspec.json.encode(target(stack, hostile, photo, floods))
    asyncio.run(each_second(stack.url, honest, photo, 10))  # warm up
    found: dict[str, Any] = {}
    for phase in PHASES:
        attacker = None
        if phase == "beside":
            command = [sys.executable, "-m", "tests.e2e.attack"]
            attacker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert attacker.stdin
            attacker.stdin.write(given)
            attacker.stdin.close()
        found[phase] = asyncio.run(each_second(stack.url, honest, photo, seconds))
        print(json.dumps({phase: found[phase]}), file=sys.stderr)
        if attacker is not None:
            attacker.terminate()
            assert attacker.stdout
            found["attacker"] = json.loads(attacker.stdout.read())
            attacker.wait()
            time.sleep(30)  # until what it began has ended
    return found


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table."""
    runs = report["runs"]
    lines = [
        "# A hostile account",
        "",
        f"An honest account sends a photo of 196 kB each second for {report['seconds']} s:"
        f" {report['machine']}, {report['date']}. Beside it, one hostile account and ten addresses send every"
        " flood at once.",
        "",
        "| | POST p50 s | p99 | longest | job p50 s | p99 | refused |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for phase in PHASES:
        one = runs[phase]
        lines.append(
            f"| {phase} | {one['post_p50_s']} | {one['post_p99_s']} | {one['max_post_s']} |"
            f" {one['job_p50_s']} | {one['job_p99_s']} | {one['refused']} |"
        )
    for name in ("post", "job"):
        alone = max(runs[phase][f"{name}_p99_s"] for phase in PHASES if phase != "beside")
        lines += [
            "",
            f"p99 of the {name} beside, of that alone: {runs['beside'][f'{name}_p99_s'] / alone:.2f}.",
        ]
    lines += ["", f"The attacker took {runs['attacker']['core']} of a core. Its answers:", ""]
    for flood, answers in sorted(runs["attacker"]["answers"].items()):
        said = ", ".join(f"{count} x {code}" for code, count in sorted(answers.items()))
        lines.append(f"- {flood}: {said}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--flood", action="append", default=[], help="one of the attacker's floods; all")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    with own_stack(INFERENCE_MODEL="null") as stack:
        runs = measure(stack, arguments.seconds, arguments.flood)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "seconds": arguments.seconds,
        "runs": runs,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "hostile.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    )
    (arguments.out / "hostile.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
