"""Each act of an admin leaves one row, in the act's own transaction; what is refused leaves none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from httpx import Response

from bus.contract.blob_ref import BlobRef
from bus.contract.messages import ExportScene
from gateway import policy
from ledger.db import admin_acts
from ledger.db.admin_acts import Act
from tests.gateway.operations.test_dead_letters import add
from tests.gateway.partners.conftest import Desk
from tests.gateway.rows import put_scene

pytestmark = pytest.mark.stack
Case: TypeAlias = Callable[[Desk], Awaitable[Response]]
AUDIT = "/api/v1/admin/audit"


def acting(app: Any) -> set[str]:
    """Return the ids of the operations of admins that are no reads."""
    return {
        str(handler.operation_id)
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if policy.POLICY.get(str(getattr(handler, "operation_id", None))) is policy.ADMIN
        and handler.http_methods != {"GET"}
    }


async def other_account(desk: Desk) -> UUID:
    return await desk.api.account_id(await desk.api.person())


async def partner(desk: Desk) -> str:
    made, _ = await desk.opened(f"p{uuid4().hex[:8]}")
    return made["id"]


async def change_user(desk: Desk) -> Response:
    body = {"is_active": False, "quotas": {"max_in_flight": 3}}
    return await desk.api.client.patch(
        f"/api/v1/admin/users/{await other_account(desk)}", headers=desk.headers, json=body
    )


async def create_password_reset(desk: Desk) -> Response:
    url = f"/api/v1/admin/users/{await other_account(desk)}/password-reset"
    return await desk.api.client.post(url, headers=desk.headers, json={})


async def end_user_sessions(desk: Desk) -> Response:
    url = f"/api/v1/admin/users/{await other_account(desk)}/sessions"
    return await desk.api.client.delete(url, headers=desk.headers)


async def create_invite(desk: Desk) -> Response:
    return await desk.api.client.post("/api/v1/admin/invites", headers=desk.headers, json={})


async def revoke_invite(desk: Desk) -> Response:
    made = (await create_invite(desk)).json()["id"]
    return await desk.api.client.delete(f"/api/v1/admin/invites/{made}", headers=desk.headers)


async def dead_letter(desk: Desk, verb: str) -> Response:
    account = await other_account(desk)
    scene = await put_scene(desk.api, account)
    old = uuid4()
    await desk.api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, status, created_at, updated_at)"
        " VALUES ($1, $2, 'SPZ', 'failed', now(), now())", old, scene,
    )  # fmt: skip
    command = ExportScene(
        export_id=old, generation_id=scene, account_id=account, format="SPZ", requested_at=datetime.now(UTC),
        source=BlobRef(key="k", sha256="0" * 64, bytes=1, media_type="application/ply"),
    )  # fmt: skip
    letter = await add(desk.api, old, account, msgspec.json.encode(command))
    return await desk.api.client.post(f"/api/v1/admin/dead-letters/{letter}/{verb}", headers=desk.headers)


async def retention(desk: Desk, method: str, **body: Any) -> Response:
    address = f"/api/v1/admin/users/{await other_account(desk)}/retention"
    return await desk.api.client.request(method, address, headers=desk.headers, **body)


async def set_account_retention(desk: Desk) -> Response:
    return await retention(desk, "PUT", json={"originals_hours": 48})


async def reset_account_retention(desk: Desk) -> Response:
    return await retention(desk, "DELETE")


async def redrive_dead_letter(desk: Desk) -> Response:
    return await dead_letter(desk, "redrive")


async def discard_dead_letter(desk: Desk) -> Response:
    return await dead_letter(desk, "discard")


async def create_partner(desk: Desk) -> Response:
    body = {"slug": f"p{uuid4().hex[:8]}", "account_id": str(await other_account(desk))}
    return await desk.post("", body)


async def rotate_partner(desk: Desk) -> Response:
    return await desk.post(f"/{await partner(desk)}/rotate")


async def suspend_partner(desk: Desk) -> Response:
    return await desk.post(f"/{await partner(desk)}/suspend")


async def resume_partner(desk: Desk) -> Response:
    made = await partner(desk)
    await desk.post(f"/{made}/suspend")
    return await desk.post(f"/{made}/resume")


async def delete_partner(desk: Desk) -> Response:
    return await desk.api.client.delete(f"/api/v1/partners/{await partner(desk)}", headers=desk.headers)


CASES: tuple[Case, ...] = (
    change_user, end_user_sessions, create_password_reset, create_invite, revoke_invite, redrive_dead_letter,
    set_account_retention, reset_account_retention,
    discard_dead_letter, create_partner, rotate_partner, suspend_partner, resume_partner, delete_partner,
)  # fmt: skip


async def test_there_is_a_case_for_every_act(desk: Desk) -> None:
    assert acting(desk.api.app) == {case.__name__ for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_an_act_leaves_a_row(desk: Desk, case: Case) -> None:
    answer = await case(desk)
    assert answer.status_code < 300, answer.text
    newest = (await desk.api.client.get(AUDIT, headers=desk.headers, params={"limit": 1})).json()["items"][0]
    admin = await desk.api.account_id(desk.headers)
    assert (newest["action"], newest["actor"]) == (case.__name__, str(admin))
    assert newest["target"] is not None
    assert "example.com" not in str(newest)


async def test_what_is_refused_leaves_none(desk: Desk) -> None:
    client, gone = desk.api.client, uuid4()
    for answer in (
        await client.patch(f"/api/v1/admin/users/{gone}", headers=desk.headers, json={"role": "user"}),
        await client.post(f"/api/v1/admin/users/{gone}/password-reset", headers=desk.headers, json={}),
        await client.delete(f"/api/v1/admin/invites/{gone}", headers=desk.headers),
        await client.delete(f"/api/v1/admin/users/{gone}/sessions", headers=desk.headers),
        await client.post(f"/api/v1/admin/dead-letters/{gone}/discard", headers=desk.headers),
        await desk.post("", {"slug": "acme", "account_id": str(gone)}),
        await desk.post(f"/{gone}/suspend"),
        await desk.post(f"/{gone}/rotate"),
    ):
        assert answer.status_code in {404, 409}, answer.text
    last = await desk.api.account_id(desk.headers)
    demoted = await client.patch(
        f"/api/v1/admin/users/{last}",
        headers=desk.headers,
        json={"role": "user", "quotas": {"max_streams": 1}},
    )
    assert demoted.json()["code"] == "last_admin"
    assert await desk.api.sql("SELECT * FROM admin_acts") == []
    assert await desk.api.sql("SELECT * FROM account_quotas") == []


async def test_an_act_that_cannot_be_recorded_is_not_done(desk: Desk) -> None:
    account = await other_account(desk)
    await desk.api.sql("ALTER TABLE admin_acts RENAME TO away")
    answer = await desk.api.client.patch(
        f"/api/v1/admin/users/{account}", headers=desk.headers, json={"is_active": False}
    )
    assert answer.status_code == 500
    assert await desk.api.sql("SELECT FROM users WHERE NOT is_active") == []


async def test_an_act_is_recorded_in_a_transaction_only(desk: Desk) -> None:
    async with desk.api.services.pool.acquire() as connection:
        with pytest.raises(RuntimeError, match="outside of a transaction"):
            await admin_acts.record(connection, Act(action="change_user"))


async def test_acts_are_listed_in_pages_and_found(desk: Desk, assert_problem: Any) -> None:
    account, client = await other_account(desk), desk.api.client
    for number in range(1, 4):
        body = {"quotas": {"max_in_flight": number}}
        await client.patch(f"/api/v1/admin/users/{account}", headers=desk.headers, json=body)
    await create_invite(desk)
    seen: list[Any] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"limit": 2, "target": str(account)} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(AUDIT, headers=desk.headers, params=params)).json()
        seen += [item["details"]["quotas"]["max_in_flight"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [3, 2, 1]
    other = await client.get(AUDIT, headers=desk.headers, params={"actor": str(account)})
    assert other.json() == {"items": [], "next_cursor": None}
    person = await desk.api.person()
    assert_problem(await client.get(AUDIT, headers=person), 403, "role_insufficient")
    assert_problem(
        await client.get(AUDIT, headers=desk.headers, params={"actor": "x"}), 422, "validation_failed"
    )


async def test_details_are_limited(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    with pytest.raises(asyncpg.CheckViolationError):
        async with connection.transaction():
            await admin_acts.record(connection, Act(action="change_user", details={"x": "y" * 5000}))
    await connection.close()
