"""Display names of scenes, and searching by them."""

from __future__ import annotations

import unicodedata

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
        "UPDATE scene_generations SET client_metadata = NULL,"
        ' metadata = metadata - \'name\' || \'{"client": {"name": "Hall", "room": 1}}\' WHERE id::text = $1',
        own,
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


@pytest.mark.parametrize("word", ["Café", "학점인정"])
async def test_names_of_every_form_are_found_by_every_form(api, key, word) -> None:
    """As macOS sends them, also where an earlier release kept the form."""
    made = [await generate(api, key, unicodedata.normalize(form, f"{word}.jpg")) for form in ("NFC", "NFD")]
    old = await generate(api, key, "IMG_1.jpg")
    await api.sql(
        "UPDATE scene_generations SET metadata = jsonb_set(metadata, '{name}', to_jsonb($1::text))"
        " WHERE id::text = $2",
        unicodedata.normalize("NFD", f"{word}.jpg"),
        old,
    )
    for form in ("NFC", "NFD", "NFKD"):
        q = unicodedata.normalize(form, word.upper())
        page = await api.client.get("/api/v1/scenes", headers=key, params={"q": q})
        items = page.json()["items"]
        assert {item["id"] for item in items} == {*made, old}, form
        assert {item["name"] for item in items} == {f"{word}.jpg"}


async def test_forms_of_other_clients(api, key) -> None:
    """A Blob's file name, Latin-1 where a part says so, and a name by `filename*` alone."""
    parts = [
        (b'name="metadata"; filename="blob"', b"application/json", b'{"room": 1}'),
        (b'name="priority"; filename="blob"', b"text/plain; charset=ISO-8859-1", b"bulk"),
        (b"name=\"image\"; filename*=utf-8''Z%C3%BCrich.jpg", b"image/jpeg", PHOTO),
    ]
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; %b\r\nContent-Type: %b\r\n\r\n%b\r\n" % part
        for part in parts
    )
    answer = await api.client.post(
        "/api/v1/scenes/generate",
        content=body + b"--b--\r\n",
        headers=key | {"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 202, answer.text
    (row,) = await api.sql("SELECT metadata ->> 'name' AS name, client_metadata FROM scene_generations")
    assert tuple(row) == ("Zürich.jpg", '{"room": 1}')
