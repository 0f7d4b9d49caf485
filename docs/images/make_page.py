"""Take the documents' pictures of the page, of a running system with the default model.

    python docs/images/make_page.py http://127.0.0.1:8080 ADDRESS PASSWORD photo.webp... docs/images/page

It signs in as that account, drops the photos, waits for their scenes, opens and shares the last photo's, and
takes each page on a desk in light and in dark, and on a phone. The photos shown are those of
`web/src/welcome`, which may be given to anybody.
"""

from __future__ import annotations

import io
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

FAST: Final = "Object.defineProperty(navigator, 'connection', {value: {effectiveType: '4g'}})"
"""What a busy machine may not find of itself; a slow line would leave the first page's splat for later."""
WAIT_MS: Final = 180_000
FLAGS: Final = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
DESK: Final = (1180, 820)
PHONE: Final = (390, 844)
TAKEN: Final[dict[str, tuple[tuple[int, int], Any]]] = {
    "": (DESK, "light"),
    "-dark": (DESK, "dark"),
    "-phone": (PHONE, "light"),
}
"""Added to the file's name -> pixels of the window, and the system's colours."""
QUALITY: Final = 78


def main() -> None:
    """Take them."""
    url, address, password, *photos, folder = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        stranger = opened(browser, url)
        stranger.locator("[data-viewer=ready]").wait_for()
        take(stranger, Path(folder), "landing")
        page = opened(browser, url + "/sign-in")
        page.get_by_label("E-mail").fill(address)
        page.get_by_label("Password").fill(password)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.get_by_label("Photos", exact=True).set_input_files(photos)
        page.locator("[data-scene]").nth(len(photos) - 1).wait_for()
        page.wait_for_function("() => !document.querySelector('[role=progressbar]')")
        take(page, Path(folder), "gallery")
        page.goto(f"{url}/scenes/{ready(url, address, password, Path(photos[-1]).name)}")
        page.locator("[data-viewer=ready]").wait_for()
        take(page, Path(folder), "scene")
        page.get_by_role("button", name="Create link").click()
        link = page.locator("code", has_text="/s/").first.text_content()
        guest = opened(browser, str(link))
        guest.locator("[data-viewer=ready]").wait_for()
        take(guest, Path(folder), "share")


def ready(url: str, address: str, password: str, name: str) -> str:
    """Return the id of the scene of that name once its file for viewers is made, which may take a minute."""
    who = {"email": address, "password": password}
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        token = client.post("/users/login", json=who).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        found: str = client.get("/scenes", params={"q": name}).raise_for_status().json()["items"][0]["id"]
        while not client.get(f"/scenes/{found}", params={"views": "true"}).json()["viewer_url"]:
            time.sleep(1)
    return found


def opened(browser: Browser, address: str) -> Page:
    """Return a window of a new visitor at this address."""
    width, height = DESK
    page = browser.new_page(locale="en", viewport={"width": width, "height": height})
    page.set_default_timeout(WAIT_MS)
    page.add_init_script(FAST)
    page.goto(address)
    return page


def take(page: Page, folder: Path, name: str) -> None:
    """Write the page as it is in each window and each colour."""
    for suffix, ((width, height), scheme) in TAKEN.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(4_500)  # pictures and the scene are drawn, and the first sway is over
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.save(folder / f"{name}{suffix}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
