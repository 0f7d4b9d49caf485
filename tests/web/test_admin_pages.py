"""What admins do from the page: invitations, accounts, the queue, partners; what cannot be undone is asked.

| class | members | source |
|---|---|---|
| shown once and lost | an invitation, a link for a password, a partner's credentials | Escape, a click |
| done by one press | revoking, ending sign-ins, suspending and removing a partner, discarding | WCAG 3.3.4 |
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.axe import findings
from tests.web.fake_gateway import Answer, Asked, FakeGateway, _page, _sign_in_row

TOKEN = "t" * 43
USER = {
    "id": "01a22408-0000-7000-8000-000000000001", "email": "eve@example.com", "first_name": "Eve",
    "last_name": "", "role": "user", "is_active": True, "created_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
DETAIL = USER | {
    "quotas": {"max_in_flight": 100, "requests_per_minute": 600, "max_streams": 100},
    "own_quotas": {"max_in_flight": None, "requests_per_minute": None, "max_streams": None},
}
PARTNER = {
    "id": "01a22408-0000-7000-8000-000000000002", "account_id": USER["id"], "slug": "acme", "state": "active",
    "settled": True, "username": "partner.acme", "group_prefix": "partner.acme.",
    "topics": {"commands": "partner.acme.commands.v1", "events": "partner.acme.events.v1"},
    "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "deleted_at": None,
    "suspension": None, "unreadable_records": 0,
}  # fmt: skip
OPENED = {
    "id": PARTNER["id"], "account_id": USER["id"], "slug": "acme", "state": "active",
    "kafka": {
        "bootstrap_servers": "kafka.example.com:9094", "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512", "username": "partner.acme", "password": "secret-of-acme",
    },
    "topics": PARTNER["topics"], "group_prefix": "partner.acme.", "asyncapi_url": "https://x/asyncapi",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _admin(gateway: FakeGateway) -> None:
    gateway.role = "admin"


def link(gateway: FakeGateway, page: str) -> dict[str, Any]:
    return {
        "id": "1", "token": TOKEN, "url": f"{gateway.url}/{page}#{TOKEN}",
        "expires_at": "2099-01-01T00:00:00Z",
    }  # fmt: skip


def lost(page: Page) -> None:
    """Try to lose what is shown once."""
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)


def test_invitations_are_made_listed_and_revoked(gateway: FakeGateway, page: Page) -> None:
    gateway.registration, gateway.mail = "invite", True
    listed: list[dict[str, Any]] = []

    def make(asked: Asked) -> Answer:
        listed.append(
            {
                "id": "1",
                "created_at": "2026-01-01T00:00:00Z",
                "expires_at": "2099-01-01T00:00:00Z",
                "mail": "failed",
            }
        )
        return Answer(link(gateway, "register"), 201)

    gateway.on("GET", "/api/v1/admin/invites", lambda *_: Answer({"items": listed}))
    gateway.on("POST", "/api/v1/admin/invites", make)
    gateway.on("DELETE", "/api/v1/admin/invites/1", lambda *_: (listed.clear(), Answer(b"", 204))[1])
    page.goto("/admin/invitations")
    expect(page.get_by_role("note")).to_contain_text("by invitation alone")
    expect(page.get_by_text("No open invitations")).to_be_visible()
    page.get_by_role("button", name="New invitation").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Expires after")).to_be_focused()
    dialog.get_by_label("Expires after").select_option("a week")
    dialog.get_by_label("Send it to").fill("new@example.com")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text(f"{gateway.url}/register#{TOKEN}")).to_be_visible()
    (sent,) = gateway.calls("POST", "/api/v1/admin/invites")
    assert sent.json() == {"expires_in_hours": 168, "email": "new@example.com"}
    lost(page)
    expect(dialog.get_by_text(f"{gateway.url}/register#{TOKEN}")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("list", name="Invitations")).to_contain_text("mail failed: hand the link over")
    assert findings(page) == []
    page.get_by_role("button", name="Revoke the invitation").click()
    dialog.get_by_role("button", name="Cancel").click()
    assert gateway.calls("DELETE", "/api/v1/admin/invites/1") == []
    page.get_by_role("button", name="Revoke the invitation").click()
    dialog.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("No open invitations")).to_be_visible()


def test_an_account_in_detail(gateway: FakeGateway, page: Page) -> None:
    path, shown = f"/api/v1/admin/users/{USER['id']}", dict(DETAIL)
    sign_ins = [_sign_in_row()]

    def change(asked: Asked) -> Answer:
        shown.update(own_quotas=asked.json()["quotas"])
        return Answer(shown)

    gateway.on("GET", "/api/v1/admin/users", Answer(_page([USER])))
    gateway.on("GET", path, lambda *_: Answer(shown))
    gateway.on("PATCH", path, change)
    gateway.on("GET", f"{path}/quotas", Answer({"items": []}))
    gateway.on("GET", f"{path}/sessions", lambda *_: Answer({"items": sign_ins}))
    gateway.on("DELETE", f"{path}/sessions", lambda *_: (sign_ins.clear(), Answer(b"", 204))[1])
    gateway.on("POST", f"{path}/password-reset", lambda *_: Answer(link(gateway, "reset-password"), 201))
    gateway.on("GET", "/api/v1/admin/usage", Answer({"totals": []}))
    page.goto("/admin")
    page.get_by_role("link", name="eve@example.com").click()
    expect(page.get_by_role("heading", name="eve@example.com")).to_be_visible()
    expect(page.get_by_role("list", name="Sign-ins")).to_contain_text("Firefox on Linux")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    assert findings(page) == []
    assert gateway.calls("GET", "/api/v1/admin/usage")[0].query["account_id"] == [USER["id"]]

    most = page.get_by_label("Scenes in the making")
    expect(most).to_have_attribute("placeholder", "100")
    most.fill("7")
    page.get_by_role("button", name="Save the quotas").click()
    expect(page.get_by_role("button", name="Save the quotas")).to_be_disabled()
    expect(most).to_have_value("7")
    sent = {"max_in_flight": 7, "requests_per_minute": None, "max_streams": None}
    assert [each.json() for each in gateway.calls("PATCH", path)] == [{"quotas": sent}]

    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="End all sign-ins").click()
    dialog.get_by_role("button", name="Cancel").click()
    assert gateway.calls("DELETE", f"{path}/sessions") == []
    page.get_by_role("button", name="End all sign-ins").click()
    dialog.get_by_role("button", name="End them").click()
    expect(page.get_by_text("Nowhere.")).to_be_visible()

    page.get_by_role("button", name="Link for a new password").click()
    dialog.get_by_role("button", name="Make the link").click()
    expect(dialog.get_by_text(f"{gateway.url}/reset-password#{TOKEN}")).to_be_visible()
    lost(page)
    expect(dialog.get_by_text(f"{gateway.url}/reset-password#{TOKEN}")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Close the account").click()
    dialog.get_by_role("button", name="Cancel").click()
    assert len(gateway.calls("PATCH", path)) == 1


def test_the_queue_says_what_waits_and_who_works(gateway: FakeGateway, page: Page) -> None:
    now = {
        "at": "2026-01-01T00:00:00Z",
        "waiting": [
            {"priority": "interactive", "waiting": 3, "processing": 2, "oldest": "2026-01-01T00:00:00Z"},
            {"priority": "bulk", "waiting": 1200, "processing": 0, "oldest": "2026-01-01T00:00:00Z"},
            {"priority": "exports", "waiting": 0, "processing": 0, "oldest": None},
        ],
        "accounts": [
            {
                "account_id": USER["id"], "email": "eve@example.com", "interactive": 3, "bulk": 1200,
                "held": 1184, "oldest": "2026-01-01T00:00:00Z",
            }
        ],
        "workers": ["gpu-1", "gpu-2"],
        "models": [{"name": "sharp", "device": "cuda:0", "scenes": 41, "last_at": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    gateway.on("GET", "/api/v1/admin/queue", lambda *_: Answer(now))
    page.goto("/admin/queue")
    expect(page.get_by_role("row", name="Bulk scenes 1,200 0")).to_be_visible()
    expect(page.get_by_role("row", name="eve@example.com 3 1,200 1,184")).to_be_visible()
    expect(page.get_by_role("list", name="Workers")).to_contain_text("gpu-2")
    expect(page.get_by_role("list", name="Models of the last hour")).to_contain_text(
        "sharp on cuda:0: 41 scenes"
    )
    assert findings(page) == []
    now["workers"] = []
    expect(page.get_by_text("No inference worker lives")).to_be_visible()  # read again by itself
    now["workers"] = None
    expect(page.get_by_text("Kafka does not answer")).to_be_visible()


def test_partners_are_let_in_suspended_and_removed(gateway: FakeGateway, page: Page) -> None:
    shown: list[dict[str, Any]] = []

    def create(asked: Asked) -> Answer:
        shown.append(dict(PARTNER))
        return Answer(OPENED, 201)

    def suspend(asked: Asked) -> Answer:
        shown[0].update(
            state="suspended", suspension={"reason": "admin", "message": "An admin suspended it."}
        )
        return Answer(shown[0])

    path = f"/api/v1/partners/{PARTNER['id']}"
    gateway.on("GET", "/api/v1/admin/users", Answer(_page([USER])))
    gateway.on("GET", "/api/v1/partners", lambda *_: Answer(_page(shown)))
    gateway.on("POST", "/api/v1/partners", create)
    gateway.on("POST", f"{path}/suspend", suspend)
    gateway.on("POST", f"{path}/rotate", Answer(OPENED))
    gateway.on("DELETE", path, lambda *_: (shown.clear(), Answer(b"", 204))[1])
    page.goto("/admin/partners")
    expect(page.get_by_text("No partners")).to_be_visible()
    page.get_by_role("button", name="New partner").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name in Kafka").fill("acme")
    account = dialog.get_by_label("E-mail of its account")
    account.fill("stranger@example.com")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("There is no account with the address")
    account.fill("Eve@example.com")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("sasl.password=secret-of-acme")).to_be_visible()
    (sent,) = gateway.calls("POST", "/api/v1/partners")
    assert sent.json() == {"slug": "acme", "account_id": USER["id"]}
    lost(page)
    expect(dialog.get_by_text("sasl.password=secret-of-acme")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    assert findings(page) == []
    page.get_by_role("button", name="Suspend: acme").click()
    dialog.get_by_role("button", name="Cancel").click()
    assert gateway.calls("POST", f"{path}/suspend") == []
    page.get_by_role("button", name="Suspend: acme").click()
    dialog.get_by_role("button", name="Suspend", exact=True).click()
    expect(page.get_by_role("button", name="Let in again: acme")).to_be_visible()
    expect(page.get_by_text("An admin suspended it.")).to_be_visible()
    page.get_by_role("button", name="New password: acme").click()
    dialog.get_by_role("button", name="New password", exact=True).click()
    expect(dialog.get_by_text("sasl.password=secret-of-acme")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Remove: acme").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("No partners")).to_be_visible()


def test_a_dead_letter_is_discarded_once_it_is_confirmed(gateway: FakeGateway, page: Page) -> None:
    letters = [
        {
            "id": "1", "state": "open", "code": "worker_died", "reason": "It died twice.", "topic": "t",
            "dead_at": "2026-01-01T00:00:00Z", "job_id": "1", "account_id": USER["id"],
        }
    ]  # fmt: skip
    gateway.on("GET", "/api/v1/admin/dead-letters", lambda *_: Answer(_page(letters)))
    gateway.on(
        "POST", "/api/v1/admin/dead-letters/1/discard", lambda *_: (letters.clear(), Answer(b"", 204))[1]
    )
    page.goto("/admin/dead-letters")
    page.get_by_role("button", name="Discard").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    assert gateway.calls("POST", "/api/v1/admin/dead-letters/1/discard") == []
    page.get_by_role("button", name="Discard").click()
    dialog.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("No dead letters")).to_be_visible()
