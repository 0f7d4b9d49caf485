"""Compares msgspec and orjson at rendering JSON in bulk: scene lists, event pages, SSE frames, log lines.

Both render the service's own objects (structs, except for log lines, which are dictionaries) and must give
equal JSON. orjson does not support msgspec structs, so it gets dictionaries from a hook.

    python benchmarks/rendering.py --repeat 30
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.remove(str(Path(__file__).resolve().parent))  # benchmarks/gateway.py would hide the package

import msgspec
import orjson

from bus.contract.blob_ref import BlobRef
from bus.contract.messages import GenerationCompleted, ModelRun, Timings
from gateway.scenes.schemas import SceneItem, ScenePage
from gateway.streaming.cursor import Cursor
from gateway.streaming.event import CloudEvent

ITEMS = 100
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, UTC)
ID = UUID("0190d0c4-7f3e-7000-8000-0123456789ab")
URL = f"https://splats.example.org/sharpstream/exports/{ID}/5f3a9c.png?X-Amz-Algorithm=AWS4&X-Amz-Signature="


@dataclass(frozen=True)
class Case:
    """One object that both libraries render."""

    name: str
    msgspec: Callable[[], bytes]
    orjson: Callable[[], bytes]


def as_dict(value: Any) -> Any:
    """Return an object that orjson does not support as one that it does."""
    if isinstance(value, msgspec.Struct):
        return {key: each for key, each in msgspec.structs.asdict(value).items() if each is not msgspec.UNSET}
    if isinstance(value, msgspec.Raw):
        return orjson.Fragment(bytes(value))
    raise TypeError(type(value).__name__)


def scenes() -> ScenePage:
    """Return a full page of the list of scenes."""
    metadata = {
        "image": {"width": 4032, "height": 3024, "media_type": "image/jpeg"},
        "result": {"gaussian_count": 1_179_648, "width": 1536, "height": 1152, "focal_length_px": 1234.5},
        "model": {"name": "sharp", "version": "1.0", "dtype": "bfloat16", "device": "cuda"},
        "note": "Die Küche, früh am Morgen",
    }
    item = SceneItem(
        id=ID,
        status="completed",
        priority="interactive",
        name="küche.jpg",
        preview_url=URL + "a" * 64,
        processing_time_seconds=1.234567,
        metadata=metadata,
        error_code=None,
        error_message=None,
        created_at=NOON,
        updated_at=NOON,
    )
    return ScenePage(items=[item] * ITEMS, next_cursor="MjAyNi0xMS0yNFQxMjowMDowMFo")


def event() -> CloudEvent:
    """Return the largest event that customers get."""
    body = GenerationCompleted(
        generation_id=ID,
        account_id=ID,
        result=BlobRef(
            key=f"results/{ID}.ply", sha256="ab" * 32, bytes=66_060_000, media_type="application/ply"
        ),
        gaussian_count=1_179_648,
        image_width=1536,
        image_height=1152,
        focal_length_px=1234.5,
        input_sha256="ef" * 32,
        model=ModelRun(
            name="sharp",
            version="1.0",
            weights_sha256="cd" * 32,
            dtype="bfloat16",
            device="cuda",
            batch_size=4,
        ),
        timings=Timings(fetch_ms=12.5, decode_ms=80.25, batch_wait_ms=3.5, inference_ms=412.125),
    )
    return CloudEvent(
        id=str(ID),
        type="generation.completed.v1",
        source="/sharpstream/inference",
        time=NOON,
        subject=str(ID),
        cursor=str(Cursor(1, 7, 123_456)),
        data=msgspec.Raw(msgspec.json.encode(body)),
    )


def log_line() -> dict[str, Any]:
    """Return a log line as structlog's last processor gets it."""
    return {
        "event": "export_completed",
        "role": "export",
        "level": "info",
        "logger": "export_consumer.handlers",
        "timestamp": "2026-11-24T12:00:00.123456Z",
        "export_id": str(ID),
        "generation_id": str(ID),
        "account_id": str(ID),
        "correlation_id": "of-the-client-7",
        "format": "spz",
        "bytes": 5_242_880,
    }


def cases() -> list[Case]:
    """Return the measured cases."""
    page, one, line = scenes(), event(), log_line()
    events = {"items": [one] * ITEMS, "next_cursor": one.cursor}
    encoder = msgspec.json.Encoder()
    return [
        Case(
            f"a list of {ITEMS} scenes",
            lambda: encoder.encode(page),
            lambda: orjson.dumps(page, default=as_dict),
        ),
        Case(
            f"a page of {ITEMS} events",
            lambda: encoder.encode(events),
            lambda: orjson.dumps(events, default=as_dict),
        ),
        Case(
            f"{ITEMS} SSE frames",
            lambda: b"".join(b"data: " + encoder.encode(one) + b"\n\n" for _ in range(ITEMS)),
            lambda: b"".join(b"data: " + orjson.dumps(one, default=as_dict) + b"\n\n" for _ in range(ITEMS)),
        ),
        Case(
            f"{ITEMS} log lines",
            lambda: b"\n".join(encoder.encode(line) for _ in range(ITEMS)),
            lambda: b"\n".join(
                orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS) for _ in range(ITEMS)
            ),
        ),
    ]


def best_us(call: Callable[[], bytes], repeat: int) -> float:
    """Return the microseconds of the fastest of ``repeat`` rounds."""
    took = []
    for _ in range(repeat):
        began = time.perf_counter()
        for _ in range(20):
            call()
        took.append((time.perf_counter() - began) / 20)
    return min(took) * 1e6


def same(one: bytes, other: bytes) -> bool:
    """Return whether both are equal JSON; times may be written as Z or +00:00."""
    return one.replace(b"+00:00", b"Z") == other.replace(b"+00:00", b"Z")


def measure(repeat: int) -> dict[str, Any]:
    """Return a row a case; the two are measured in turn, so that other load affects both."""
    rows = []
    for case in cases():
        if not same(case.msgspec(), case.orjson()):
            raise AssertionError(f"{case.name}: the two do not say the same")
        ours, theirs = best_us(case.msgspec, repeat), best_us(case.orjson, repeat)
        rows.append(
            {
                "case": case.name,
                "bytes": len(case.msgspec()),
                "msgspec_us": ours,
                "orjson_us": theirs,
                "orjson_over_msgspec": theirs / ours,
            }
        )
    return {
        "rows": rows,
        "msgspec": msgspec.__version__,
        "orjson": orjson.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    lines = [
        "# JSON in bulk: msgspec and orjson",
        "",
        f"msgspec {report['msgspec']}, orjson {report['orjson']}, Python {report['python']}; microseconds.",
        "",
        "| rendered | bytes | msgspec | orjson | orjson / msgspec |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['case']} | {row['bytes']:,} | {row['msgspec_us']:.0f} | {row['orjson_us']:.0f} |"
        f" {row['orjson_over_msgspec']:.2f} |"
        for row in report["rows"]
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=30, help="rounds of 20; the fastest counts")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    report = measure(arguments.repeat)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "rendering.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "rendering.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
