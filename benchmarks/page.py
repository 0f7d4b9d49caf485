"""Measures what the web page costs: largest paint, layout shift, requests and bytes, cold and warm.

Chromium's own protocol counts at a real system of its own. Requests and bytes are facts of the
page; times are those of this machine, which draws by its processor. Photos are scikit-image's, enlarged, so
that their renditions have the usual size. Examples:

    python benchmarks/page.py                        # starts a system of its own
    python benchmarks/page.py --repeat 5             # the median of five
    python benchmarks/page.py --model card --width 400 --repeat 1
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.append(sys.path.pop(0))  # gateway.py and ledger.py beside this file would hide the packages

import httpx
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from skimage import data

from benchmarks._stack import Stack, own_stack

FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WINDOW = {"width": 1280, "height": 800}
LIMIT_MS = 300_000
OBSERVE = """
Object.defineProperty(navigator, "connection", {value: {saveData: false, effectiveType: "4g"}});
window.painted = 0; window.shifted = 0;
new PerformanceObserver((list) => { window.painted = list.getEntries().at(-1).startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
SIGNED_IN = """
if (location.protocol === "http:" && !localStorage.getItem("measured")) {
  localStorage.setItem("measured", "1");
  localStorage.setItem("sharpstream.refresh", %s);
}
"""
ALSO_BELOW = """() => document.querySelectorAll("[data-scene] img").forEach(
  (image) => { image.loading = "eager"; })"""
PICTURES = """() => [...document.querySelectorAll("[data-scene] img")].every(
  (image) => image.complete && image.naturalWidth > 0)"""


@dataclass(frozen=True)
class Visit:
    """A page, whether an account is needed, and what is waited for."""

    name: str
    path: str
    shown: Callable[[Page], None]
    signed_in: bool = False
    still: bool = False
    """The visitor asks for reduced motion."""


class Counted:
    """Requests and bytes of one window."""

    def __init__(self, page: Page) -> None:
        self.requests: set[str] = set()
        self.kept: set[str] = set()
        self.bytes = 0
        protocol = page.context.new_cdp_session(page)
        protocol.on("Network.requestWillBeSent", self._sent)
        protocol.on("Network.requestServedFromCache", lambda event: self.kept.add(event["requestId"]))
        protocol.on("Network.responseReceived", self._received)
        protocol.on("Network.loadingFinished", self._finished)
        protocol.send("Network.enable")

    def begin(self) -> None:
        """Count from here."""
        self.requests, self.kept, self.bytes = set(), set(), 0

    def _sent(self, event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):
            self.requests.add(event["requestId"])

    def _received(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self.kept.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.requests - self.kept:
            self.bytes += int(event["encodedDataLength"])


def fill(stack: Stack, count: int, width: int) -> tuple[str, str]:
    """Make ``count`` scenes, open and share one; return its id and the token of its share."""
    names = ("coffee", "chelsea", "rocket", "astronaut")
    with httpx.Client(
        base_url=stack.url + "/api/v1", headers={"X-API-Key": stack.api_key}, timeout=60
    ) as client:
        ids = []
        for number in range(count):
            picture = Image.fromarray(getattr(data, names[number % len(names)])())
            picture = picture.crop((number, 0, picture.width, picture.height - number))
            file = io.BytesIO()
            height = round(picture.height * width / picture.width)
            picture.resize((width, height)).save(file, "JPEG", quality=92)
            answer = client.post(
                "/scenes/generate", files={"image": (f"photo {number}.jpg", file.getvalue(), "image/jpeg")}
            )
            ids.append(answer.raise_for_status().json()["generation_id"])
        for scene in ids:
            waited(lambda scene=scene: client.get(f"/scenes/{scene}").json()["status"] == "completed")
        opened = f"/scenes/{ids[-1]}"
        waited(lambda: all(client.get(opened, params={"views": "true"}).json()[view] for view in VIEWS))
        shared = client.post(f"{opened}/shares", json={}).raise_for_status().json()
        return ids[-1], shared["token"]


VIEWS = ("preview_url", "viewer_url", "photo_url")


def waited(there: Callable[[], bool], seconds: float = 600) -> None:
    """Wait for the system."""
    until = time.monotonic() + seconds
    while not there():
        if time.monotonic() > until:
            raise TimeoutError("the system has not made its scenes")
        time.sleep(0.5)


def visits(scene: str, token: str) -> list[Visit]:
    """Return what is measured."""

    def viewer(page: Page) -> None:
        page.locator("[data-viewer=ready]").wait_for()

    def gallery(page: Page) -> None:
        page.locator("[data-scene]").nth(23).wait_for()
        page.evaluate(ALSO_BELOW)
        page.wait_for_function(PICTURES)

    return [
        Visit(
            "landing, reduced motion",
            "/",
            lambda page: page.get_by_role("heading").first.wait_for(),
            still=True,
        ),
        Visit("landing with its splat", "/", viewer),
        Visit("gallery, 24 tiles", "/", gallery, signed_in=True),
        Visit("scene", f"/scenes/{scene}", viewer, signed_in=True, still=True),
        Visit("shared page", f"/s/{token}", viewer, still=True),
        Visit("embed", f"/embed/{token}", viewer, still=True),
    ]


def context_of(browser: Browser, stack: Stack, visit: Visit) -> BrowserContext:
    """Return a window that has fetched nothing yet."""
    motion = "reduce" if visit.still else "no-preference"
    context = browser.new_context(base_url=stack.url, viewport=WINDOW, reduced_motion=motion)
    context.set_default_timeout(LIMIT_MS)
    context.add_init_script(OBSERVE)
    if visit.signed_in:
        who = {key: stack.credentials[key] for key in ("email", "password")}
        answer = httpx.post(f"{stack.url}/api/v1/users/login", json=who).raise_for_status()
        context.add_init_script(SIGNED_IN % json.dumps(answer.json()["refresh_token"]))
    return context


def measured(browser: Browser, stack: Stack, visit: Visit) -> dict[str, dict[str, float]]:
    """Return the figures of a first and of a second visit."""
    context = context_of(browser, stack, visit)
    page = context.new_page()
    counted = Counted(page)
    rows = {}
    for kind in ("cold", "warm"):
        page.goto("about:blank")
        counted.begin()
        page.goto(visit.path)
        visit.shown(page)
        page.wait_for_function("() => window.painted > 0")  # a busy machine reports it late
        page.wait_for_timeout(500)  # what the last answers say of their size
        rows[kind] = {
            "lcp_s": page.evaluate("window.painted") / 1000,
            "cls": page.evaluate("window.shifted"),
            "requests": len(counted.requests),
            "over_network": len(counted.requests - counted.kept),
            "kilobytes": counted.bytes / 1000,
        }
    context.close()
    return rows


def measure(stack: Stack, photos: int, width: int, repeat: int) -> list[dict[str, Any]]:
    """Return a row for each page and visit: the median of all repeats."""
    scene, token = fill(stack, photos, width)
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for visit in visits(scene, token):
            taken = [measured(browser, stack, visit) for _ in range(repeat)]
            for kind in ("cold", "warm"):
                figures = {
                    name: statistics.median(one[kind][name] for one in taken) for name in taken[0][kind]
                }
                rows.append({"page": visit.name, "visit": kind, **figures})
        browser.close()
    return rows


def table(report: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    lines = [
        "# The web page",
        "",
        f"{report['machine']}, {report['date']}, median of {report['repeat']}. Scenes of"
        f" `{report['model']}` from photos {report['width']:,} pixels wide. Chromium draws by the"
        " processor; the network is this machine's. Bytes of a second visit are of what the browser had not"
        " kept. The live stream is one of the requests.",
        "",
        "| page | visit | LCP, s | CLS | requests | over the network | kB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['page']} | {row['visit']} | {row['lcp_s'] or float('nan'):.2f} |"
        f" {row['cls']:.3f} | {row['requests']:.0f} | {row['over_network']:.0f} | {row['kilobytes']:,.0f} |"
        for row in report["rows"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--width", type=int, default=2_400, help="pixels of each photo")
    parser.add_argument("--model", default="layered", help="a quick one, card, where the machine is busy")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "page")
    options = parser.parse_args()
    with own_stack(INFERENCE_MODEL=options.model) as stack:
        rows = measure(stack, max(24, options.photos), options.width, options.repeat)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "model": options.model,
        "width": options.width,
        "repeat": options.repeat,
        "rows": rows,
    }
    options.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(report))
    print(table(report))


if __name__ == "__main__":
    main()
