"""Every route for every kind of caller; the cases come from the routes and the policy."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import jwt
import pytest
from litestar.routes import HTTPRoute

from gateway import policy
from tests.gateway.pictures import encoded

OWNED = {"generation_id", "export_id", "key_id", "webhook_id", "delivery_id", "share_id", "album_id"}
"""Path parameters that name a resource of one account; other accounts get 404."""
BODIES = {
    "export_scene": {"format": "ply"},
    "create_share": {},
    "set_start_view": {"right_m": 0.1, "up_m": 0.0, "forward_m": 0.0},
    "change_scene": {"favourite": True},
    "retry_scene": {},
    "change_webhook": {"description": "mine now"},
}
QUERIES = {"replay_webhook": {"since": "2026-01-01T00:00:00Z"}}
STREAMS = {"events", "scene_events", "export_events"}


def rows(app) -> list[tuple[str, str, str]]:
    """Return (operation id, method, path) of every route of the gateway."""
    return [
        (str(handler.operation_id), method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.fn.__module__.startswith("gateway.")
        for method in handler.http_methods
        if method != "HEAD"
    ]


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda match: ids.get(match[1], str(uuid4())), path)


async def ask(api, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    answer = await api.client.request(method, path, headers={"Accept": "application/json"} | headers)
    kind = answer.headers.get("content-type", "")
    return answer.status_code, answer.json()["code"] if "problem" in kind else ""


@pytest.fixture
async def callers(api, monkeypatch):
    """The ids of what the owner owns, and the headers of every kind of caller by name."""
    owner = await api.person("owner@example.com")
    enterprise, admin, other = [await api.person(f"{name}@example.com") for name in ("ent", "adm", "oth")]
    await api.sql("UPDATE users SET role = 'enterprise' WHERE email = 'ent@example.com'")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'adm@example.com'")
    key_id, key = await api.key(owner)
    revoked_id, revoked = await api.key(owner)
    await api.client.delete(f"/api/v1/api-keys/{revoked_id}", headers=owner)
    expired_key_id, expired_key = await api.key(owner)
    await api.sql("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired_key_id)
    scopeless = await api.client.post("/api/v1/api-keys", headers=owner, json={"name": "x"})
    await api.sql("UPDATE api_keys SET scopes = '{}' WHERE id = $1", UUID(scopeless.json()["id"]))
    token = owner["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    tokens, settings = api.services.tokens, api.services.settings.gateway
    old = jwt.encode(
        claims | {"exp": claims["iat"] - 3600}, settings.jwt_secret.get_secret_value(), "HS256",
        headers={"kid": tokens._current},
    )  # fmt: skip
    scene = (await api.generate(key, encoded("JPEG"))).json()["generation_id"]
    hook = await api.client.post(
        "/api/v1/webhooks", headers=owner, json={"url": "http://127.0.0.1:9/", "events": ["*"]}
    )
    share = uuid4()
    await api.sql(
        "INSERT INTO shares VALUES ($1, $2, 'a hash', now(), now() + interval '1 hour')", share, UUID(scene)
    )
    album = uuid4()
    await api.sql(
        "INSERT INTO albums (id, user_id, name, token_hash, pepper, show_photo, allow_download, opened,"
        " created_at, expires_at) SELECT $1, user_id, 'a', 'a hash', 'p', true, true, 0, now(),"
        " now() + interval '1 hour' FROM scene_generations WHERE id = $2", album, UUID(scene),
    )  # fmt: skip
    owned = {
        "generation_id": scene, "key_id": key_id, "webhook_id": hook.json()["id"], "share_id": str(share),
        "album_id": str(album),
    }  # fmt: skip
    return owned, {
        "anonymous": {},
        "owner": owner,
        "enterprise": enterprise,
        "admin": admin,
        "other": other,
        "key": key,
        "scopeless": {"X-API-Key": scopeless.json()["key"]},
        "revoked": revoked,
        "expired key": expired_key,
        "expired token": {"Authorization": f"Bearer {old}"},
        "forged token": {"Authorization": f"Bearer {token[:-4]}AAAA"},
    }


def refusal(rule: policy.Rule, who: str) -> tuple[int, str] | None:
    """Return status and code that the caller must get, or None where access is allowed."""
    if rule is policy.PUBLIC:
        return None
    by_key = who in {"key", "scopeless", "revoked", "expired key"}
    if by_key and rule.scope is None:
        return 403, "sign_in_required"
    bad = {
        "anonymous": "unauthenticated",
        "revoked": "api_key_revoked",
        "expired key": "api_key_expired",
        "expired token": "token_expired",
        "forged token": "token_invalid",
    }
    if who in bad:
        return 401, bad[who]
    if rule is policy.ADMIN and who != "admin":
        return 403, "role_insufficient"
    return (403, "scope_missing") if who == "scopeless" else None


async def test_every_route_for_every_caller(api, callers) -> None:
    owned, headers = callers
    wrong, asked = [], 0
    # Allowed calls get random ids, as they may change state (rotate a secret, revoke a key).
    for operation, method, path in rows(api.app):
        rule = policy.POLICY[operation]
        for who, credentials in headers.items():
            expected = refusal(rule, who)
            if expected is None and (operation in STREAMS or operation in {"erase_me", "logout"}):
                continue  # tested elsewhere: a stream has no end, the others end the sign-in
            asked += 1
            ids = owned if expected is not None else {}
            outcome = await ask(api, method, filled(path, ids), credentials)
            if (
                (outcome != expected)
                if expected
                else outcome[0] in {401, 403} and operation not in {"login", "refresh"}
            ):
                wrong.append((operation, who, outcome, expected))
    assert wrong == []
    assert asked > 8 * len(policy.POLICY)


async def test_another_accounts_resources_are_not_found(api, callers) -> None:
    owned, headers = callers
    tried = set()
    for operation, method, path in rows(api.app):
        named = OWNED & set(re.findall(r"{(\w+)}", path))
        if not named <= owned.keys() or not named:
            continue
        body = BODIES.get(operation)
        answer = await api.client.request(
            method, filled(path, owned), headers=headers["other"], json=body, params=QUERIES.get(operation)
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (operation, answer.text)
        tried |= named
    assert tried == owned.keys()
    scene = await api.client.get(f"/api/v1/scenes/{owned['generation_id']}", headers=headers["owner"])
    assert scene.status_code == 200
