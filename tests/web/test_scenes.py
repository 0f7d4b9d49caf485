"""Scenes are named, found, repeated, and handled by the dozen, by mouse and by keyboard alike.

| class | members |
|---|---|
| what an address says | order, state, tag, favourites, words; back from a scene; a value that is none |
| choosing | one, a range, all; by keys; nothing of what is still being made is deleted |
| long lists | pages that come by themselves, the footer below them, a button |
| the way on | before and after in the list it was opened from; not while text or a camera has the keys |
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.fake_gateway import PAGE, Answer, Asked, FakeGateway, problem
from tests.web.fake_scenes import FakeScenes, share_album

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def scenes(gateway: FakeGateway) -> FakeScenes:
    return FakeScenes(gateway)


def check_rules(page: Page) -> None:
    """Check contrast, names and order, in both themes."""
    page.add_script_tag(path=AXE) if page.evaluate("typeof axe") == "undefined" else None
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(each["id"], [n["html"][:200] for n in each["nodes"]]) for each in found["violations"]] == []


@pytest.fixture
def page(page: Page) -> Page:
    page.add_init_script(path=AXE)
    return page


def names(page: Page) -> list[str]:
    return page.locator(
        "[data-scene] .truncate.font-medium, [data-scene] .font-medium .truncate"
    ).all_text_contents()


def test_a_scene_is_renamed_where_its_name_stands(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    scene = gateway.add_scene("IMG_4711.jpg")
    page.goto(f"/scenes/{scene['id']}")
    rename = page.get_by_role("button", name="Rename")
    rename.press("Enter")
    field = page.get_by_label("Name of the scene")
    expect(field).to_be_focused()
    expect(field).to_have_value("IMG_4711")
    page.keyboard.type("Kitchen v1.2")  # the old name is selected
    page.keyboard.press("Escape")
    expect(rename).to_be_focused()
    assert gateway.calls("PATCH", ".*") == []
    page.keyboard.press("Enter")
    page.keyboard.type("Kitchen v1.2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Kitchen v1.2")
    expect(rename).to_be_focused()
    page.get_by_role("button", name="Mark as a favourite").click()
    expect(page.get_by_role("button", name="A favourite: no longer")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Tags").click()
    page.get_by_label("New tag").fill("May ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="may")).to_be_visible()
    check_rules(page)
    page.get_by_role("button", name="Remove the tag may").click()
    expect(page.get_by_role("link", name="may")).to_have_count(0)
    sent = [each.json() for each in gateway.calls("PATCH", f"/api/v1/scenes/{scene['id']}")]
    assert sent == [{"name": "Kitchen v1.2"}, {"favourite": True}, {"tags": ["may"]}, {"tags": []}]


def test_a_name_that_is_refused_stays_in_the_field(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    scene = gateway.add_scene("a.jpg")
    gateway.on("PATCH", ".*", problem(410, "name_erased", "Names as old as this one are erased."))
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the scene").fill("b")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Names as old as this one are erased.")).to_be_visible()
    expect(page.get_by_label("Name of the scene")).to_have_value("b")


def test_order_and_filters_stand_in_the_address_and_come_back(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    gateway.add_scene("b.jpg", tags=["may"], favourite=True)
    gateway.add_scene("a.jpg", tags=["may"])
    gateway.add_scene("c.jpg", status="failed", error_message="It is no photo.")
    page.goto("/?sort=random&status=nothing")  # what is no value counts for nothing
    expect(page.locator("[data-scene]")).to_have_count(3)
    assert names(page) == ["c", "a", "b"]
    page.get_by_label("Order").select_option("name")
    page.get_by_label("Tag").select_option("may")
    expect(page.locator("[data-scene]")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"sort=name&tag=may$"))
    assert names(page) == ["a", "b"]
    check_rules(page)
    page.get_by_role("link", name=re.compile("^a")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("a")
    page.go_back()
    expect(page.get_by_label("Tag")).to_have_value("may")
    expect(page.locator("[data-scene]")).to_have_count(2)
    page.get_by_role("button", name="Favourites").click()
    expect(page.locator("[data-scene]")).to_have_count(1)
    page.get_by_role("button", name="Show all").click()
    expect(page).to_have_url(re.compile(r"/\?sort=name$"))
    page.get_by_label("State").select_option("cancelled")
    expect(page.get_by_text("No scene fits these filters")).to_be_visible()


def test_the_arrow_keys_lead_along_the_list(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    for name in ("c.jpg", "a.jpg", "b.jpg"):
        gateway.add_scene(name)
    page.goto("/?sort=name")
    page.get_by_role("link", name=re.compile("^a")).click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("a")
    page.keyboard.press("ArrowRight")
    expect(title).to_have_text("b")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # nothing is before the first
    expect(title).to_have_text("a")
    page.get_by_role("button", name="Scene after: b").click()
    expect(title).to_have_text("b")
    page.get_by_role("button", name="Rename").click()
    page.keyboard.press("ArrowRight")  # moves in the text
    expect(title).to_have_text("b")
    page.keyboard.press("Escape")
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")  # moves the camera
    expect(title).to_have_text("b")
    page.go_back()
    expect(page.get_by_label("Order")).to_have_value("name")


def test_several_are_chosen_by_keys_and_deleted_by_one_confirmation(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    for name in "edcb":
        gateway.add_scene(f"{name}.jpg")
    gateway.add_scene("a.jpg", status="processing", viewer_url=None, preview_url=None)
    page.goto("/")
    page.get_by_label("Select b").focus()
    page.keyboard.press("Space")
    bar = page.get_by_role("region", name="Selection")
    expect(bar.get_by_role("status")).to_have_text("1 selected")
    page.get_by_label("Select d").focus()
    page.keyboard.press("Shift+Space")
    expect(bar.get_by_role("status")).to_have_text("3 selected")
    page.keyboard.press("Control+a")
    expect(bar.get_by_role("status")).to_have_text("5 selected")
    page.get_by_label("Select e").press("Space")
    check_rules(page)
    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 3 scenes?")
    expect(dialog).to_contain_text("1 that is still being made stay")
    expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
    dialog.get_by_role("button", name="Delete 3").click()
    expect(page.locator("[data-scene]")).to_have_count(2)
    assert names(page) == ["a", "e"]
    (asked,) = gateway.calls("POST", "/api/v1/scenes/bulk")
    assert (asked.json()["action"], len(asked.json()["scene_ids"])) == ("delete", 3)
    page.get_by_label("Select a").focus()
    page.keyboard.press("Escape")
    expect(bar).to_have_count(0)


def test_several_are_chosen_by_clicks(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    for name in "cba":
        gateway.add_scene(f"{name}.jpg", tags=["old"] if name == "a" else [])
    page.goto("/")
    page.get_by_role("button", name="Select", exact=True).click()
    page.get_by_role("link", name=re.compile("^a")).click()
    page.get_by_role("link", name=re.compile("^c")).click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selection")
    expect(bar.get_by_role("status")).to_have_text("3 selected")
    bar.get_by_role("button", name="Favourites").click()
    expect(bar.get_by_role("status")).to_contain_text("3 favourites")
    bar.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("New tag")).to_be_focused()
    dialog.get_by_label("New tag").fill("may")
    page.keyboard.press("Enter")
    expect(bar.get_by_role("status")).to_contain_text("3 tagged")
    assert [scene["tags"] for scene in gateway.scenes] == [["old", "may"], ["may"], ["may"]]
    bar.get_by_role("button", name="Tag").click()
    dialog.get_by_role("button", name="old").click()
    expect(bar.get_by_role("status")).to_contain_text("3 without the tag")
    bar.get_by_role("button", name="Done").click()
    expect(bar).to_have_count(0)


def test_several_are_packed_exported_and_shared(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    for name in "ba":
        gateway.add_scene(f"{name}.jpg")
    gateway.add_scene("failed.jpg", status="failed")
    page.goto("/")
    page.get_by_role("button", name="Select", exact=True).click()
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Select all 3").click()
    bar.get_by_role("button", name="Zip").click()
    dialog = page.get_by_role("dialog")
    check_rules(page)
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download 2").click()
    assert download.value.suggested_filename == "sharpstream.zip"
    expect(dialog.get_by_role("status")).to_contain_text("2 files")
    dialog.get_by_role("button", name="Done").click()
    bar.get_by_role("button", name="Export").click()
    dialog.get_by_label("Format").select_option("sog")
    dialog.get_by_role("button", name="Export 2").click()
    expect(dialog.get_by_role("status")).to_contain_text("2 ordered")
    dialog.get_by_role("button", name="Done").click()
    assert [each["export_format"] for each in scenes.exports.values()] == ["sog", "sog"]
    bar.get_by_role("button", name="Album").click()
    dialog.get_by_label("Title").fill("Our flat")
    dialog.get_by_label("Allow downloading the splats").check()
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_text("http://sharp.test/a/token")).to_be_visible()
    (asked,) = gateway.calls("POST", "/api/v1/albums")
    body = asked.json()
    assert (body["title"], body["allow_download"], len(body["scene_ids"])) == ("Our flat", True, 2)
    dialog.get_by_role("button", name="Done").click()
    page.goto("/albums")
    expect(page.get_by_text("2 scenes, created")).to_be_visible()
    check_rules(page)
    page.get_by_role("button", name="End Our flat").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(page.get_by_text("There are no albums")).to_be_visible()


def test_a_quota_makes_the_rest_of_the_exports_wait(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    for name in "ba":
        gateway.add_scene(f"{name}.jpg")
    left = ["quota_exports", None]

    def bulk(asked):  # type: ignore[no-untyped-def]
        ids = asked.json()["scene_ids"]
        code = left.pop(0)
        items = [
            {"id": each, "done": number == 0 or code is None, "export_id": None,
             "code": code if number else None, "message": code}
            for number, each in enumerate(ids)
        ]  # fmt: skip
        return Answer({"items": items, "done": 1, "failed": len(ids) - 1})

    gateway.on("POST", "/api/v1/scenes/bulk", bulk)
    page.goto("/")
    page.get_by_label("Select a").check(force=True)
    page.get_by_label("Select b").check()
    page.get_by_role("region", name="Selection").get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Export 2").click()
    expect(dialog.get_by_role("status")).to_contain_text("1 of 2 ordered")
    expect(dialog.get_by_role("status")).to_have_text("2 ordered.")
    asked = [len(each.json()["scene_ids"]) for each in gateway.calls("POST", "/api/v1/scenes/bulk")]
    assert asked == [2, 1]


@pytest.mark.parametrize("status", ["failed", "cancelled", "completed"])
def test_a_photo_is_processed_again(
    gateway: FakeGateway, scenes: FakeScenes, page: Page, status: str
) -> None:
    scene = gateway.add_scene("a.jpg", status=status, error_message="It failed.")
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_role("button", name="Process again" if status == "completed" else "Try again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Focal length")).to_be_focused()
    page.keyboard.type("24")
    dialog.get_by_label("Model").select_option("layered")
    check_rules(page)
    dialog.get_by_role("button", name="Process again").click()
    expect(page).to_have_url(
        re.compile(gateway.scenes[0]["id"]) if len(gateway.scenes) > 1 else re.compile("/scenes/")
    )
    expect(page.get_by_role("link", name="an earlier scene")).to_have_attribute(
        "href", f"/scenes/{scene['id']}"
    )
    (asked,) = gateway.calls("POST", f"/api/v1/scenes/{scene['id']}/retry")
    assert asked.json() == {"focal_length_mm": 24, "model": "layered"}


def test_a_photo_that_was_erased_says_so(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    scene = gateway.add_scene("a.jpg", status="failed")
    gateway.on("POST", ".*/retry", problem(410, "photo_erased", "The photo was erased."))
    page.goto(f"/scenes/{scene['id']}")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("dialog").get_by_role("button", name="Process again").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The photo was erased.")


def test_a_long_list_goes_on_by_itself_and_leaves_the_footer_in_reach(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    for number in range(PAGE * 7):
        gateway.add_scene(f"{number}.jpg", size=(900, 200))
    page.goto("/")
    tiles = page.locator("[data-scene]")
    expect(tiles.first).to_be_visible()
    for count in (2, 3, 4, 5):  # the next page comes when its place is near, which for wide tiles is at once
        page.mouse.wheel(0, 100_000)
        expect(tiles.nth(PAGE * count - 1)).to_be_attached()
    page.mouse.wheel(0, 100_000)
    expect(page.get_by_role("link", name="API documentation")).to_be_in_viewport()
    expect(tiles).to_have_count(PAGE * 5)
    page.get_by_role("button", name="Show more").press("Enter")
    expect(tiles).not_to_have_count(PAGE * 5)


def test_reading_the_list_anew_costs_no_page_of_those_that_come_by_themselves(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    """A stream that opens again reads the list anew, which cancels a page that is in flight."""
    for number in range(PAGE * 6):
        gateway.add_scene(f"{number}.jpg", size=(900, 200))
    cut: set[str] = set()

    def cancelled_once(asked: Asked) -> Answer:
        cursor = asked.query.get("cursor", [""])[0]
        if cursor and cursor not in cut:
            cut.add(cursor)
            before = len(firsts())
            for stream in list(gateway.streams):
                stream.put(b"")
            while len(firsts()) == before:  # the test's own limit of time ends it
                time.sleep(0.01)
        return scenes.listed(asked)

    def firsts() -> list[Asked]:
        return [each for each in gateway.calls("GET", "/api/v1/scenes") if not each.query.get("cursor")]

    gateway.on("GET", "/api/v1/scenes", cancelled_once)
    page.goto("/")
    tiles = page.locator("[data-scene]")
    expect(tiles.first).to_be_visible()
    for count in (2, 3, 4, 5):
        page.mouse.wheel(0, 100_000)
        expect(tiles.nth(PAGE * count - 1)).to_be_attached()
    assert len(cut) == 4
    expect(tiles).to_have_count(PAGE * 5)


def test_an_album_shows_its_scenes_without_an_account(gateway: FakeGateway, page: Page) -> None:
    page.goto(share_album(gateway, "one.jpg", "two.jpg"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Our flat")
    pictures = page.get_by_role("list", name="Scenes").locator("img")
    expect(pictures).to_have_count(2)
    for number in range(2):
        expect(pictures.nth(number)).to_have_attribute("src", f"{gateway.url}/store/small/300x200.jpg")
    assert not gateway.calls("GET", r"/store/300x200\.jpg")
    check_rules(page)
    page.get_by_role("link", name="one").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("one")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1)).to_have_text("two")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Our flat")
    asked = gateway.calls("GET", "/api/v1/shared-albums/.*")
    assert all("authorization" not in each.headers for each in asked)
    assert next(each.query for each in asked if each.path.endswith("token"))["again"] == ["false"]
    page.goto("/a/gone")
    expect(page.get_by_text("This link leads nowhere")).to_be_visible()
