"""Who has no account, or cannot get in: registration as it is set, invitations, links of mails.

| class | members | source |
|---|---|---|
| a form that can only be refused | closed, by invitation without one, no mail | settings |
| a link that is not whole | cut off, without its end, used before | mail programs that break lines |
| a link followed by a program | what reads mail opens links | confirmation by a press |
| what is typed cannot be seen | every password | phones |
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web.axe import findings
from tests.web.conftest import LIMIT_MS
from tests.web.fake_gateway import Answer, Asked, FakeGateway, problem

TOKEN = "tok-" * 10 + "end"
PHONE = {"width": 375, "height": 800}


@pytest.fixture
def context(chromium: Browser, gateway: FakeGateway):
    """A window in which nobody has signed in."""
    made = chromium.new_context(base_url=gateway.url, viewport=PHONE, reduced_motion="reduce")
    made.set_default_timeout(LIMIT_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def fill(page: Page) -> None:
    page.get_by_label("E-mail").fill("new@example.com")
    page.get_by_label("Password").fill("correct horse battery")


def test_closed_registration_is_said_and_nothing_is_asked(gateway: FakeGateway, page: Page) -> None:
    gateway.registration = "closed"
    page.goto("/sign-up")
    expect(page.get_by_text("This service makes no new accounts")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)
    assert findings(page) == []
    page.goto(f"/register#{TOKEN}")
    expect(page.get_by_text("This service makes no new accounts")).to_be_visible()


def test_without_an_invitation_the_page_says_how_to_get_one(gateway: FakeGateway, page: Page) -> None:
    gateway.registration = "invite"
    page.goto("/sign-up?back=%2Fkeys")
    expect(page.get_by_text("Accounts are made by invitation here")).to_be_visible()
    assert findings(page) == []
    given = page.get_by_label("Invitation")
    given.fill(f"{gateway.url}/register#{TOKEN[:-1]}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is no invitation: copy the whole link.")).to_be_visible()
    given.fill(f"{gateway.url}/register#{TOKEN}")
    page.keyboard.press("Enter")
    fill(page)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    (sent,) = gateway.calls("POST", "/api/v1/users/register")
    assert sent.json()["invite"] == TOKEN


def test_an_invitations_link_leads_to_the_form_and_a_used_one_says_so(
    gateway: FakeGateway, page: Page
) -> None:
    gateway.registration = "invite"
    refused = problem(403, "invite_invalid", "Yours is missing, used or expired. Ask an admin for one.")
    gateway.on("POST", "/api/v1/users/register", refused)
    page.goto(f"/register#{TOKEN}")
    expect(page.get_by_role("note")).to_contain_text("You are invited")
    fill(page)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_contain_text("Ask an admin for one.")
    page.get_by_role("button", name="Use another invitation").click()
    expect(page.get_by_label("Invitation")).to_be_visible()


def test_a_wrong_field_is_said_once_and_in_plain_words(gateway: FakeGateway, page: Page) -> None:
    fields = [{"field": "password", "message": "Expected `str` of length >= 10"}]
    gateway.on("POST", "/api/v1/users/register", problem(422, "validation_failed", "No.", fields=fields))
    page.goto("/sign-up")
    fill(page)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("at least 10 characters are needed.")).to_have_count(1)
    expect(page.get_by_text("Expected")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")


def test_a_password_can_be_shown(gateway: FakeGateway, page: Page) -> None:
    page.goto("/sign-in")
    password = page.get_by_label("Password")
    password.fill("correct horse battery")
    expect(password).to_have_attribute("type", "password")
    password.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(password).to_have_attribute("type", "text")
    expect(page.get_by_role("button", name="Hide", pressed=True)).to_be_focused()
    assert findings(page) == []


def test_a_forgotten_password_by_mail_from_the_keyboard(gateway: FakeGateway, page: Page) -> None:
    gateway.mail = True
    said = "If there is an account with this address, a mail with a link is on its way."
    gateway.on("POST", "/api/v1/users/password-reset/mail", Answer({"message": said}, 202))
    page.goto("/sign-in")
    page.get_by_role("link", name="Forgot it?").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Forgotten password")).to_be_visible()
    assert findings(page) == []
    page.get_by_label("E-mail").fill("ada@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    (sent,) = gateway.calls("POST", "/api/v1/users/password-reset/mail")
    assert sent.json() == {"email": "ada@example.com"}
    page.get_by_role("button", name="Try another address").click()
    expect(page.get_by_label("E-mail")).to_be_visible()


def test_without_mail_the_page_says_who_can_help(gateway: FakeGateway, page: Page) -> None:
    page.goto("/forgot-password")
    expect(page.get_by_text("Ask an admin of it for a link")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)
    assert findings(page) == []


def test_a_link_sets_a_new_password_and_signs_in(gateway: FakeGateway, page: Page) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.json()["password"] == "used up already":
            return problem(
                403, "link_invalid", "This link was used, replaced, or has expired; ask for a new one."
            )
        return Answer(gateway._tokens())

    gateway.on("POST", "/api/v1/users/password-reset", answer)
    page.goto(f"/reset-password#{TOKEN}")
    password = page.get_by_label("New password")
    password.fill("used up already")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This link was used")
    expect(page.get_by_role("link", name="Ask for a new link")).to_be_visible()
    password.fill("an even better sentence")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Every other sign-in has ended")).to_be_visible()
    assert findings(page) == []
    assert gateway.calls("POST", "/api/v1/users/password-reset")[-1].json()["token"] == TOKEN
    page.get_by_role("link", name="To your scenes").click()
    page.goto("/account")
    expect(page.get_by_text("ada@example.com")).to_be_visible()


@pytest.mark.parametrize("path", ["/reset-password", f"/reset-password#{TOKEN[:-3]}", "/confirm-email"])
def test_a_link_that_is_not_whole_says_so(gateway: FakeGateway, page: Page, path: str) -> None:
    page.goto(path)
    expect(page.get_by_text("This link is not whole")).to_be_visible()
    assert findings(page) == []


def test_a_new_address_is_confirmed_by_a_press(gateway: FakeGateway, page: Page) -> None:
    gateway.on("POST", "/api/v1/users/email", Answer({"email": "new@example.com"}))
    page.goto(f"/confirm-email#{TOKEN}")
    expect(page.get_by_role("button", name="Confirm this address")).to_be_visible()
    assert findings(page) == []
    assert gateway.calls("POST", "/api/v1/users/email") == []
    page.get_by_role("button", name="Confirm this address").click()
    expect(page.get_by_text("new@example.com")).to_be_visible()
    assert [each.json() for each in gateway.calls("POST", "/api/v1/users/email")] == [{"token": TOKEN}]
