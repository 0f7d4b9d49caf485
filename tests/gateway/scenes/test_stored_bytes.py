"""What an account stores is bounded: photos, splats and exports, by what is not deleted."""

from __future__ import annotations

import json

from gateway.scenes import stored_bytes
from tests.gateway.pictures import encoded
from tests.gateway.rows import put_scene

SCENES = "/api/v1/scenes"


async def test_an_account_stores_no_more_than_its_quota(api, assert_problem, monkeypatch) -> None:
    person = await api.person()
    account = await api.account_id(person)
    most = api.services.account_quotas.of_role("user").stored_bytes
    third = most // 3 + 1
    splat = {"key": "results/s/1.ply", "sha256": "cd" * 32, "bytes": third, "media_type": "application/ply"}
    image = json.dumps({"image": {"bytes": third}})
    scene = await put_scene(api, account, metadata=image, result_blob=json.dumps(splat))
    assert (await api.generate(person, encoded("JPEG"))).status_code == 202
    await api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, status, stored_bytes, created_at,"
        " updated_at) VALUES (gen_random_uuid(), $1, 'spz', 'completed', $2, now(), now())",
        scene,
        third,
    )
    monkeypatch.setattr(stored_bytes, "REMEMBERED_S", 0)
    api.services.stored._known.clear()
    body = assert_problem(await api.generate(person, encoded("JPEG")), 409, "storage_exhausted")
    assert body["details"] == {"limit": most}
    asked = await api.client.post(f"{SCENES}/{scene}/export", headers=person, json={"format": "ply"})
    assert_problem(asked, 409, "storage_exhausted")
    await api.client.delete(f"{SCENES}/{scene}", headers=person)
    assert (await api.generate(person, encoded("JPEG"))).status_code == 202


async def test_what_is_accepted_meanwhile_counts(api, assert_problem) -> None:
    person = await api.person()
    account = await api.account_id(person)
    assert (await api.generate(person, encoded("JPEG"))).status_code == 202
    api.services.stored.add(account, api.services.account_quotas.of_role("user").stored_bytes)
    assert_problem(await api.generate(person, encoded("JPEG")), 409, "storage_exhausted")
