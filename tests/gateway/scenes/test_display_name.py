"""Display names of scenes, and searching by them."""

from __future__ import annotations

import pytest

from gateway.scenes.display_name import clean
from tests.gateway.pictures import encoded

PHOTO = encoded("JPEG")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("kitchen.jpg", "kitchen.jpg"),
        ("C:\\Users\\ada\\my kitchen.jpg", "my kitchen.jpg"),
        ("/srv/ada/../x/kitchen.jpg/", "kitchen.jpg"),
        ("kit\0ch\nen\t\x7f\u202egpj.exe", "kitchengpj.exe"),
        ("  Küche \u00a0 2.jpg ", "Küche 2.jpg"),
        ("x" * 300, "x" * 120),
        ("///", None),
        ("\u200b", None),
    ],
)
def test_file_names_are_cleaned(sent, kept) -> None:
    assert clean(sent) == kept


async def generate(api, key, filename, **form) -> str:
    answer = await api.client.post(
        "/api/v1/scenes/generate", headers=key, files={"image": (filename, PHOTO)}, data=form
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["generation_id"]


async def test_names_are_shown_searched_and_deleted(api, key) -> None:
    file = await generate(api, key, "C:\\photos\\Küche 100%.jpg")
    own = await generate(api, key, "IMG_1.jpg", metadata='{"name": "Hall", "room": 1}')
    odd = await generate(api, key, "IMG_2.jpg", metadata='{"name": ["no", "name"]}')
    await api.sql(  # as the last release wrote it
        "UPDATE scene_generations SET metadata = metadata - 'name' WHERE id::text = $1", own
    )
    seen = {}
    for scene, name in {file: "Küche 100%.jpg", own: "Hall", odd: "IMG_2.jpg"}.items():
        seen = (await api.client.get(f"/api/v1/scenes/{scene}", headers=key)).json()
        assert (seen["name"], seen["preview_url"], seen["viewer_url"]) == (name, None, None)
    assert seen["metadata"]["client"] == {"name": ["no", "name"]}  # returned unchanged
    assert seen["metadata"]["name"] == "IMG_2.jpg"
    for q, found in {
        "küche": [file], "0%": [file], "%": [file], "_": [odd, file], "img 2": [odd], "hAL": [own],
        "": [odd, own, file], "[": [],
    }.items():  # fmt: skip
        page = await api.client.get("/api/v1/scenes", headers=key, params={"q": q})
        assert [item["id"] for item in page.json()["items"]] == found, q
        assert all("name" in item and item["preview_url"] is None for item in page.json()["items"])
    assert (await api.client.get("/api/v1/scenes", headers=key, params={"q": "x" * 101})).status_code == 422
    await api.sql("UPDATE scene_generations SET status = 'completed'")
    await api.client.delete(f"/api/v1/scenes/{file}", headers=key)
    rows = await api.sql("SELECT metadata::text AS text FROM scene_generations")
    assert not any("Küche" in row["text"] for row in rows)
