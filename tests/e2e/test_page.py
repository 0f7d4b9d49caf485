"""The web page in a real browser, from a user's registration to the deletion of the last scene."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright
from skimage import data

from bus.contract.messages import Stage
from sharpstream.client import Event, verify_webhook
from sharpstream.stack import web_build as built_page
from tests.e2e.receiver import Receiver
from tests.e2e.running import Running
from tests.e2e.visitor import LIMIT_MS, Visitor

pytestmark = pytest.mark.stack

FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NOTE_STAGES = """() => {
    window.stages = [];
    const stage = () => document.querySelector("[aria-current=step]")?.dataset.stage;
    const note = () => stage() && window.stages.at(-1) !== stage() && window.stages.push(stage());
    const all = {subtree: true, childList: true, attributes: true};
    new MutationObserver(note).observe(document.body, all);
}"""
STAGES = [str(stage) for stage in Stage]
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which renders on the CPU."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    if not built_page.is_current():
        pytest.skip("the web page is not built: install Node 20.19 or later, then run make web")
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(running: Running, browser: Browser) -> Iterator[Visitor]:
    made = Visitor(browser, running.url, store_of(running.url))
    yield made
    made.context.close()


def store_of(url: str) -> str:
    """Return the origin from which the page's policy allows it to fetch objects."""
    policy = httpx.get(url).headers["content-security-policy"]
    return re.search(r"connect-src 'self' ([^ ;]+)", policy)[1]  # type: ignore[index]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of 14,000 pixels, hence as many Gaussians, which a CPU renders fast enough."""
    path = tmp_path / "A cup of coffee.jpg"
    Image.fromarray(data.coffee()).resize((144, 96)).save(path, quality=92)
    return path


def test_a_photo_becomes_a_scene_that_moves(running: Running, visitor: Visitor, photo: Path) -> None:
    """The shortest way through the page: sign up, a photo, its view moved, and deletion."""
    page = visitor.page
    visitor.go("/sign-up")
    visitor.fill({"First name": "Ada", "Last name": "Lovelace", "E-mail": address(), "Password": PASSWORD})
    visitor.press("Create account")
    page.get_by_label("Photos", exact=True).set_input_files([photo])
    page.get_by_role("link", name=re.compile("A cup of coffee")).click()
    page.locator("[data-viewer=ready]").wait_for()
    canvas = page.locator("canvas")
    start = visitor.pixels(canvas)
    assert np.abs(coarse(start) - coarse(data.coffee())).mean() < 10, "the first view is not the photo's"
    visitor.drag(canvas, -120)
    visitor.until_it_changes(canvas, start)
    visitor.go("/")
    page.get_by_role("button", name="Delete A cup of coffee").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    visitor.see("Drop your first photo here")
    assert visitor.troubles == []


def address() -> str:
    return f"ada-{time.time_ns()}@example.com"


@pytest.mark.drill
def test_a_user_from_registration_to_the_last_deletion(
    running: Running, browser: Browser, visitor: Visitor, photo: Path, receiver: Receiver
) -> None:
    arrive(visitor)
    send_and_watch(running, visitor, photo)
    browse(visitor)
    take_along(visitor)
    link = share(visitor)
    view_anonymously(browser, running.url, link)
    own_programs(running, visitor)
    receive_webhooks(visitor, receiver)
    review(visitor)
    delete(visitor)
    assert visitor.troubles == []


def arrive(visitor: Visitor) -> None:
    """A visitor sees the welcome page, makes an account, and sees errors about invalid input."""
    visitor.go("/")
    visitor.inspect("welcome")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_text("Skip to the content")).to_be_focused()
    visitor.go("/keys")  # needs a sign-in, which leads back here
    expect(visitor.page).to_have_url(re.compile(r"/sign-in\?back=%2Fkeys$"))
    visitor.inspect("sign-in")
    visitor.page.get_by_role("link", name="Create account").click()
    visitor.inspect("sign-up")
    visitor.fill({"First name": "Ada", "Last name": "Lovelace", "E-mail": address(), "Password": " " * 12})
    visitor.press("Create account")
    visitor.see("Use more than three different characters.")
    visitor.fill({"Password": PASSWORD})
    visitor.press("Create account")
    visitor.see("No keys yet")  # the page that was asked for
    visitor.go("/")
    visitor.see("Drop your first photo here")
    visitor.inspect("first")
    visitor.page.reload()  # still signed in: the refresh token is kept, the access token is fetched again
    visitor.see("Drop your first photo here")


def send_and_watch(running: Running, visitor: Visitor, photo: Path) -> None:
    """A photo waits while no worker runs, with its queue position, and then shows every stage."""
    page = visitor.page
    assert running.cli("stack", "stop", "inference").returncode == 0
    broken = photo.with_name("notes.jpg")
    broken.write_text("these are words, not a photograph")
    page.get_by_label("Photos", exact=True).set_input_files([photo, broken])
    visitor.see("not a photo")
    page.get_by_role("button", name="Forget notes.jpg").click()
    visitor.see("1st in line")
    visitor.inspect("gallery-waiting")
    page.get_by_role("link", name=re.compile("A cup of coffee")).click()
    now = page.locator("[aria-current=step]")
    expect(now).to_contain_text("In the queue")
    expect(now).to_contain_text("1st in line")
    visitor.inspect("waiting")
    page.evaluate(NOTE_STAGES)
    assert running.cli("stack", "start", "inference").returncode == 0
    page.locator("[data-viewer=ready]").wait_for()
    seen = page.evaluate("window.stages")
    # Stages of less than 0.2 s are not published, and a browser does not render every other one.
    assert seen == [stage for stage in STAGES if stage in seen]


def browse(visitor: Visitor) -> None:
    """The first view equals the photo, mouse and keys move it, and it can be reset."""
    page = visitor.page
    canvas = page.locator("canvas")
    start = visitor.pixels(canvas)
    assert start.std() > 20, "the viewer shows nothing"
    # Moved by 1/36 of its width, the mean difference would be 18.
    assert np.abs(coarse(start) - coarse(data.coffee())).mean() < 10, "the first view is not the photo's"
    visitor.drag(canvas, -120)
    dragged = visitor.until_it_changes(canvas, start)
    canvas.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    turned = visitor.until_it_changes(canvas, dragged)
    page.keyboard.press("0")
    visitor.until_it_changes(canvas, turned)
    visitor.press("Compare with the photo")
    page.get_by_label("How much of the photo is shown").fill("100")
    photo = page.get_by_role("img", name="The photo")
    expect(photo).to_have_js_property("naturalWidth", 144)  # from the store; 0 until it is loaded
    visitor.press("Compare with the photo")
    visitor.press("HQ: fine quality, switch to light")
    expect(visitor.button("HQ: light quality, switch to fine")).to_be_visible()
    visitor.inspect("scene")


def coarse(pixels: np.ndarray) -> np.ndarray:
    """Return the picture at 36 x 24, without its edges and the area under the buttons."""
    small = Image.fromarray(pixels.astype(np.uint8)).resize((36, 24), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.int16)[2:18, 2:-2]


def take_along(visitor: Visitor) -> None:
    """An export with an option is made while the page is open, and downloaded."""
    page = visitor.page
    page.get_by_text("All formats").click()
    page.get_by_role("button", name="Options of 3DGS PLY").click()
    page.get_by_label("Max gaussians").fill("1000")
    visitor.inspect("export")
    with page.expect_download() as download:  # it begins by itself
        visitor.press("Create file")
    head = Path(download.value.path()).read_bytes()[:200]
    assert head.startswith(b"ply")
    assert b"element vertex 1000" in head


def share(visitor: Visitor) -> str:
    visitor.page.get_by_label("Expires after").select_option("a day")
    visitor.press("Create link")
    link = visitor.page.locator("code", has_text="/s/").first.text_content()
    assert link
    visitor.inspect("shared-by-me")
    return link


def view_anonymously(browser: Browser, url: str, link: str) -> None:
    """A visitor without an account sees the scene by the link, and can do nothing else with it."""
    guest = Visitor(browser, url, store_of(url))
    guest.go(link)
    guest.page.locator("[data-viewer=ready]").wait_for()
    assert guest.pixels(guest.page.locator("canvas")).std() > 20
    assert guest.page.get_by_role("button", name=re.compile("Delete|Share|Make")).count() == 0
    guest.inspect("share")
    assert guest.troubles == []
    guest.go(link[:-4] + "none")
    guest.see("This link does not work")
    guest.context.close()


def own_programs(running: Running, visitor: Visitor) -> None:
    """A key is shown once, works, and is refused after it is revoked."""
    page = visitor.page
    visitor.go("/keys")
    visitor.see("No keys yet")
    visitor.press("New key")
    visitor.fill({"Name": "render farm"})
    visitor.inspect("new-key")
    visitor.press("Create key")
    key = page.get_by_role("dialog").locator("code").first.text_content()
    assert key
    scenes = f"{running.url}/api/v1/scenes"
    (scene,) = httpx.get(scenes, headers={"X-API-Key": key}).json()["items"]
    assert scene["name"] == "A cup of coffee.jpg"
    visitor.press("Done")
    assert key not in page.content()
    visitor.inspect("keys")
    visitor.press("Revoke")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    visitor.see("Revoked keys (1)")
    assert httpx.get(scenes, headers={"X-API-Key": key}).json()["code"] == "api_key_revoked"


def receive_webhooks(visitor: Visitor, receiver: Receiver) -> None:
    """A webhook is added, tested and redelivered, and its secret verifies the deliveries."""
    page = visitor.page
    visitor.go("/webhooks")
    visitor.press("New webhook")
    visitor.fill({"Address": receiver.url, "Description": "tells the shop"})
    visitor.press("Add the webhook")
    secret = page.get_by_role("dialog").locator("code").first.text_content()
    assert secret
    visitor.press("Done")
    visitor.press("Send a test")
    deliveries = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    expect(deliveries.filter(has_text="delivered")).to_have_count(1)
    visitor.press("Send again")
    expect(deliveries.filter(has_text="delivered")).to_have_count(2)
    visitor.inspect("webhook")
    first, second = (verify_webhook(body, headers, secret) for body, headers in receiver.received)
    assert isinstance(first, Event)
    assert (first.type, first.id) == ("webhook.test.v1", second.id)
    visitor.go("/webhooks")
    visitor.see("tells the shop")
    visitor.inspect("webhooks")


def review(visitor: Visitor) -> None:
    visitor.go("/usage")
    visitor.see("Keys created")
    visitor.inspect("usage")
    visitor.go("/account")
    visitor.see("Erase the account")
    visitor.inspect("account")


def delete(visitor: Visitor) -> None:
    """The scene is found by its name, and deleted permanently after a confirmation."""
    page = visitor.page
    visitor.go("/")
    search = page.get_by_label("Search scenes")
    search.fill("tea")
    visitor.see("Nothing is called “tea”")
    search.fill("coffee")
    page.get_by_role("button", name="Delete A cup of coffee").click()
    visitor.inspect("delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    visitor.see("Nothing is called “coffee”")
    search.fill("")
    visitor.see("Drop your first photo here")


def test_an_admin_sees_accounts_dead_letters_and_invariants(running: Running, visitor: Visitor) -> None:
    """An admin sees accounts, dead letters, the usage of all accounts and the invariants."""
    known = running.credentials
    visitor.go("/sign-in?back=/admin")
    visitor.fill({"E-mail": known["email"], "Password": "wrong"})
    visitor.press("Sign in")
    visitor.see("The e-mail address or the password is wrong.")
    visitor.fill({"Password": known["password"]})
    visitor.press("Sign in")
    visitor.button(f"Change role of {known['email']}").wait_for()
    visitor.inspect("admin")
    for part, seen in (("Dead letters", "No dead letters"), ("Invariants", "Every rule holds")):
        visitor.page.get_by_role("link", name=part).click()
        visitor.see(seen)
        visitor.inspect(f"admin-{part.lower().replace(' ', '-')}")
    assert visitor.troubles == []


TRY_STORAGE = """() => {
    try { return localStorage.length; } catch (error) { return error.name; }
}"""


def test_the_page_of_the_api(running: Running, visitor: Visitor) -> None:
    """An operation is tried in a sandbox that sees nothing of ours, and calls one address alone."""
    page = visitor.page
    visitor.go("/")
    page.evaluate("localStorage.setItem('kept', 'by the web page')")
    page.goto("about:blank")  # so that a late request of the web page, as for its icon, is not counted below
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visitor.go("/docs")
    assert page.evaluate("window.origin") == "null"
    assert page.evaluate(TRY_STORAGE) == "SecurityError"

    key = running.credentials["api_key"]
    page.locator(".btn.authorize").click()
    page.locator(".auth-container", has_text="X-API-Key").locator("input").fill(key)
    page.locator(".auth-container", has_text="X-API-Key").get_by_role("button", name="Apply").click()
    page.locator(".btn-done").first.click()
    operation = page.locator("#operations-scenes-list_scenes")
    operation.locator(".opblock-summary-control").click()
    operation.locator(".execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(answer).to_contain_text("items")
    expect(answer).to_contain_text("x-correlation-id")
    expect(operation.locator(".curl")).to_contain_text(f"{running.url}/api/v1/scenes")  # to be copied

    paths = [urlsplit(url).path for url in asked if not url.startswith("data:")]
    calls = [path for path in paths if path != "/docs" and not path.startswith("/docs/assets/")]
    assert [re.sub("/[0-9a-f]{32}/", "/TOKEN/", path) for path in calls] == [
        "/docs/try/TOKEN/docs/openapi.json",
        "/docs/try/TOKEN/api/v1/scenes",
    ]
    assert visitor.troubles == []  # no other host was asked, and no policy was broken
    page.get_by_role("link", name="Plain version").click()
    visitor.see("Sharpstream API")
    assert page.locator("script").count() == 0
