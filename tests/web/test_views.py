"""Views are made when somebody opens a scene: the page asks for them there, and says what it waits for."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.fake_gateway import Answer, FakeGateway, problem

WAITING = "Preparing the 3D view…"
TOKEN = "t" * 43
DRAWN = """() => [...document.querySelectorAll("[data-scene] img")].every(
  (image) => image.complete && image.naturalWidth > 0)"""


def test_a_list_of_scenes_shows_small_photos_and_has_no_views_made(gateway: FakeGateway, page: Page) -> None:
    shown = gateway.add_scene("made.jpg", size=(900, 600), preview_url=None, viewer_url=None)
    old = gateway.add_scene("old.jpg", thumbnail_url=None)
    oldest = gateway.add_scene("oldest.jpg", thumbnail_url=None, photo_url=None)
    page.goto("/")
    for scene, source in ((shown, "thumbnail_url"), (old, "photo_url"), (oldest, "preview_url")):
        picture = page.locator(f"[data-scene='{scene['id']}'] img")
        expect(picture).to_have_attribute("src", scene[source])
    page.wait_for_function(DRAWN)
    assert gateway.calls("GET", r"/store/small/900x600\.jpg")
    assert not gateway.calls("GET", r"/store/900x600\.jpg")  # its rendition has ten times the bytes
    lists = len(gateway.calls("GET", "/api/v1/scenes"))
    gateway.publish(
        "generation.completed.v1", shown["id"]
    )  # a list that is read again, and nothing beside it
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.querySelectorAll('[data-scene] img').length === 3")
    assert gateway.opened == []
    assert lists >= 1


def test_a_thumbnail_that_is_gone_gives_way_to_the_photo(gateway: FakeGateway, page: Page) -> None:
    scene = gateway.add_scene("made.jpg", size=(900, 600))
    gateway.on("GET", "/store/small/.*", problem(404, "not_found"))
    page.goto("/")
    picture = page.locator(f"[data-scene='{scene['id']}'] img")
    expect(picture).to_have_attribute("src", scene["photo_url"])
    page.wait_for_function(DRAWN)


def test_an_opened_scene_waits_for_its_views_and_shows_them(gateway: FakeGateway, page: Page) -> None:
    scene = gateway.add_scene(preview_url=None, viewer_url=None, updated_at="2026-01-01T00:00:00Z")
    page.goto(f"/scenes/{scene['id']}")
    expect(page.get_by_text(WAITING)).to_be_visible()
    assert gateway.opened == [scene["id"]] * len(gateway.opened)
    scene |= {"preview_url": f"{gateway.url}/store/300x200.png", "viewer_url": f"{gateway.url}/store/s.spz"}
    expect(page.get_by_text(WAITING)).to_have_count(0)
    expect(page.get_by_role("application").or_(page.locator("canvas")).first).to_be_attached()


def test_a_share_waits_for_its_views_and_shows_them(gateway: FakeGateway, page: Page) -> None:
    body = {
        "name": "kitchen.jpg", "created_at": "2026-01-01T00:00:00Z", "expires_at": "2027-01-01T00:00:00Z",
        "viewer_url": None, "preview_url": None, "photo_url": f"{gateway.url}/store/300x200.jpg",
        "gaussian_count": 10, "width": 300, "height": 200, "focal_length_px": 300.0,
    }  # fmt: skip
    gateway.on("GET", f"/api/v1/shared/{TOKEN}", lambda *_: Answer(body))
    page.goto(f"/s/{TOKEN}")
    expect(page.get_by_text(WAITING)).to_be_visible()
    body |= {"preview_url": f"{gateway.url}/store/300x200.png", "viewer_url": f"{gateway.url}/store/s.spz"}
    expect(page.get_by_text(WAITING)).to_have_count(0)
    expect(page.locator("canvas").first).to_be_attached()
