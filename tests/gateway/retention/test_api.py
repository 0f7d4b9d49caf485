"""The policy and the record over HTTP, for the owner and for admins; scenes deleted by their own request."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from bus.bridges import outbox
from bus.contract.retention import KINDS, MOST_HOURS, Policy
from gateway.settings import GatewaySettings
from tests.gateway.pictures import encoded
from tests.gateway.retention.kept import fill, left, published, recorded

MINE, RECORD, USERS = "/api/v1/users/me/retention", "/api/v1/users/me/erasures", "/api/v1/admin/users"
FOREVER = {f"{kind}_hours": None for kind in KINDS}
OLD = timedelta(hours=30)


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def test_a_policy_is_shown_replaced_and_reset(api, me) -> None:
    headers, _ = me
    found = (await api.client.get(MINE, headers=headers)).json()
    assert found == {"policy": FOREVER, "is_default": True, "updated_at": None, "default": FOREVER}
    answer = await api.client.put(MINE, headers=headers, json={"originals_hours": 24, "idempotency_hours": 1})
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert changed["policy"] == FOREVER | {"originals_hours": 24, "idempotency_hours": 1}
    assert not changed["is_default"]
    assert changed["updated_at"]
    assert (await api.client.get(MINE, headers=headers)).json() == changed
    answer = await api.client.put(MINE, headers=headers, json={"names_hours": MOST_HOURS})
    assert answer.json()["policy"] == FOREVER | {"names_hours": MOST_HOURS}  # what is left out is for ever
    other = await api.person()
    assert (await api.client.get(MINE, headers=other)).json()["is_default"]
    assert (await api.client.delete(MINE, headers=headers)).json() == found


@pytest.mark.parametrize(
    "body",
    [
        {"originals_hours": 0},
        {"originals_hours": MOST_HOURS + 1},
        {"originals_hours": 1.5},
        {"originals_hours": "24"},
        {"idempotency_hours": 25},
        {"originals": 24},
    ],
)
async def test_hours_that_make_no_sense_are_refused_and_change_nothing(api, me, assert_problem, body) -> None:
    headers, account = me
    problem = assert_problem(await api.client.put(MINE, headers=headers, json=body), 422, "validation_failed")
    assert next(iter(body)) in problem["message"]
    assert await api.sql("SELECT FROM retention_policies WHERE user_id = $1", account) == []


async def test_an_admin_sets_the_policy_of_an_account(api, me, assert_problem) -> None:
    headers, account = me
    admin = await api.person("admin@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
    path = f"{USERS}/{account}/retention"
    answer = await api.client.put(path, headers=admin, json={"results_hours": 48})
    assert answer.status_code == 200, answer.text
    assert (await api.client.get(MINE, headers=headers)).json() == answer.json()
    assert (await api.client.get(path, headers=admin)).json() == answer.json()
    assert_problem(await api.client.get(path, headers=headers), 403, "role_insufficient")
    for method in ("GET", "PUT", "DELETE"):
        body = {"json": {}} if method == "PUT" else {}
        answer = await api.client.request(method, f"{USERS}/{uuid4()}/retention", headers=admin, **body)
        assert_problem(answer, 404, "not_found")
    assert (await api.client.delete(path, headers=admin)).json()["is_default"]


def test_the_installations_policy_is_a_setting() -> None:
    policy = Policy.from_text(" originals = 24h,results=90d,names=12, views=forever ")
    assert policy == Policy(originals=24, results=2160, names=12)
    assert Policy.from_text("") == Policy()
    secrets = {"jwt_secret": "x" * 32, "api_key_pepper": "x" * 32}
    assert GatewaySettings(retention="originals=1h", **secrets).retention == "originals=1h"
    for wrong, why in {
        "photos=24h": "there is no kind 'photos'",
        "originals=0h": "write 36h, 30d or forever",
        "originals=99999d": f"to {MOST_HOURS} hours",
        "idempotency=2d": "to 24 hours",
        "originals": "write 36h",
        "originals=1h,originals=2h": "given twice",
    }.items():
        with pytest.raises(ValidationError, match=why):
            GatewaySettings(retention=wrong, **secrets)


async def test_the_record_is_paged_and_the_owners_alone(api, me, assert_problem) -> None:
    headers, account = me
    for day in range(5):
        await api.sql(
            "INSERT INTO erasures VALUES ($1, $2, 'originals', current_date - $3::int, $3 + 1,"
            " now() - $3 * interval '1 day', now() - $3 * interval '1 day')",
            uuid4(), account, day,
        )  # fmt: skip
    counts, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(RECORD, headers=headers, params=query)).json()
        counts += [item["count"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert counts == [1, 2, 3, 4, 5]
    assert (await api.client.get(RECORD, headers=await api.person())).json()["items"] == []
    _, key = await api.key(headers)
    assert_problem(await api.client.get(RECORD, headers=key), 403, "sign_in_required")


async def test_what_is_gone_is_stated_and_used_no_more(api, me, assert_problem) -> None:
    headers, account = me
    kept = await fill(api, account, OLD)
    scene = f"/api/v1/scenes/{kept.scene}"
    shared = (await api.client.post(f"{scene}/shares", headers=headers, json={})).json()["token"]
    before = (await api.client.get(scene, headers=headers)).json()
    urls = ("original_image_url", "photo_url", "thumbnail_url", "generated_3d_gaussian_url", "viewer_url")
    assert all(before[name] for name in (*urls, "name"))
    assert before["erased"] == []
    await api.client.put(
        MINE, headers=headers, json={f"{kind}_hours": 24 for kind in KINDS if kind != "scenes"}
    )
    await api.services.retention.work()
    after = (await api.client.get(scene, headers=headers)).json()
    assert [after[name] for name in (*urls, "name")] == [None] * 6
    assert after["metadata"]["client"] == {}
    assert after["metadata"]["result"] == before["metadata"]["result"]  # the record of the processing
    assert {(each["part"], each["reason"]) for each in after["erased"]} == {
        (part, "retention") for part in ("original", "result", "views", "name", "client_metadata")
    }
    assert all(datetime.fromisoformat(each["erased_at"]) for each in after["erased"])
    (item,) = (await api.client.get("/api/v1/scenes", headers=headers)).json()["items"]
    assert [item[name] for name in ("photo_url", "thumbnail_url", "preview_url", "name")] == [None] * 4
    export = (await api.client.get(f"/api/v1/exports/{kept.export}", headers=headers)).json()
    assert (export["status"], export["export_file_url"]) == ("completed", None)
    assert export["erased_at"]
    again = await api.client.post(f"{scene}/export", headers=headers, json={"format": "glb_mesh"})
    assert_problem(again, 410, "result_erased")
    assert_problem(await api.client.get(f"/api/v1/shared/{shared}"), 410, "result_erased")
    more = await api.client.post(f"{scene}/shares", headers=headers, json={})
    assert_problem(more, 410, "result_erased")
    assert (await api.client.get(scene, headers=headers, params={"views": "true"})).status_code == 200
    assert await api.sql("SELECT FROM export_jobs WHERE status = 'pending'") == []
    assert await api.sql("SELECT FROM scene_renditions") == []
    data = (await api.client.get("/api/v1/users/me/data", headers=headers)).json()
    assert {each["kind"] for each in data["erasures"]} == set(KINDS) - {"scenes"}
    assert data["retention"][0]["hours"]["originals"] == 24


async def test_an_export_whose_file_was_erased_is_made_again(api, me) -> None:
    headers, account = me
    kept = await fill(api, account, OLD)
    scene, body = f"/api/v1/scenes/{kept.scene}/export", {"format": "glb_mesh"}
    assert (await api.client.post(scene, headers=headers, json=body)).json()["export_id"] == str(kept.export)
    await api.services.policies.put(account, Policy(exports=24))
    await api.services.retention.work()
    again = await api.client.post(scene, headers=headers, json=body)
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    assert again.json()["export_id"] != str(kept.export)


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_scene_is_deleted_the_hours_after_its_request_that_it_named(api, me, as_json) -> None:
    headers, account = me
    if as_json:
        upload = await upload_photo(api, headers)
        answer = await api.client.post(
            "/api/v1/scenes/generate", headers=headers, json={"upload_id": upload, "delete_after_hours": 36}
        )
    else:
        answer = await api.generate(headers, encoded("JPEG"), delete_after_hours="36")
    assert answer.status_code == 202, answer.text
    scene = answer.json()["generation_id"]
    shown = (await api.client.get(f"/api/v1/scenes/{scene}", headers=headers)).json()
    asked, due = (datetime.fromisoformat(shown[name]) for name in ("created_at", "delete_at"))
    assert due - asked == timedelta(hours=36)
    await api.sql("UPDATE scene_generations SET delete_at = now() + interval '1 second'")
    await api.services.retention.work()
    assert (await api.client.get(f"/api/v1/scenes/{scene}", headers=headers)).status_code == 200
    await api.sql("UPDATE scene_generations SET delete_at = now()")
    for _ in range(2):  # it is in flight: it is cancelled, once
        await api.services.retention.work()
    assert (await types(api)).count("generation.cancel.v1") == 1
    assert (await api.client.get(f"/api/v1/scenes/{scene}", headers=headers)).json()["cancel_requested_at"]
    await api.sql("UPDATE scene_generations SET status = 'cancelled'")
    for _ in range(2):
        await api.services.retention.work()
    assert (await api.client.get(f"/api/v1/scenes/{scene}", headers=headers)).status_code == 404
    assert (await published(api, UUID(scene))).count("generation.deleted.v1") == 1
    assert await recorded(api, account) == {"scenes": 1}
    (row,) = await api.sql("SELECT deleted_at FROM scene_generations")
    assert row["deleted_at"] is not None


async def upload_photo(api, headers) -> str:
    photo = encoded("JPEG")
    made = (
        await api.client.post(
            "/api/v1/uploads", headers=headers, json={"bytes": len(photo), "media_type": "image/jpeg"}
        )
    ).json()
    (row,) = await api.sql("SELECT key FROM uploads")
    await api.services.blobs.put(row["key"], photo, "image/jpeg")
    return made["upload_id"]


async def types(api) -> list[str]:
    rows = await api.sql("SELECT records FROM outbox ORDER BY id")
    return [dict(each.headers)["ce_type"].decode() for row in rows for each in outbox.load(row["records"])]


@pytest.mark.parametrize("hours", ["0", "-1", "1.5", "soon", str(MOST_HOURS + 1), "9" * 64])
async def test_a_time_to_deletion_that_makes_no_sense_is_refused(api, me, assert_problem, hours) -> None:
    headers, _ = me
    answer = await api.generate(headers, encoded("JPEG"), delete_after_hours=hours)
    problem = assert_problem(answer, 422, "delete_after_hours_invalid")
    assert str(MOST_HOURS) in problem["message"]
    body = {"upload_id": str(uuid4()), "delete_after_hours": 0}
    answer = await api.client.post("/api/v1/scenes/generate", headers=headers, json=body)
    assert_problem(answer, 422, "delete_after_hours_invalid")


async def test_an_erased_account_keeps_its_usage_and_record_without_naming_the_person(api) -> None:
    person = await api.person("ada.lovelace@example.com")
    account = await api.account_id(person)
    kept = await fill(api, account, OLD)
    await api.sql(
        "INSERT INTO usage_logs VALUES (gen_random_uuid(), gen_random_uuid(), $1, NULL, 'scene_generate',"
        " $2, now())",
        account, f'{{"generation_id": "{kept.scene}"}}',
    )  # fmt: skip
    await api.services.policies.put(account, Policy(originals=24))
    await api.services.retention.work()
    body = {"password": "correct horse battery"}
    assert (await api.client.request("DELETE", "/api/v1/users/me", headers=person, json=body)).is_success
    await api.services.erasing.work()
    assert await api.sql("SELECT FROM retention_policies") == []
    assert await recorded(api, account) == {"originals": 1}
    rows = await api.sql("SELECT to_jsonb(u)::text AS row FROM usage_logs u WHERE user_id = $1", account)
    rows += await api.sql("SELECT to_jsonb(e)::text AS row FROM erasures e")
    assert len(rows) == 2
    (user,) = await api.sql("SELECT to_jsonb(u)::text AS row FROM users u WHERE id = $1", account)
    for word in ("ada", "lovelace", "kitchen"):
        assert not [row for row in (*rows, user) if word in row["row"].lower()], word


async def test_what_is_left_of_an_account_that_is_being_erased_is_no_ones_retention(api, me) -> None:
    _, account = me
    kept = await fill(api, account, OLD)
    await api.sql("UPDATE users SET erased_at = now(), is_active = false WHERE id = $1", account)
    await api.services.retention.work()
    assert await left(api, kept) == set(KINDS)
