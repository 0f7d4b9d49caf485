"""A batch of photos is seen while it is sent, asks the service little, and loses nothing.

| class | members | source |
|---|---|---|
| many events at once | 120 photos, faster than a list is read | invalidation cancels a refetch |
| photos that wait | a reload, no connection, a service that asks to wait | HTTP 503, `offline` |
| files that never pass | empty, too large, refused as no photo | `bus/contract/limits.py` |
| many tabs | more than connections to a host | six a host over HTTP/1.1 |
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.fake_gateway import PAGE, Answer, Asked, FakeGateway, photo, problem

COUNT = 120


def files(count: int) -> list[dict[str, Any]]:
    buffer = photo(60, 40)
    return [
        {"name": f"IMG_{number}.jpg", "mimeType": "image/jpeg", "buffer": buffer} for number in range(count)
    ]


SLOW_DISK = """
const { put } = IDBObjectStore.prototype;
IDBObjectStore.prototype.put = function (value) {
  const request = put.call(this, value);
  const until = performance.now() + 1500;
  const work = () => {
    if (performance.now() < until) this.count().addEventListener("success", work);
  };
  work(); // a transaction with a request in it is not committed
  return request;
};
"""


def choose(page: Page, chosen: list[dict[str, Any]]) -> None:
    page.get_by_label("Photos", exact=True).set_input_files(chosen)


def test_a_large_batch_is_seen_while_it_is_sent(gateway: FakeGateway, page: Page) -> None:
    gate = threading.Semaphore(10)
    accept = gateway._generate

    def generate(asked: Asked) -> Answer:
        gate.acquire()
        made = accept(asked)
        for stage in ("fetch", "decode", "inference"):
            gateway.publish("generation.progress.v1", made.body["generation_id"], stage=stage, fraction=0.5)
        gateway.publish("generation.started.v1", made.body["generation_id"])
        return made

    gateway.on("POST", "/api/v1/scenes/generate", generate)
    page.goto("/")
    expect(page.get_by_text("Drop your first photo here")).to_be_visible()
    gateway.asked.clear()
    choose(page, files(COUNT))
    expect(page.get_by_text(f"10 of {COUNT} sent")).to_be_visible()
    expect(page.locator("[data-scene]")).to_have_count(10)  # each is a scene as soon as it is sent
    assert page.get_by_role("list", name="Uploads").get_by_role("listitem").count() <= 4
    expect(page.locator("[data-scene] img[src*='/store/']")).to_have_count(10)  # of the service's own list
    expect(page.get_by_text(f"10 of {COUNT} sent")).to_be_visible()
    gate.release(COUNT)
    expect(page.get_by_role("list", name="Uploads")).to_have_count(0, timeout=60_000)
    lists = [each.at for each in gateway.calls("GET", "/api/v1/scenes")]
    assert lists
    assert min((b - a for a, b in itertools.pairwise(lists)), default=1) > 0.5
    assert len(gateway.calls("POST", "/api/v1/scenes/generate")) == COUNT


@pytest.mark.parametrize("disk", ["", SLOW_DISK], ids=["fast", "slow"])
def test_a_reload_goes_on_with_the_photos_that_waited(gateway: FakeGateway, page: Page, disk: str) -> None:
    page.add_init_script(disk)
    gateway.on("POST", "/api/v1/scenes/generate", problem(503, "busy", "Try again in a moment."))
    page.goto("/")
    choose(page, files(3))
    expect(page.get_by_text("Try again in a moment.").first).to_be_visible()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]
    gateway.routes.pop(0)
    expect(page.locator("[data-scene]")).to_have_count(3)
    page.reload()
    expect(page.locator("[data-scene]")).to_have_count(3)
    # What was being forgotten when the page was reloaded may be sent again, under the same key.
    keys = {each.headers["idempotency-key"] for each in gateway.calls("POST", "/api/v1/scenes/generate")}
    assert len(keys) == 3
    assert asked == ["beforeunload"]  # nothing waits any more


def test_offline_is_said_and_photos_go_out_by_themselves_afterwards(
    gateway: FakeGateway, context: BrowserContext, page: Page
) -> None:
    page.goto("/")
    expect(page.get_by_text("Drop your first photo here")).to_be_visible()
    context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    choose(page, files(1))
    expect(page.get_by_text("tried again by itself")).to_be_visible()
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    page.get_by_role("link", name="Scenes").click()
    expect(page.locator("[data-scene]")).to_have_count(1)


def test_photos_beyond_the_first_page_are_not_shown_as_being_made_for_ever(
    gateway: FakeGateway, page: Page
) -> None:
    """Of 30 photos that are made before the list is read again, its first page has 24."""
    page.set_viewport_size({"width": 390, "height": 800})  # the end of the list is far
    page.goto("/")
    expect(page.get_by_text("Drop your first photo here")).to_be_visible()
    made = threading.Event()

    def late(asked: Asked) -> Answer:
        made.wait(60)
        return gateway.scene_list(asked)

    gateway.on("GET", "/api/v1/scenes", late)
    choose(page, files(PAGE + 6))
    expect(page.get_by_role("list", name="Uploads")).to_have_count(0)
    for scene in gateway.scenes:
        scene["status"] = "completed"
    made.set()
    expect(page.locator("[data-scene]").nth(PAGE - 1)).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_a_photo_that_waits_for_its_next_try_can_be_sent_at_once(gateway: FakeGateway, page: Page) -> None:
    page.clock.install()
    page.goto("/")
    expect(page.get_by_text("Drop your first photo here")).to_be_visible()
    page.clock.pause_at(page.evaluate("Date.now()") + 60_000)  # nothing is tried by itself
    gateway.on("POST", "/api/v1/scenes/generate", problem(503, "busy", "Try again in a moment."))
    choose(page, files(1))
    expect(page.get_by_text("Try again in a moment.")).to_be_visible()
    gateway.routes.pop(0)
    page.get_by_role("button", name="now").press("Enter")
    expect(page.get_by_role("list", name="Uploads")).to_have_count(0)
    page.clock.resume()
    expect(page.locator("[data-scene]")).to_have_count(1)


def test_what_can_never_be_a_photo_is_not_sent_twice(gateway: FakeGateway, page: Page) -> None:
    refused = problem(415, "unsupported_media_type", "The file is not a photo that can be read.")
    gateway.on("POST", "/api/v1/scenes/generate", refused)
    page.goto("/")
    words = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"words"}
    choose(page, [words, words | {"name": "empty.jpg", "buffer": b""}])
    expect(page.get_by_text("The file is not a photo that can be read.")).to_be_visible()
    expect(page.get_by_text("The file is empty.")).to_be_visible()
    assert len(gateway.calls("POST", "/api/v1/scenes/generate")) == 1
    assert page.get_by_role("button", name="again").count() == 0
    assert page.get_by_role("list", name="Uploads").locator("img").count() == 0  # no broken pictures
    page.get_by_role("button", name="Dismiss all").click()
    expect(page.get_by_role("list", name="Uploads")).to_have_count(0)


def test_a_photo_dropped_before_the_sign_in_is_sent_after_it(gateway: FakeGateway, page: Page) -> None:
    page.goto("/")
    page.evaluate("localStorage.removeItem('sharpstream.refresh')")
    page.reload()
    data = page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array([1, 2, 3])], "IMG_1.jpg", {type: "image/jpeg"}));
            return data;
        }"""
    )
    page.dispatch_event("main", "drop", {"dataTransfer": data})
    expect(page).to_have_url(f"{gateway.url}/sign-up")  # a stranger has no account
    expect(page.get_by_role("note")).to_have_text("Your photo is sent as soon as you are signed in.")
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-scene]")).to_have_count(1)


@pytest.mark.parametrize("origin", ["secure", "insecure"])
def test_many_tabs_share_one_stream(gateway: FakeGateway, context: BrowserContext, origin: str) -> None:
    url = gateway.url if origin == "secure" else gateway.insecure_url
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto(f"{url}/")
        expect(tab.get_by_text("Drop your first photo here")).to_be_visible()
    assert len(gateway.streams) == 1
    scene = gateway.add_scene("seen everywhere.jpg")
    gateway.publish("generation.requested.v1", scene["id"])
    for tab in tabs:
        expect(tab.get_by_text("seen everywhere")).to_be_visible()
    for tab in tabs[:-1]:
        tab.close()  # the one that led is among them
    last = tabs[-1]
    for _ in range(100):
        if len(gateway.streams) == 1 and len(gateway.calls("GET", "/api/v1/events")) > 1:
            break
        last.wait_for_timeout(200)
    scene = gateway.add_scene("seen by the last.jpg")
    gateway.publish("generation.requested.v1", scene["id"])
    expect(last.get_by_text("seen by the last")).to_be_visible()
