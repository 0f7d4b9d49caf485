"""The first page: a scene to look into, photos to try, and what runs here.

| class | members | source |
|---|---|---|
| who is spared 2 MB | reduced motion, saved data | `prefers-reduced-motion`, `navigator.connection` |
| who takes a sample | a visitor without an account, a new account without scenes | |
| what is said of the model | the demo model runs, it made a scene, the default runs | `card`, `layered` |
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.fake_gateway import FakeGateway

FAST = "Object.defineProperty(navigator, 'connection', {value: {saveData: false, effectiveType: '4g'}})"
"""A busy machine's connection to itself may be estimated as a slow one."""
SAVES_DATA = "Object.defineProperty(navigator, 'connection', {value: {saveData: true, effectiveType: '4g'}})"
SPLAT = re.compile(r"/assets/cat-.*\.spz$")
AFTER_LOAD = """() => {
    const [splat] = performance.getEntriesByType("resource").filter(({name}) => name.endsWith(".spz"));
    const [page] = performance.getEntriesByType("navigation");
    return splat.startTime >= page.loadEventStart && page.loadEventStart > 0;
}"""


@pytest.fixture
def stranger(chromium: Browser, gateway: FakeGateway) -> Iterator[Page]:
    """A window in which nobody has signed in."""
    context = chromium.new_context(base_url=gateway.url)
    context.add_init_script(FAST)
    yield context.new_page()
    context.close()


def test_the_splat_comes_by_itself_once_the_page_is_complete(stranger: Page) -> None:
    with stranger.expect_response(SPLAT) as fetched:
        stranger.goto("/")
    assert len(fetched.value.body()) < 1_500_000
    assert stranger.evaluate(AFTER_LOAD)
    # This Chromium has no WebGL: the picture stays, and nobody has asked for an error.
    expect(stranger.locator("[data-splat='by itself']")).to_be_visible()
    expect(stranger.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("why", ["reduced motion", "saved data"])
def test_where_that_is_unwelcome_it_comes_when_it_is_asked_for(
    chromium: Browser, gateway: FakeGateway, why: str
) -> None:
    spared = {"reduced_motion": "reduce"} if why == "reduced motion" else {}
    context = chromium.new_context(base_url=gateway.url, **spared)
    if not spared:
        context.add_init_script(SAVES_DATA)
    page = context.new_page()
    page.goto("/")
    page.wait_for_function("() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
    # Time to be idle: what comes by itself would be on its way then.
    page.evaluate("new Promise((resolve) => requestIdleCallback(resolve, {timeout: 5000}))")
    page.evaluate("new Promise((resolve) => requestIdleCallback(resolve, {timeout: 5000}))")
    assert [each for each in gateway.asked if SPLAT.search(each.path)] == []
    with page.expect_response(SPLAT):
        page.get_by_role("button", name="Look into it").click()
    context.close()


def test_a_sample_is_kept_through_the_sign_up_and_sent(gateway: FakeGateway, stranger: Page) -> None:
    stranger.goto("/")
    expect(stranger.get_by_text("Photo: Rachel Michetti, CC0")).to_be_visible()
    stranger.get_by_role("button", name="A cup of coffee").click()
    expect(stranger).to_have_url(f"{gateway.url}/sign-up")
    expect(stranger.get_by_role("note")).to_have_text("Your photo is sent as soon as you are signed in.")
    stranger.get_by_label("E-mail").fill("ada@example.com")
    stranger.get_by_label("Password").fill("correct horse battery")
    stranger.get_by_role("button", name="Create account").click()
    expect(stranger.locator("[data-scene]")).to_have_count(1)
    (sent,) = gateway.calls("POST", "/api/v1/scenes/generate")
    assert b'filename="coffee.webp"' in sent.body
    assert b"WEBP" in sent.body


def test_an_empty_account_may_try_a_sample(gateway: FakeGateway, page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="A rocket").click()
    expect(page.locator("[data-scene]")).to_have_count(1)
    expect(page.get_by_role("button", name="A rocket")).to_have_count(0)  # there are scenes now


def test_the_foot_of_the_page_says_what_runs_and_where_it_is_described(
    gateway: FakeGateway, stranger: Page
) -> None:
    stranger.goto("/sign-in")
    foot = stranger.get_by_role("contentinfo")
    expect(foot).to_contain_text("Sharpstream 9.8.7")  # what the service says, not what the page was built of
    links = foot.get_by_role("link")
    assert {link.text_content(): link.get_attribute("href") for link in links.all()} == {
        "API documentation": "/docs",
        "Kafka topics": "/docs/asyncapi",
        "OpenAPI document": "/docs/openapi.json",
        "Status": "/health/ready",
        "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    }


@pytest.mark.parametrize(("model", "notes"), [("card", 1), ("layered/bundled", 0)])
def test_the_demo_model_is_called_one_and_the_default_says_nothing(
    gateway: FakeGateway, page: Page, model: str, notes: int
) -> None:
    scene = gateway.add_scene("coffee.jpg")
    scene["metadata"]["model"] = {"name": model, "version": "1", "device": "cpu", "dtype": "float32"}
    gateway.model = model
    page.goto("/")
    expect(page.locator("[data-scene]")).to_have_count(1)
    expect(page.get_by_role("note").filter(has_text="The demo model runs")).to_have_count(notes)
    page.goto(f"/scenes/{scene['id']}")
    expect(page.get_by_role("heading", name="coffee")).to_be_visible()
    expect(page.get_by_role("note").filter(has_text="The demo model made this scene")).to_have_count(notes)
