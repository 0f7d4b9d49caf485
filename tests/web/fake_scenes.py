"""What the gateway does with several scenes: lists in an order, notes, actions on many, exports, albums."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gateway.scenes.schemas import SceneItem
from tests.web.fake_gateway import PAGE, Answer, Asked, FakeGateway, problem

ALBUM = {
    "id": "a1", "title": "Our flat", "url": "http://sharp.test/a/token", "scenes": 2, "opened": 3,
    "created_at": "2026-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z", "show_photo": True,
    "allow_download": False,
}  # fmt: skip


class FakeScenes:
    """More routes of a fake gateway, and what they have changed."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway
        self.exports: dict[str, dict[str, Any]] = {}
        self.albums: list[dict[str, Any]] = []
        on = gateway.on
        on("GET", "/api/v1/scenes", self.listed)
        on("PATCH", "/api/v1/scenes/([^/]+)", self._change)
        on("POST", "/api/v1/scenes/([^/]+)/retry", self._retry)
        on("POST", "/api/v1/scenes/bulk", self._bulk)
        on("POST", "/api/v1/scenes/archive", self._archive)
        on("GET", "/api/v1/archives/T", _zip)
        on("GET", "/api/v1/scenes/tags", self._tags)
        on("POST", "/api/v1/scenes/([^/]+)/export", self._export)
        on("GET", "/api/v1/scenes/([^/]+)/exports", self._exports)
        on("GET", "/api/v1/exports", lambda *_: Answer(_page(list(self.exports.values())[::-1])))
        on("GET", "/store/export/.+", lambda *_: Answer(b"x", media_type="application/octet-stream",
           headers={"Content-Disposition": 'attachment; filename="kitchen.bin"'}))  # fmt: skip
        on("GET", "/api/v1/albums", lambda *_: Answer({"items": self.albums}))
        on("POST", "/api/v1/albums", self._make_album)
        on("DELETE", "/api/v1/albums/a1", self._end_album)

    def listed(self, asked: Asked) -> Answer:
        """Answer a request for the list."""

        def one(name: str) -> str:
            return asked.query.get(name, [""])[0]

        found = [
            scene
            for scene in self.gateway.scenes
            if one("q").lower() in (scene["name"] or "").lower()
            and one("status") in {"", scene["status"]}
            and (not one("tag") or one("tag") in scene["tags"])
            and (not one("favourite") or scene["favourite"])
        ]
        if one("sort") == "oldest":
            found.reverse()
        if one("sort") == "name":
            found.sort(key=lambda scene: scene["name"])
        start = int(one("cursor") or 0)
        shown = [
            {key: scene[key] for key in SceneItem.__struct_fields__ if key in scene}
            for scene in found[start : start + PAGE]
        ]
        more = str(start + PAGE) if len(found) > start + PAGE else None
        return Answer({"items": shown, "next_cursor": more})

    def _scene(self, scene_id: str) -> dict[str, Any]:
        return next(scene for scene in self.gateway.scenes if scene["id"] == scene_id)

    def _change(self, asked: Asked, scene_id: str) -> Answer:
        scene = self._scene(scene_id)
        scene |= asked.json()
        return Answer(scene)

    def _retry(self, asked: Asked, scene_id: str) -> Answer:
        old = self._scene(scene_id)
        made = self.gateway.add_scene(
            old["name"], status="pending", viewer_url=None, preview_url=None, retry_of=scene_id
        )
        return Answer({"generation_id": made["id"], "status": "pending", "message": ""}, 202)

    def _bulk(self, asked: Asked) -> Answer:
        body = asked.json()
        items = []
        for scene_id in body["scene_ids"]:
            code = None
            scene = self._scene(scene_id)
            match body["action"]:
                case "delete" if scene["status"] in {"pending", "processing"}:
                    code = "scene_unfinished"
                case "delete":
                    self.gateway.scenes = [each for each in self.gateway.scenes if each["id"] != scene_id]
                case "tag":
                    scene["tags"] = [*scene["tags"], *body["tags"]]
                case "untag":
                    scene["tags"] = [tag for tag in scene["tags"] if tag not in body["tags"]]
                case "favourite" | "unfavourite":
                    scene["favourite"] = body["action"] == "favourite"
                case "export":
                    self._order(scene_id, body["format"])
            items.append(
                {"id": scene_id, "done": code is None, "export_id": None, "code": code, "message": code}
            )
        done = sum(item["done"] for item in items)
        return Answer({"items": items, "done": done, "failed": len(items) - done})

    def _archive(self, asked: Asked) -> Answer:
        ids = asked.json()["scene_ids"]
        return Answer({
            "url": "http://elsewhere.example/api/v1/archives/T", "name": "s.zip", "files": len(ids),
            "bytes": 22, "left_out": [], "expires_at": "2099-01-01T00:00:00Z",
        })  # fmt: skip

    def _tags(self, asked: Asked) -> Answer:
        tags = [tag for scene in self.gateway.scenes for tag in scene["tags"]]
        return Answer({"items": [{"tag": tag, "scenes": tags.count(tag)} for tag in dict.fromkeys(tags)]})

    def _order(self, scene_id: str, name: str, options: dict[str, Any] | None = None) -> str:
        export_id = str(uuid4())
        self.exports[export_id] = {
            "id": export_id, "scene_generation_id": scene_id, "export_format": name.lower(),
            "options": options or {}, "export_file_url": None, "status": "processing",
            "scene_name": self._scene(scene_id)["name"], "bytes": None, "error_code": None,
            "error_message": None, "erased_at": None, "created_at": self._scene(scene_id)["created_at"],
            "updated_at": self._scene(scene_id)["created_at"],
        }  # fmt: skip
        return export_id

    def finish(self, export_id: str | None = None, url: str | None = None) -> None:
        """Complete an export, or all of them."""
        for each in self.exports.values() if export_id is None else [self.exports[export_id]]:
            each |= {
                "status": "completed",
                "bytes": 1_200_000,
                "export_file_url": url or f"{self.gateway.url}/store/export/{each['id']}",
            }

    def _export(self, asked: Asked, scene_id: str) -> Answer:
        body = asked.json()
        made = self._order(scene_id, body["format"], body["options"])
        return Answer({"export_id": made, "status": "pending", "message": ""}, 202)

    def _exports(self, asked: Asked, scene_id: str) -> Answer:
        found = [each for each in self.exports.values() if each["scene_generation_id"] == scene_id]
        return Answer(_page(found[::-1]))

    def _make_album(self, asked: Asked) -> Answer:
        body = asked.json()
        self.albums = [ALBUM | {"title": body["title"], "scenes": len(body["scene_ids"])}]
        return Answer(self.albums[0] | {"token": "token"}, 201)

    def _end_album(self, asked: Asked) -> Answer:
        self.albums = []
        return Answer(b"", 204)


def share_album(gateway: FakeGateway, *names: str) -> str:
    """Share an album whose scenes have these names; return its address."""
    items = [
        {"position": position, "name": name, "preview_url": f"{gateway.url}/store/300x200.webp",
         "thumbnail_url": f"{gateway.url}/store/small/300x200.jpg",
         "photo_url": f"{gateway.url}/store/300x200.jpg", "width": 300, "height": 200}
        for position, name in enumerate(names, 1)
    ]  # fmt: skip
    album = {"title": "Our flat", "expires_at": "2099-01-01T00:00:00Z", "items": items, "archive_url": None}

    def one(asked: Asked, position: str) -> Answer:
        if int(position) > len(items):
            return problem(404, "not_found")
        item = items[int(position) - 1]
        return Answer({
            "name": item["name"], "created_at": "2026-01-01T00:00:00Z", "expires_at": album["expires_at"],
            "viewer_url": None, "preview_url": item["preview_url"], "photo_url": None, "download_url": None,
            "gaussian_count": 10, "width": 300, "height": 200, "focal_length_px": 300.0,
        })  # fmt: skip

    gateway.on("GET", "/api/v1/shared-albums/token", lambda *_: Answer(album))
    gateway.on("GET", r"/api/v1/shared-albums/token/scenes/(\d+)", one)
    return "/a/token"


def _zip(asked: Asked) -> Answer:
    empty = b"PK\x05\x06" + bytes(18)
    headers = {"Content-Disposition": 'attachment; filename="sharpstream.zip"'}
    return Answer(empty, media_type="application/zip", headers=headers)


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": items, "next_cursor": None}
