"""One's own account: where one is signed in, another address, quotas, usage by key and as a file."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.axe import findings
from tests.web.fake_gateway import Answer, Asked, FakeGateway, _sign_in_row

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1"
QUOTAS = [
    {"name": "generations_in_flight", "used": 95, "limit": 100, "window_seconds": None, "resets_at": None},
    {
        "name": "stored_bytes",
        "used": 2_000_000,
        "limit": 107_374_182_400,
        "window_seconds": None,
        "resets_at": None,
    },
    {"name": "requests", "used": 30, "limit": 600, "window_seconds": 60, "resets_at": "2099-01-01T00:00:00Z"},
    {"name": "exports_begun", "used": 0, "limit": 20, "window_seconds": 20, "resets_at": None},
]


def test_sign_ins_are_listed_and_ended(gateway: FakeGateway, page: Page) -> None:
    phone = _sign_in_row(client=IPHONE, created_at="2026-01-01T00:00:00Z")
    tool = _sign_in_row(client=None)
    gateway.sign_ins += [phone, tool]

    def end(asked: Asked, which: str) -> Answer:
        gateway.sign_ins = [each for each in gateway.sign_ins if each["id"] != which]
        return Answer(b"", 204)

    def end_others(asked: Asked) -> Answer:
        gateway.sign_ins = gateway.sign_ins[:1]
        return Answer(b"", 204)

    gateway.on("DELETE", "/api/v1/users/me/sessions/([^/]+)", end)
    gateway.on("DELETE", "/api/v1/users/me/sessions", end_others)
    page.goto("/account")
    listed = page.get_by_role("list", name="Sign-ins").get_by_role("listitem")
    expect(listed).to_have_count(3)
    expect(listed.nth(0)).to_contain_text("Firefox on Linux")
    expect(listed.nth(0)).to_contain_text("this one")
    expect(listed.nth(0).get_by_role("button")).to_have_count(0)
    expect(listed.nth(2)).to_contain_text("An unknown program")
    assert findings(page) == []
    page.get_by_role("button", name="End Safari on iPhone").click()
    expect(listed).to_have_count(2)
    page.get_by_role("button", name="End all others").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Leave them")).to_be_focused()
    page.keyboard.press("Escape")
    assert gateway.calls("DELETE", "/api/v1/users/me/sessions") == []
    page.get_by_role("button", name="End all others").click()
    dialog.get_by_role("button", name="End them").click()
    expect(listed).to_have_count(1)
    expect(page.get_by_role("button", name="End all others")).to_have_count(0)


def test_the_address_is_changed_at_once_or_by_a_mailed_link(gateway: FakeGateway, page: Page) -> None:
    later = {"email": "new@example.com", "confirm_by_mail": True}
    gateway.on("POST", "/api/v1/users/me/email", lambda *_: Answer(later))
    page.goto("/account")
    form = page.locator("form", has=page.get_by_label("New address"))

    def change() -> None:
        form.get_by_label("New address").fill("new@example.com")
        form.get_by_label("Your password, as proof").fill("correct horse battery")
        page.keyboard.press("Enter")

    change()
    expect(form.get_by_role("status")).to_contain_text("Open the link that was sent to new@example.com")
    expect(page.get_by_text("ada@example.com")).to_be_visible()
    later["confirm_by_mail"] = False
    change()
    expect(form.get_by_role("status")).to_contain_text("You sign in as new@example.com from now on.")
    expect(page.get_by_text("ada@example.com")).to_have_count(0)
    expect(form.get_by_label("Your password, as proof")).to_have_value("")


def test_quotas_say_what_is_used_and_when_it_is_free(gateway: FakeGateway, page: Page) -> None:
    gateway.on("GET", "/api/v1/usage/quotas", Answer({"items": QUOTAS}))
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto("/usage")
    quotas = page.get_by_role("list", name="Quotas").get_by_role("listitem")
    expect(quotas.nth(0)).to_contain_text("95 of 100")
    expect(quotas.nth(0)).to_contain_text("free again as they end")
    expect(quotas.nth(1)).to_contain_text("2.0 MB of 107 GB")
    expect(quotas.nth(2)).to_contain_text("30 of 600 in 60 s")
    expect(quotas.nth(2)).to_contain_text("whole again in")
    expect(quotas.nth(3)).to_contain_text("all free now")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_usage_by_key_is_shown_and_kept_as_csv_without_formulas(gateway: FakeGateway, page: Page) -> None:
    day = page.evaluate("new Date().toISOString().slice(0, 10)")
    evil = '=HYPERLINK("http://evil.example","x")'
    gateway.keys = [
        {
            "id": "k1", "name": evil, "status": "active", "created_at": "2026-01-01T00:00:00Z",
            "expires_at": None, "prefix": "ss_1", "scopes": [], "last_used_at": None,
        }
    ]  # fmt: skip

    def usage(asked: Asked) -> Answer:
        by_key = asked.query.get("group_by") == ["key"]
        rows = [("scene_generate", 5, "k1"), ("scene_export", 2, None)]
        totals = [
            {"day": day, "event_type": kind, "count": count, "api_key_id": key if by_key else None}
            for kind, count, key in rows
        ]
        return Answer({"totals": totals})

    gateway.on("GET", "/api/v1/usage", usage)
    page.goto("/usage")
    table = page.get_by_role("region", name="Usage by key")
    expect(table.get_by_role("row", name=f"{evil} 0 5")).to_be_visible()
    expect(table.get_by_role("row", name="Signed in, without a key 2 0")).to_be_visible()
    assert findings(page) == []
    with page.expect_download() as kept:
        page.get_by_role("button", name="CSV by key").click()
    text = kept.value.path().read_text("utf-8-sig")
    assert (
        text.splitlines()[1] == f"""{day},"'=HYPERLINK(""http://evil.example"",""x"")",k1,scene_generate,5"""
    )
    with page.expect_download() as kept:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert kept.value.suggested_filename == "sharpstream-usage.csv"
    assert kept.value.path().read_text("utf-8-sig").splitlines() == [
        "day,kind,count", f"{day},scene_generate,5", f"{day},scene_export,2",
    ]  # fmt: skip


def test_labels_of_the_chart_can_be_read_on_a_phone(gateway: FakeGateway, page: Page) -> None:
    day = page.evaluate("new Date().toISOString().slice(0, 10)")
    totals = [{"day": day, "event_type": "scene_generate", "count": 5, "api_key_id": None}]
    gateway.on("GET", "/api/v1/usage", Answer({"totals": totals}))
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto("/usage")
    expect(page.locator("figure")).to_be_visible()
    sizes = page.locator("figure").evaluate(
        """each => [...each.querySelectorAll("*")].filter((part) => [...part.childNodes].some((node) =>
            node.nodeType === 3 && node.textContent.trim()) && part.tagName !== "title")
            .map((part) => parseFloat(getComputedStyle(part).fontSize))"""
    )
    assert min(sizes) >= 12
