"""A shared link shows picture and title in messengers, and the scene in other pages, while the share lives.

| class | members |
|---|---|
| what messengers read | Open Graph, Twitter cards, oEmbed's discovery; names with markup, no name |
| pictures | of the photo, of the preview where the photo is hidden, none; WebP, JPEG; the browser's cache |
| frames | any page, some, none |
| ends | revoked, expired, deleted, the result erased, a token of another form |
"""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

from bus.contract.ids import new_id
from gateway.settings import GatewaySettings
from tests.gateway.rows import RESULT, put_scene
from tests.gateway.scenes.test_shares import SCENES, SHARED, SHARES, put_view, share

INDEX = (
    "<!doctype html><html><head><meta name='x' content='kept'><meta name=\"description\" content=\"old\" />"
    "<title>Sharpstream</title></head><body><div id='root'></div></body></html>"
)
WIDTH, HEIGHT = 1600, 900


class Head(HTMLParser):
    """What a messenger reads of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []
        self.links: list[dict[str, str | None]] = []
        self.title = ""
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._in_title = tag == "title"
        if tag == "meta":
            self.tags.append((given.get("property") or given.get("name"), given["content"]))
        if tag == "link":
            self.links.append(given)

    def handle_data(self, data):
        if self._in_title:
            self.title, self._in_title = data, False

    def of(self, name: str) -> list[str]:
        return [content for each, content in self.tags if each == name]


@pytest.fixture
def gateway_settings(gateway_settings: GatewaySettings, tmp_path: Path) -> GatewaySettings:
    (tmp_path / "index.html").write_text(INDEX)
    return gateway_settings.model_copy(update={"page": tmp_path, "public_url": "https://splats.example.com/"})


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


def picture(kind: str = "jpeg", size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, kind)
    return file.getvalue()


async def shared_scene(api, me, *, name: str | None = "kitchen.jpg", photo: bool = True, **options) -> dict:
    headers, account = me
    scene = new_id()
    metadata = {"result": RESULT | {"width": WIDTH, "height": HEIGHT}} | ({"name": name} if name else {})
    key = f"results/{scene}/photo.jpg"
    url = f"s3://{api.services.blobs.bucket}/{key}" if photo else None
    await put_scene(api, account, id=scene, metadata=json.dumps(metadata), photo_url=url)
    if photo:
        await api.services.blobs.put(key, picture(), "image/jpeg")
    answer = await share(api, headers, scene, **options)
    assert answer.status_code == 201, answer.text
    return answer.json() | {"scene": scene}


def path(share: dict, begin: str = "/s/", end: str = "") -> str:
    return f"{begin}{share['token']}{end}"


async def test_a_messenger_reads_title_and_picture(api, me) -> None:
    made = await shared_scene(api, me)
    answer = await api.client.get(path(made))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    head = Head(answer.text)
    assert head.title == "kitchen · Sharpstream"
    assert head.of("x") == ["kept"], "the page's own head stays"
    link = f"https://splats.example.com/s/{made['token']}"
    for name, expected in {
        "og:title": "kitchen", "og:type": "website", "og:site_name": "Sharpstream", "og:url": link,
        "twitter:card": "summary_large_image", "twitter:title": "kitchen", "robots": "noindex",
        "og:image:width": "1200", "og:image:height": "675", "twitter:image": f"{link}/preview.jpg",
    }.items():  # fmt: skip
        assert head.of(name) == [expected], name
    assert head.of("og:image") == [f"{link}/preview.jpg", f"{link}/preview.webp"]
    assert head.of("description") == head.of("og:description") == head.of("twitter:description")
    assert made["url"] == link
    (discovery,) = (each for each in head.links if each.get("type") == "application/json+oembed")
    assert discovery["href"].startswith("https://splats.example.com/oembed?url=https%3A%2F%2F")


@pytest.mark.parametrize("name", ['"><script>alert(1)</script>.jpg', "a & b <c>.jpg", r"\g<0>\1.jpg", None])
async def test_names_are_text(api, me, name: str | None) -> None:
    made = await shared_scene(api, me, name=name)
    answer = await api.client.get(path(made))
    expected = "A 3D scene" if name is None else name.removesuffix(".jpg")
    assert "<script>alert" not in answer.text
    head = Head(answer.text)
    assert head.of("og:title") == [expected]
    assert head.title == f"{expected} · Sharpstream"


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("webp", "WEBP")])
async def test_the_picture_needs_no_signature_and_may_be_kept(api, me, suffix: str, kind: str) -> None:
    made = await shared_scene(api, me)
    answer = await api.client.get(path(made, end=f"/preview.{suffix}"))
    assert answer.status_code == 200, answer.text
    found = Image.open(io.BytesIO(answer.content))
    assert (found.format, found.size) == (kind, (1200, 675)), "as the document says"
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert (await api.client.head(path(made, end=f"/preview.{suffix}"))).status_code == 200
    other = await api.client.get(path(made, end="/preview.png"), headers={"accept": "image/*"})
    assert other.status_code == 404


async def test_a_hidden_photo_is_nowhere(api, me, assert_problem) -> None:
    made = await shared_scene(api, me, show_photo=False)
    assert_problem(await api.client.get(path(made, end="/preview.jpg")), 404, "not_found")
    assert (await api.client.get(path(made, SHARED + "/"))).json()["photo_url"] is None
    key = f"exports/{made['scene']}/p.png"
    await api.services.blobs.put(key, picture("png", (512, 288)), "image/png")
    await put_view(api, made["scene"], "preview", key)
    answer = await api.client.get(path(made, end="/preview.jpg"))
    assert Image.open(io.BytesIO(answer.content)).size == (512, 288), "the scene's own preview"
    head = Head((await api.client.get(path(made))).text)
    assert (head.of("og:image:width"), head.of("og:image:height")) == (["512"], ["288"])


@pytest.mark.parametrize(
    ("origins", "ancestors"),
    [
        (["*"], "frame-ancestors *"),
        (["https://shop.example.com", "http://localhost:3000"],
         "frame-ancestors https://shop.example.com http://localhost:3000"),
        ([], "frame-ancestors 'none'"),
    ],
)  # fmt: skip
async def test_the_share_says_which_pages_embed_it(api, me, origins: list[str], ancestors: str) -> None:
    made = await shared_scene(api, me, embed_origins=origins)
    answer = await api.client.get(path(made, "/embed/"))
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"].split("; ")
    assert [part for part in policy if part.startswith("frame-ancestors")] == [ancestors]
    assert answer.headers.get("x-frame-options") == (None if origins else "DENY")
    assert (await api.client.get(path(made))).headers["x-frame-options"] == "DENY", "not the page itself"
    described = await api.client.get("/oembed", params={"url": made["url"], "maxwidth": 500})
    if not origins:
        assert described.status_code == 404
        return
    body = described.json()
    assert (body["version"], body["type"], body["width"]) == ("1.0", "rich", 500)
    assert f'src="https://splats.example.com/embed/{made["token"]}"' in body["html"]
    assert (body["thumbnail_width"], body["thumbnail_height"]) == (1200, 675)
    assert made["embed_html"].startswith("<iframe ")


@pytest.mark.parametrize(
    "origins",
    [["x"], ["https://a.example.com; script-src *"], ["https://a.example.com/path"], ["*"] * 21, "*"],
)
async def test_an_origin_is_nothing_else(api, me, assert_problem, origins: object) -> None:
    headers, account = me
    scene = await put_scene(api, account)
    assert_problem(await share(api, headers, scene, embed_origins=origins), 422, "validation_failed")


async def test_all_end_with_the_share(api, me) -> None:
    headers, _ = me
    made = [await shared_scene(api, me) for _ in range(3)]
    await api.client.delete(f"{SHARES}/{made[0]['id']}", headers=headers)
    await api.sql(
        "UPDATE shares SET created_at = now() - interval '2 hours', expires_at = now() WHERE id = $1",
        UUID(made[1]["id"]),
    )
    await api.client.delete(f"{SCENES}/{made[2]['scene']}", headers=headers)
    for each in (*made, {"token": "x", "url": "https://splats.example.com/s/x"}):
        for address in (path(each), path(each, "/embed/")):
            answer = await api.client.get(address)
            assert (answer.status_code, Head(answer.text).title) == (404, "Sharpstream"), "the page says it"
            assert Head(answer.text).of("og:image") == []
        assert (await api.client.get(path(each, end="/preview.jpg"))).status_code == 404
        assert (await api.client.get("/oembed", params={"url": each["url"]})).status_code == 404


async def test_it_ends_with_the_result_that_retention_erases(api, me, assert_problem) -> None:
    made = await shared_scene(api, me)
    token, scene = made["token"], made["scene"]
    await api.sql("UPDATE scene_generations SET result_erased_at = now() WHERE id = $1", scene)
    for kind in ("s", "embed"):
        answer = await api.client.get(f"/{kind}/{token}")
        assert (answer.status_code, Head(answer.text).title) == (410, "Sharpstream"), "the page says it"
        assert answer.text == INDEX
    for suffix in ("webp", "jpg"):
        assert_problem(await api.client.get(path(made, end=f"/preview.{suffix}")), 410, "result_erased")
    assert_problem(await api.client.get("/oembed", params={"url": made["url"]}), 410, "result_erased")


async def test_a_link_is_copied_again_and_its_viewers_are_counted(api, me) -> None:
    headers, _ = me
    made = await shared_scene(api, me, allow_download=True)
    for _ in range(3):
        await api.client.get(path(made, SHARED + "/"))
    await api.client.get(path(made, SHARED + "/"), params={"again": "true"})
    await api.client.get(path(made))  # a messenger's look is none of a viewer
    await api.services.shares.sweep()
    address = f"{SCENES}/{made['scene']}/shares"
    (listed,) = (await api.client.get(address, headers=headers)).json()["items"]
    assert (listed["url"], listed["opened"]) == (made["url"], 3)
    assert listed["embed_html"] == made["embed_html"]
    key = await api.client.post("/api/v1/api-keys", headers=headers, json={"name": "reader"})
    by_key = {"X-API-Key": key.json()["key"]}
    (seen,) = (await api.client.get(address, headers=by_key)).json()["items"]
    assert seen["url"] is None, "the link would outlive the key"
    await share(api, by_key, made["scene"])
    urls = [each["url"] for each in (await api.client.get(address, headers=by_key)).json()["items"]]
    assert [url is None for url in urls] == [False, True]
    await api.sql("UPDATE shares SET token_hash = 'of an earlier release' WHERE id = $1", UUID(made["id"]))
    urls = [each["url"] for each in (await api.client.get(address, headers=headers)).json()["items"]]
    assert [url is None for url in urls] == [False, True]


async def test_a_download_is_offered_where_the_share_allows_it(api, me) -> None:
    for allowed in (False, True):
        made = await shared_scene(api, me, allow_download=allowed)
        shown = (await api.client.get(path(made, SHARED + "/"))).json()
        assert bool(shown["download_url"]) == allowed
        if allowed:
            assert "kitchen.ply" in shown["download_url"]


async def test_an_albums_page_has_its_title_and_its_first_picture(api, me, assert_problem) -> None:
    headers, _ = me
    first, second = [(await shared_scene(api, me))["scene"] for _ in range(2)]
    body = {"title": "Our <flat>", "scene_ids": [str(first), str(second)]}
    made = (await api.client.post("/api/v1/albums", headers=headers, json=body)).json()
    for address in (f"/a/{made['token']}", f"/a/{made['token']}/2"):
        answer = await api.client.get(address)
        head = Head(answer.text)
        assert (answer.status_code, head.title) == (200, "Our <flat> · Sharpstream")
        assert head.of("og:description")[0].startswith("2 3D scenes")
        assert head.of("og:image")[0] == f"https://splats.example.com/a/{made['token']}/preview.jpg"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    for kind in ("jpg", "webp"):
        shown = await api.client.get(f"/a/{made['token']}/preview.{kind}")
        assert shown.status_code == 200, shown.text
        assert Image.open(io.BytesIO(shown.content)).size == (1200, 675)
    await api.client.delete(f"/api/v1/albums/{made['id']}", headers=headers)
    gone = await api.client.get(f"/a/{made['token']}")
    assert (gone.status_code, Head(gone.text).title) == (404, "Sharpstream")
    assert_problem(await api.client.get(f"/a/{made['token']}/preview.jpg"), 404, "not_found")
