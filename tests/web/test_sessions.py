"""Nothing but the person, or a token that is really refused, signs anybody out of the page.

| class | members | source |
|---|---|---|
| an answer that was lost | a reload or a cut connection during the renewal | RFC 6749, section 10.4 |
| a sign-out in mid-renewal | its answer is not kept | a window that the page's first request leaves open |
| two tabs that spend one token | no Web Locks: plain http at a name | Secure Contexts, section 4 |
| a password that was changed | by a service that answers with tokens, or not | it ends every sign-in |
"""

from __future__ import annotations

import threading

from playwright.sync_api import BrowserContext, Page, expect

from tests.web.fake_gateway import Answer, Asked, FakeGateway, problem


def test_a_renewal_whose_answer_was_lost_does_not_sign_out(gateway: FakeGateway, page: Page) -> None:
    renew = gateway._refresh
    lost = iter([True])
    gateway.on(
        "POST",
        "/api/v1/users/refresh",
        lambda asked: Answer(renew(asked).body, lost=True) if next(lost, False) else renew(asked),
    )
    page.goto("/usage")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    assert len(gateway.calls("POST", "/api/v1/users/refresh")) > 1


def test_two_tabs_without_locks_keep_the_sign_in(gateway: FakeGateway, context: BrowserContext) -> None:
    gateway.grace = False
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto(f"{gateway.insecure_url}/account")
        expect(tab.get_by_text("ada@example.com")).to_be_visible()
    assert not tabs[0].evaluate("'locks' in navigator")
    for _ in range(3):
        for tab in tabs:
            tab.evaluate("setTimeout(() => location.reload())")
        for tab in tabs:
            expect(tab.get_by_text("ada@example.com")).to_be_visible()
    assert [tab.url.rpartition("/")[2] for tab in tabs] == ["account", "account"]


def test_a_new_password_keeps_the_sign_in_and_leaves_no_password_in_the_form(
    gateway: FakeGateway, page: Page
) -> None:
    def change(asked: Asked) -> Answer:
        gateway.token = "ended with the old password"
        return Answer(
            {"id": "1", "email": "ada@example.com", "first_name": "Ada", "last_name": "", "role": "user"}
        )

    gateway.on("PATCH", "/api/v1/users/me", change)
    page.goto("/account")
    page.get_by_label("Current password").fill("correct horse battery")
    page.get_by_label("New password").fill("an even better sentence")
    form = page.locator("form", has=page.get_by_label("New password"))
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Current password")).to_have_value("")
    expect(page.get_by_label("New password")).to_have_value("")
    page.reload()
    expect(page.get_by_text("ada@example.com")).to_be_visible()


def test_a_renewal_that_ends_after_the_sign_out_is_not_kept(gateway: FakeGateway, page: Page) -> None:
    renew, answered = gateway._refresh, threading.Event()

    def late(asked: Asked) -> Answer:
        answered.wait(300)
        return renew(asked)

    gateway.on("POST", "/api/v1/users/refresh", late)
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    with page.expect_response("**/api/v1/users/refresh"):
        answered.set()
    page.goto("/sign-in")
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()


def test_signing_out_is_confirmed_and_a_refused_sign_in_comes_back(gateway: FakeGateway, page: Page) -> None:
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(page).to_have_url(f"{gateway.url}/")
    page.goto("/sign-up?back=%2Fkeys")
    page.get_by_role("link", name="Sign in", exact=True).last.click()
    expect(page).to_have_url(f"{gateway.url}/sign-in?back=%2Fkeys")
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()  # both forms have these fields
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    page.goto("/sign-in")  # nobody who is signed in is asked again
    expect(page.get_by_role("heading", name="Welcome", exact=True)).to_be_visible()
    gateway.on("POST", "/api/v1/users/refresh", problem(401, "refresh_token_reused", "Sign in again."))
    page.goto("/keys")
    expect(page).to_have_url(f"{gateway.url}/sign-in?back=%2Fkeys")
