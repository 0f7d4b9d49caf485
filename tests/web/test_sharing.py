"""A scene is shared by link, by the code for another page and by QR code, and seen in that other page."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.web.fake_gateway import Answer, Asked, FakeGateway

TOKEN = "t" * 43


@pytest.fixture
def scene(gateway: FakeGateway) -> dict[str, Any]:
    """A completed scene whose shares the gateway keeps."""
    made, shares = gateway.add_scene("kitchen.jpg"), []
    address = f"/api/v1/scenes/{made['id']}/shares"

    def share(asked: Asked) -> Answer:
        url = f"{gateway.url}/s/{TOKEN}"
        new = asked.json() | {
            "id": str(uuid4()), "scene_generation_id": made["id"], "url": url, "embed_origins": ["*"],
            "embed_html": f'<iframe src="{gateway.url}/embed/{TOKEN}"></iframe>',
            "created_at": made["created_at"], "expires_at": "2030-01-01T00:00:00Z",
        }  # fmt: skip
        shares.append({k: v for k, v in new.items() if k != "expires_in_hours"} | {"opened": 7})
        return Answer(new | {"token": TOKEN}, 201)

    gateway.on("POST", address, share)
    gateway.on("GET", address, lambda *_: Answer({"items": shares}))
    gateway.on("DELETE", "/api/v1/shares/[^/]+", lambda *_: (shares.clear(), Answer(b"", 204))[1])
    return made


def shared(gateway: FakeGateway, **given: Any) -> dict[str, Any]:
    return {
        "name": "kitchen.jpg", "created_at": "2026-01-01T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z",
        "viewer_url": f"{gateway.url}/store/s.spz", "preview_url": f"{gateway.url}/store/300x200.png",
        "photo_url": f"{gateway.url}/store/300x200.jpg", "download_url": None,
        "gaussian_count": 10, "width": 300, "height": 200, "focal_length_px": 300.0,
    } | given  # fmt: skip


def test_a_link_is_made_copied_and_ended(gateway: FakeGateway, page: Page, scene: dict[str, Any]) -> None:
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_label("Show the photo beside it").uncheck()
    page.get_by_label("Allow downloading the splat").check()
    page.get_by_role("button", name="Create link").click()
    links = page.get_by_role("list", name="Live links")
    expect(links.get_by_text(f"{gateway.url}/s/{TOKEN}", exact=True)).to_be_visible()
    expect(links).to_contain_text("opened 7 times, photo hidden, with download")
    (sent,) = gateway.calls("POST", f"/api/v1/scenes/{scene['id']}/shares")
    assert sent.json() == {"expires_in_hours": 168, "show_photo": False, "allow_download": True}
    links.get_by_role("button", name="Embed").click()
    expect(links.get_by_text(f'<iframe src="{gateway.url}/embed/{TOKEN}"></iframe>')).to_be_visible()
    links.get_by_role("button", name="QR code").click()
    code = links.get_by_role("img", name="QR code of the link")
    expect(code).to_be_visible()
    assert len(code.locator("path").get_attribute("d") or "") > 1000
    page.reload()  # the link can be copied again
    links.get_by_text("The link").click()
    expect(links.get_by_role("button", name="Copy the link")).to_be_visible()
    links.get_by_role("button", name="End the link").click()
    expect(links).to_have_count(0)


def test_an_embedded_scene_fills_its_frame_without_a_session(gateway: FakeGateway, page: Page) -> None:
    gateway.on("GET", f"/api/v1/shared/{TOKEN}", lambda *_: Answer(shared(gateway)))
    before = len(gateway.calls("POST", "/api/v1/users/refresh"))
    page.set_viewport_size({"width": 400, "height": 300})
    page.goto(f"/embed/{TOKEN}")
    view = page.locator("[data-viewer]")
    expect(view).to_be_visible()
    box = view.bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 400, 300)
    expect(page.get_by_role("link", name="Sharpstream")).to_have_attribute("href", f"/s/{TOKEN}")
    expect(page.get_by_role("navigation")).to_have_count(0)
    assert len(gateway.calls("POST", "/api/v1/users/refresh")) == before
    asked = gateway.calls("GET", f"/api/v1/shared/{TOKEN}")
    assert [each.query["again"] for each in asked] == [["false"], *[["true"]] * (len(asked) - 1)]


def test_an_ended_share_says_so_in_its_frame(gateway: FakeGateway, page: Page) -> None:
    page.goto(f"/embed/{TOKEN}")
    expect(page.get_by_role("alert")).to_have_text("This scene is no longer shared.")


def test_a_download_is_offered_where_the_share_allows_it(gateway: FakeGateway, page: Page) -> None:
    body = shared(gateway)
    gateway.on("GET", f"/api/v1/shared/{TOKEN}", lambda *_: Answer(body))
    page.goto(f"/s/{TOKEN}")
    button = page.get_by_role("link", name="Download the splat")
    expect(page.get_by_text("Made from a single photo")).to_be_visible()
    expect(button).to_have_count(0)
    body["download_url"] = f"{gateway.url}/store/kitchen.ply"
    page.reload()
    expect(button).to_have_attribute("href", body["download_url"])
