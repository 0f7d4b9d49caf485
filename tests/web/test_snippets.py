"""Code to copy: for a scene, an export and a new key; by keyboard, without a secret, with what was chosen.

| class | members | source |
|---|---|---|
| tabs work by keyboard | arrows, Home, End, one tab stop | WAI-ARIA tabs pattern |
| code follows what is chosen | an option changed after it was opened | |
| code is copied as it is | several lines, plain http without a clipboard | Clipboard API |
| no secret in it | beside a key that is shown this once | |
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.fake_gateway import Answer, FakeGateway

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
KINDS = ["cURL", "Python", "JavaScript", "Command line"]


@pytest.fixture
def clipboard(context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])


@pytest.mark.usefixtures("clipboard")
def test_a_scenes_code_is_chosen_by_keyboard_and_copied(gateway: FakeGateway, page: Page) -> None:
    scene = gateway.add_scene("Ada's kitchen.jpg")
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_text("Call this from the API").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # to API keys
    page.keyboard.press("Tab")
    expect(page.get_by_role("tab", name="cURL")).to_be_focused()
    seen = []
    for kind in KINDS:
        expect(page.get_by_role("tab", name=kind)).to_be_focused()
        expect(page.get_by_role("tab", name=kind)).to_have_attribute("aria-selected", "true")
        page.get_by_role("button", name=f"Copy the {kind} code").click()
        expect(page.get_by_text("Copied")).to_be_visible()
        seen.append(page.evaluate("navigator.clipboard.readText()"))
        page.get_by_role("tab", name=kind).focus()
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="cURL")).to_be_focused()  # round to the first
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Command line")).to_be_focused()
    assert all(scene["id"] in code and gateway.url in code and code.count("\n") >= 2 for code in seen)
    assert all("Ada-s-kitchen.ply" in code for code in seen)
    page.reload()  # the language stays
    page.get_by_text("Call this from the API").click()
    expect(page.get_by_role("tab", name="Command line")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(gateway: FakeGateway, page: Page, scheme: str) -> None:
    scene = gateway.add_scene()
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.add_init_script(path=AXE)
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_text("Call this from the API").click()
    expect(page.get_by_role("tabpanel")).to_be_visible()
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_exports_code_has_the_options_that_are_chosen(gateway: FakeGateway, page: Page) -> None:
    scene = gateway.add_scene("kitchen.jpg")
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_role("button", name="Options of SPZ").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Call this from the API").click()
    code = dialog.get_by_role("tabpanel")
    expect(code).to_contain_text('{"format":"spz","options":{}}')
    dialog.get_by_label("Up").select_option("z")
    dialog.get_by_label("Min opacity").fill("0.1")
    for kind, text in {
        "cURL": '{"format":"spz","options":{"up":"z","min_opacity":0.1}}',
        "Python": 'options={"up": "z", "min_opacity": 0.1}',
        "JavaScript": '"spz", {"up":"z","min_opacity":0.1})',
        "Command line": "spz --option up=z --option min_opacity=0.1 -o kitchen.spz",
    }.items():
        dialog.get_by_role("tab", name=kind).click()
        expect(code).to_contain_text(text)
    page.keyboard.press("Enter")  # on a tab: nothing is sent
    assert gateway.calls("POST", "/api/v1/scenes/[^/]+/export") == []


@pytest.mark.parametrize(
    ("without", "words"),
    [
        (None, ["generate", "generate", "generate", "generate"]),
        ("create, export and delete scenes", ["scenes?limit", "client.scenes", "client.scenes", "list"]),
        ("look at scenes", []),
    ],
)
def test_a_new_keys_code_is_what_it_may_do_and_does_not_hold_it(
    gateway: FakeGateway, page: Page, without: str | None, words: list[str]
) -> None:
    made = {"id": "1", "key": "ss_1_secret", "name": "farm", "expires_at": None, "scopes": []}
    gateway.on("POST", "/api/v1/api-keys", Answer(made, 201))
    page.goto(f"{gateway.insecure_url}/keys")  # no clipboard there
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("farm")
    if without:
        dialog.get_by_label(without).uncheck()
    dialog.get_by_role("button", name="Create key").click()
    expect(dialog.get_by_text("ss_1_secret")).to_be_visible()
    summary = dialog.get_by_text("Call this from the API")
    if not words:
        expect(summary).to_have_count(0)
        return
    summary.click()
    expect(dialog.get_by_text("SHARPSTREAM_API_KEY", exact=True)).to_be_visible()
    for kind, word in zip(KINDS, words, strict=True):
        dialog.get_by_role("tab", name=kind).click()
        expect(dialog.get_by_role("tabpanel")).to_contain_text(word)
        expect(dialog.get_by_role("tabpanel")).not_to_contain_text("ss_1")
    dialog.get_by_role("button", name="Copy the Command line code").click()
    expect(dialog.get_by_role("tabpanel").get_by_text("Copied")).to_be_visible()
