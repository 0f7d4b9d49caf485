"""How long data are kept: shown in words, changed only once it is confirmed, and said of what is gone.

| class | members | source |
|---|---|---|
| nothing changes before it is confirmed | a shorter time, the service's own policy | WCAG 3.3.4 |
| a choice made elsewhere | hours that are none of the page's | |
| what is gone | a result, a shared scene | HTTP 410 |
"""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.fake_gateway import FakeGateway, problem

PATH = "/api/v1/users/me/retention"
ERASED = {
    "id": "1", "kind": "originals", "day": "2026-01-31", "count": 12,
    "first_at": "2026-01-31T12:00:00Z", "last_at": "2026-01-31T12:00:00Z",
}  # fmt: skip


def test_a_policy_is_changed_once_it_is_confirmed(gateway: FakeGateway, page: Page) -> None:
    gateway.erasures = [ERASED]
    page.goto("/account")
    save = page.locator("form", has=page.get_by_label("Photos")).get_by_role("button", name="Save")
    photos = page.get_by_label("Photos")
    expect(photos).to_have_value("")
    expect(save).to_be_disabled()
    photos.select_option("7 days")
    page.get_by_label("Names").select_option("1 day")
    save.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    assert gateway.calls("PUT", PATH) == []
    save.click()
    dialog.get_by_role("button", name="Erase what is older").click()
    expect(dialog).to_have_count(0)
    (sent,) = gateway.calls("PUT", PATH)
    assert {kind: hours for kind, hours in sent.json().items() if hours} == {
        "originals_hours": 168,
        "names_hours": 24,
    }
    assert len(sent.json()) == 9  # the others are stated, too: for ever
    expect(save).to_be_disabled()
    page.get_by_text("Erased lately").click()
    expect(page.get_by_role("row", name="Photos 12")).to_be_visible()
    page.reload()
    expect(photos).to_have_value("168")


def test_a_time_that_was_set_elsewhere_is_shown_and_kept(gateway: FakeGateway, page: Page) -> None:
    gateway.policy = {"results_hours": 36}
    page.goto("/account")
    results = page.get_by_label("3D results")
    expect(results).to_have_value("36")
    expect(results.locator("option:checked")).to_have_text("36 hours")
    page.get_by_role("button", name="Use the default").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase what is older").click()
    expect(results).to_have_value("")
    assert len(gateway.calls("DELETE", PATH)) == 1


def test_what_is_gone_is_said(gateway: FakeGateway, page: Page) -> None:
    gone = [{"part": "result", "erased_at": "2026-01-31T12:00:00Z", "reason": "retention"}]
    urls = {"generated_3d_gaussian_url": None, "viewer_url": None, "preview_url": None}
    scene = gateway.add_scene(erased=gone, original_image_url=None, **urls)
    page.goto(f"/scenes/{scene['id']}")
    expect(page.get_by_text("The 3D scene was erased on Jan 31, 2026")).to_be_visible()
    expect(page.get_by_role("button", name="Create the 3D view")).to_have_count(0)
    gateway.on("GET", "/api/v1/shared/[^/]+", problem(410, "result_erased", "The shared scene is gone."))
    page.goto("/s/" + "a" * 43)
    expect(page.get_by_text("This link does not work")).to_be_visible()
