"""A file is one click away, named after its scene, explained for where it goes, and found again.

| class | members |
|---|---|
| one click | defaults, options behind the cog, ready at once, ready later, asked for twice, refused |
| for whom | Blender, Unreal, Unity, SuperSplat, iPhone, printing |
| meshes | GLB with a texture, OBJ in a zip, a file that is none |
"""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from bus.contract.format_catalogue import FACTS
from export_consumer import mesh
from export_consumer.worker import convert
from tests.export_consumer.scenes import ply, scene
from tests.web.fake_gateway import Answer, FakeGateway, problem
from tests.web.fake_scenes import FakeScenes
from tests.web.test_scenes import AXE, check_rules


@pytest.fixture
def scenes(gateway: FakeGateway) -> FakeScenes:
    return FakeScenes(gateway)


@pytest.fixture
def page(page: Page) -> Page:
    page.add_init_script(path=AXE)
    return page


def test_one_click_makes_and_downloads_a_file(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    added = gateway.add_scene("kitchen.jpg")
    page.goto(f"/scenes/{added['id']}")
    page.get_by_role("button", name="SPZ", exact=True).first.click()
    expect(page.get_by_text("its download begins when it is ready")).to_be_visible()
    (asked,) = gateway.calls("POST", "/api/v1/scenes/[^/]+/export")
    assert asked.json() == {"format": "spz", "options": {}}
    with page.expect_download() as download:
        scenes.finish()
    assert download.value.suggested_filename == "kitchen.bin"
    expect(page.get_by_text("its download begins when it is ready")).to_have_count(0)
    check_rules(page)


def test_the_options_are_behind_the_cog(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    added = gateway.add_scene("kitchen.jpg")
    page.goto(f"/scenes/{added['id']}")
    page.get_by_role("button", name="Options of GLB mesh").first.click()
    page.get_by_role("dialog").get_by_label("Max triangles").fill("1000")
    page.get_by_role("dialog").get_by_role("button", name="Create file").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    (asked,) = gateway.calls("POST", "/api/v1/scenes/[^/]+/export")
    assert asked.json() == {"format": "glb_mesh", "options": {"max_triangles": 1000}}
    gateway.on("POST", ".*/export", problem(429, "quota_exports", "The account has 8 exports in flight."))
    page.get_by_role("button", name="Video", exact=True).first.click()
    expect(page.get_by_role("alert").filter(has_text="8 exports in flight")).to_be_visible()


def test_each_target_has_its_file_and_its_advice(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    added = gateway.add_scene("kitchen.jpg")
    page.goto(f"/scenes/{added['id']}")
    for target, formats in {
        "Blender": ["glb_mesh", "ply"],
        "Unreal": ["fbx", "ply"],
        "Unity": ["fbx", "ply"],
        "SuperSplat": ["ply_compressed", "sog"],
        "iPhone": ["spz", "png"],
        "3D printing": ["stl"],
    }.items():
        page.get_by_role("button", name=target, exact=True).click()
        shown = page.get_by_role("list", name=f"For {target}")
        for name in formats:
            expect(shown.get_by_role("button", name=FACTS[name].title, exact=True)).to_be_visible()
        expect(shown.locator("p")).to_have_count(len(formats))
    check_rules(page)


def test_all_exports_are_listed_with_their_state(
    gateway: FakeGateway, scenes: FakeScenes, page: Page
) -> None:
    page.goto("/exports")
    expect(page.get_by_text("Nothing was exported yet")).to_be_visible()
    added = gateway.add_scene("kitchen.jpg")
    done, failed, running = [scenes._order(added["id"], name) for name in ("spz", "stl", "mp4")]
    scenes.finish(done)
    scenes.exports[failed] |= {
        "status": "failed",
        "error_code": "too_large",
        "error_message": "It is too large.",
    }
    page.goto("/exports")
    rows = page.get_by_role("list", name="Exports").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("creating it")
    expect(rows.nth(1)).to_contain_text("It is too large.")
    expect(rows.nth(2)).to_contain_text("1.2 MB")
    check_rules(page)
    scenes.finish(running)
    expect(rows.nth(0)).to_contain_text("Download")
    with page.expect_download():
        rows.nth(2).get_by_role("link", name="Download SPZ").click()
    page.get_by_role("link", name="kitchen").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("kitchen")


@pytest.fixture(scope="module")
def meshes() -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh, "GRID", 64)
        patch.setattr(mesh, "TEXTURE", 64)
        return {
            name: convert(name, {"max_triangles": 500}, ply(scene(24))).data for name in ("glb_mesh", "obj")
        }


@pytest.mark.parametrize("name", ["glb_mesh", "obj"])
def test_a_mesh_is_looked_at_where_the_scene_is(
    gateway: FakeGateway, scenes: FakeScenes, page: Page, meshes: dict[str, bytes], name: str
) -> None:
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    added = gateway.add_scene("kitchen.jpg", viewer_url=None)
    made = scenes._order(added["id"], name)
    gateway.on("GET", "/store/mesh", Answer(meshes[name], media_type="application/octet-stream"))
    scenes.finish(made, f"{gateway.url}/store/mesh")
    page.goto(f"/scenes/{added['id']}")
    page.get_by_role("button", name="Look at it").click()
    page.locator("[data-mesh=ready]").wait_for()
    canvas = page.get_by_role("application", name="The mesh of kitchen in 3D")
    before = canvas.screenshot()
    assert _colours(before) > 20, "there is nothing to see"
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert canvas.screenshot() != before
    assert [each for each in trouble if "Content Security" in each or "Refused" in each] == []
    check_rules(page)
    page.get_by_role("button", name="Back to the scene").click()
    expect(canvas).to_have_count(0)


def test_a_file_that_is_no_mesh_says_so(gateway: FakeGateway, scenes: FakeScenes, page: Page) -> None:
    added = gateway.add_scene("kitchen.jpg", viewer_url=None)
    made = scenes._order(added["id"], "glb_mesh")
    gateway.on("GET", "/store/mesh", Answer(b"no mesh", media_type="application/octet-stream"))
    scenes.finish(made, f"{gateway.url}/store/mesh")
    page.goto(f"/scenes/{added['id']}")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("[data-mesh=failed]")).to_be_visible()
    expect(page.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()


def _colours(png: bytes) -> float:
    from io import BytesIO  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    return float(np.asarray(Image.open(BytesIO(png)).convert("RGB")).std())
