"""Dialogs ask before what cannot be undone, and say what is true now.

| class | members | source |
|---|---|---|
| nothing changes before it is confirmed | a role by one key, an account closed by one click | WCAG 3.3.4 |
| what is shown once is not lost | Escape, a click beside it, plain http without a clipboard | Clipboard API |
| an error belongs to what was asked | the next thing that is deleted | |
| what means the same is the same | an option that equals its default, spaces around a name | |
| a wrong address | below /admin, a scene that is gone, an admin's page without the role | HTTP 404, 403 |
"""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.fake_gateway import Answer, Asked, FakeGateway, problem

USER = {
    "id": "1", "email": "eve@example.com", "first_name": "Eve", "last_name": "", "role": "user",
    "is_active": True, "created_at": "2026-01-01T00:00:00Z",
}  # fmt: skip


def test_a_role_and_a_closed_account_are_confirmed(gateway: FakeGateway, page: Page) -> None:
    gateway.role = "admin"
    gateway.on("GET", "/api/v1/admin/users", Answer({"items": [USER], "next_cursor": None}))
    gateway.on("PATCH", "/api/v1/admin/users/1", Answer(USER))
    page.goto("/admin")
    opener = page.get_by_role("button", name="Change role of eve@example.com")
    opener.click()
    role = page.get_by_role("dialog").get_by_label("Role of eve@example.com")
    expect(role).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    page.get_by_role("button", name="Close eve@example.com").click()
    page.get_by_role("button", name="Cancel").click()
    assert gateway.calls("PATCH", "/api/v1/admin/users/1") == []
    page.get_by_role("button", name="Close eve@example.com").click()
    page.get_by_role("button", name="Close the account").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [each.json() for each in gateway.calls("PATCH", "/api/v1/admin/users/1")] == [{"is_active": False}]


def test_a_key_has_a_name_and_a_permission_and_is_not_lost(gateway: FakeGateway, page: Page) -> None:
    made = {"id": "1", "key": "ss_1_secret", "name": "farm", "expires_at": None, "scopes": ["scenes:read"]}
    gateway.on("POST", "/api/v1/api-keys", Answer(made, 201))
    page.goto(f"{gateway.insecure_url}/keys")  # no clipboard there
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    create = dialog.get_by_role("button", name="Create key")
    dialog.get_by_label("Name").fill("   ")
    expect(create).to_be_disabled()
    dialog.get_by_label("Name").fill(" farm ")
    for tick in dialog.get_by_role("checkbox").all():
        tick.uncheck()
    expect(create).to_be_disabled()
    expect(dialog.get_by_text("Give the key at least one permission.")).to_be_visible()
    dialog.get_by_label("look at scenes").check()
    create.click()
    expect(dialog.get_by_text("ss_1_secret")).to_be_visible()
    (asked,) = gateway.calls("POST", "/api/v1/api-keys")
    assert asked.json() == {"name": "farm", "scopes": ["scenes:read"], "expires_at": None}
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)
    expect(dialog.get_by_text("ss_1_secret")).to_be_visible()
    dialog.get_by_role("button", name="Copy the key").click()
    expect(dialog.get_by_text("Copied")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)


def test_an_error_is_gone_when_the_next_thing_is_asked(gateway: FakeGateway, page: Page) -> None:
    gateway.add_scene("first.jpg")
    gateway.add_scene("second.jpg")
    gateway.on(
        "DELETE", "/api/v1/scenes/([^/]+)", problem(409, "scene_unfinished", "It is still being made.")
    )
    page.goto("/")
    page.get_by_role("button", name="Delete first").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("It is still being made.")
    page.mouse.click(5, 5)  # beside it
    page.get_by_role("button", name="Delete second").click()
    expect(page.get_by_role("dialog").get_by_text("second")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_count(0)


def test_an_option_that_equals_its_default_is_not_asked_for(gateway: FakeGateway, page: Page) -> None:
    added = gateway.add_scene()
    gateway.on("POST", "/api/v1/scenes/[^/]+/export", Answer({"export_id": "1", "status": "pending"}, 202))
    page.goto(f"/scenes/{added['id']}")
    page.get_by_role("button", name="Options of SPZ").first.click()
    up = page.get_by_label("Up")
    assert up.locator("option").all_text_contents() == ["y (default)", "-y", "z"]
    page.get_by_label("Min opacity").fill("0")
    page.get_by_role("button", name="Create file").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    (asked,) = gateway.calls("POST", "/api/v1/scenes/[^/]+/export")
    assert asked.json() == {"format": "spz", "options": {}}


def test_a_webhook_that_works_again_says_so(gateway: FakeGateway, page: Page) -> None:
    hook = {
        "id": "1", "url": "https://shop.example.com", "events": ["*"], "description": "", "status": "active",
        "failing_since": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    delivery = {
        "id": "1", "event_type": "generation.completed.v1", "status": "failed", "attempts": 9,
        "created_at": "2026-01-01T00:00:00Z", "due_at": None, "response_status": 500, "error": None,
        "duration_ms": 3, "origin": "event",
    }  # fmt: skip
    items = [delivery]

    def again(asked: Asked) -> Answer:
        items.insert(0, delivery | {"id": "2", "status": "delivered", "attempts": 1, "response_status": 200})
        hook["failing_since"] = None  # type: ignore[assignment]
        return Answer(items[0], 202)

    gateway.on("GET", "/api/v1/webhooks/1", lambda *_: Answer(hook))
    gateway.on(
        "GET", "/api/v1/webhooks/1/deliveries", lambda *_: Answer({"items": items, "next_cursor": None})
    )
    gateway.on("POST", "/api/v1/webhooks/deliveries/1/redeliver", again)
    page.goto("/webhooks/1")
    expect(page.get_by_text("failing", exact=True)).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("failing", exact=True)).to_have_count(0)
    expect(page.get_by_text("Nothing has got through")).to_have_count(0)


def test_wrong_addresses_say_so_and_lead_back(gateway: FakeGateway, page: Page) -> None:
    page.goto("/admin")
    expect(page.get_by_text("This page is for admins alone")).to_be_visible()
    gateway.role = "admin"
    page.goto("/admin/anything")
    expect(page.get_by_text("There is no page at this address")).to_be_visible()
    page.goto("/scenes/01a22408-0000-7000-8000-000000000000")
    expect(page.get_by_text("There is no such scene")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.get_by_role("link", name="To your scenes").click()
    expect(page).to_have_url(f"{gateway.url}/")


def test_the_demo_model_is_called_one_and_searches_stay_in_the_address(
    gateway: FakeGateway, page: Page
) -> None:
    gateway.model = "card"
    gateway.add_scene("coffee.jpg")
    page.goto("/")
    expect(page.get_by_role("note")).to_contain_text("The demo model runs")
    page.get_by_label("Search scenes").fill("coffee")
    expect(page).to_have_url(f"{gateway.url}/?q=coffee")
    page.get_by_role("link", name="coffee").click()
    expect(page.get_by_role("heading", name="coffee")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Search scenes")).to_have_value("coffee")
