"""Each secret is changed in three steps beside gateways of the step before: no caller is ever refused.

Step 1: every process also knows the next secret. Step 2: it is the current one. Step 3: the old one is gone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from httpx import ASGITransport, AsyncClient

from gateway import rotation
from gateway.accounts.key_hashing import ApiKeys
from gateway.settings import GatewaySettings, Settings, WebhookSettings
from gateway.webhooks.resealing import reseal
from gateway.webhooks.secrets import Sealer
from tests.gateway.applications import application
from tests.gateway.conftest import PASSWORD, Api, started
from tests.gateway.rows import put_scene
from tests.gateway.test_cli import SECRETS, run

pytestmark = pytest.mark.stack
OLD, NEW = ("the old secret of the tests, long enough", "the new secret of the tests, long enough")
BEFORE, ANNOUNCED, SWAPPED, AFTER = (OLD, None), (OLD, NEW), (NEW, OLD), (NEW, None)
"""The current secret and the one that is accepted as well, at each step."""
Step: TypeAlias = tuple[str, str | None]
Gateways: TypeAlias = Callable[[Step], Awaitable[Api]]
ME, REFRESH = "/api/v1/users/me", "/api/v1/users/refresh"


def at(settings: Settings, step: Step) -> Settings:
    """Return the settings with all three secrets at this step."""
    current, other = step
    gateway = settings.gateway.model_dump() | {
        "api_key_pepper": current,
        "api_key_previous_pepper": other,
        "jwt_secret": current,
        "jwt_previous_secret": other,
    }
    webhooks = settings.webhooks.model_dump() | {"key": current, "previous_key": other}
    return replace(
        settings,
        gateway=GatewaySettings.model_validate(gateway),
        webhooks=WebhookSettings.model_validate(webhooks),
    )


@pytest.fixture
async def gateways(settings: Settings) -> AsyncIterator[Gateways]:
    """Start a gateway of a step, on the database that all of them share."""
    async with AsyncExitStack() as stack:

        async def start(step: Step) -> Api:
            app = stack.enter_context(application(at(settings, step)))
            await stack.enter_async_context(started(app))
            client = AsyncClient(transport=ASGITransport(app), base_url="http://gateway")
            return Api(app, await stack.enter_async_context(client))

        yield start


async def status(api: Api, settings: Settings, step: Step) -> dict[str, rotation.Secret]:
    chosen = at(settings, step)
    async with api.services.pool.acquire() as connection:
        return await rotation.status(connection, chosen.gateway, chosen.webhooks)


async def signed_in(api: Api, email: str) -> dict[str, Any]:
    answer = await api.client.post("/api/v1/users/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_keys_and_sign_ins_of_either_gateway_are_good_at_the_other(gateways: Gateways) -> None:
    for one, other in ((BEFORE, ANNOUNCED), (ANNOUNCED, SWAPPED), (SWAPPED, AFTER)):
        pair = [await gateways(one), await gateways(other)]
        for makes, reads in (pair, reversed(pair)):
            person = await makes.person()
            _, key = await makes.key(person)
            for headers in (person, key):
                path = ME if headers is person else "/api/v1/scenes"
                answer = await reads.client.get(path, headers=headers)
                assert answer.status_code == 200, (one, other, answer.text)


async def test_a_sign_in_is_renewed_and_repeated_at_either_gateway(gateways: Gateways) -> None:
    first, second = await gateways(ANNOUNCED), await gateways(SWAPPED)
    await first.person("ada@example.com")
    for one, other in ((first, second), (second, first)):
        tokens = await signed_in(one, "ada@example.com")
        given = {"refresh_token": tokens["refresh_token"]}
        renewed = (await other.client.post(REFRESH, json=given)).json()
        repeated = (await one.client.post(REFRESH, json=given)).json()  # the answer had been lost
        assert repeated["refresh_token"] == renewed["refresh_token"]
        again = await one.client.post(REFRESH, json={"refresh_token": renewed["refresh_token"]})
        assert again.status_code == 200
        out = await other.client.post(
            "/api/v1/users/logout", json={"refresh_token": again.json()["refresh_token"]}
        )
        assert out.status_code == 204
        gone = await one.client.get(ME, headers={"Authorization": f"Bearer {renewed['access_token']}"})
        assert gone.status_code == 401


async def test_a_used_key_is_hashed_anew_and_the_count_falls(gateways: Gateways, settings: Settings) -> None:
    before = await gateways(BEFORE)
    person = await before.person()
    _, used = await before.key(person)
    unused_id, unused = await before.key(person)
    swapped = await gateways(SWAPPED)
    counts = (await status(swapped, settings, SWAPPED))["GATEWAY_API_KEY_PEPPER"].rows
    assert (counts["api_keys"].previous, counts["api_keys"].current) == (2, 0)
    assert counts["sign_ins"].previous == 1

    assert (await swapped.client.get("/api/v1/scenes", headers=used)).status_code == 200
    await swapped.services.keys.sweep()
    counts = (await status(swapped, settings, SWAPPED))["GATEWAY_API_KEY_PEPPER"].rows
    assert (counts["api_keys"].previous, counts["api_keys"].current) == (1, 1)
    after = await gateways(AFTER)
    assert (await after.client.get("/api/v1/scenes", headers=used)).status_code == 200
    assert (
        await after.client.get("/api/v1/scenes", headers=unused)
    ).status_code == 401  # it hung on the old one
    assert (await status(after, settings, AFTER))["GATEWAY_API_KEY_PEPPER"].rows["api_keys"].unknown == 1
    await after.sql("UPDATE api_keys SET status = 'revoked' WHERE id = $1::text::uuid", unused_id)
    assert (await status(after, settings, AFTER))["GATEWAY_API_KEY_PEPPER"].rows["api_keys"].unknown == 0


async def test_a_revocation_is_not_undone_by_hashing_anew(gateways: Gateways) -> None:
    before, swapped = await gateways(BEFORE), await gateways(SWAPPED)
    person = await before.person()
    key_id, key = await before.key(person)
    assert (await swapped.client.get("/api/v1/scenes", headers=key)).status_code == 200
    await before.client.delete(f"/api/v1/api-keys/{key_id}", headers=person)
    await swapped.services.keys.sweep()
    answer = await swapped.client.get("/api/v1/scenes", headers=key)
    assert answer.json()["code"] == "api_key_revoked"


async def test_rows_of_the_previous_release_are_numbered_at_their_next_use(
    gateways: Gateways, settings: Settings
) -> None:
    before = await gateways(BEFORE)
    _, key = await before.key(await before.person())
    await before.sql("UPDATE api_keys SET pepper = NULL")
    pepper = (await status(before, settings, BEFORE))["GATEWAY_API_KEY_PEPPER"]
    assert (pepper.rows["api_keys"].unnumbered, pepper.hanging) == (1, 1)
    assert (await before.client.get("/api/v1/scenes", headers=key)).status_code == 200
    await before.services.keys.sweep()
    assert (await status(before, settings, BEFORE))["GATEWAY_API_KEY_PEPPER"].hanging == 0


async def test_shares_and_links_outlive_the_change(gateways: Gateways, settings: Settings) -> None:
    before, swapped = await gateways(BEFORE), await gateways(SWAPPED)
    person = await before.person("admin@example.com")
    await before.sql("UPDATE users SET role = 'admin'")
    scene = await put_scene(before, await before.account_id(person))
    shared = await before.client.post(
        f"/api/v1/scenes/{scene}/shares", headers=person, json={"expires_in_hours": 5}
    )
    token = shared.json()["token"]
    invite = await before.client.post("/api/v1/admin/invites", headers=person, json={})
    account = await before.account_id(await before.person("ada@example.com"))
    reset = await before.client.post(f"/api/v1/admin/users/{account}/password-reset", headers=person, json={})
    pepper = (await status(swapped, settings, SWAPPED))["GATEWAY_API_KEY_PEPPER"]
    assert (pepper.rows["shares"].previous, pepper.rows["links"].previous) == (1, 2)

    assert (await swapped.client.get(f"/api/v1/shared/{token}")).status_code == 200
    pepper = (await status(swapped, settings, SWAPPED))["GATEWAY_API_KEY_PEPPER"]
    assert (pepper.rows["shares"].previous, pepper.rows["shares"].current) == (0, 1)
    assert (await before.client.get(f"/api/v1/shared/{token}")).status_code == 404  # hence step 1
    assert await swapped.services.one_time_links.open_invite(invite.json()["token"])
    new = {"token": reset.json()["token"], "password": "another battery staple"}
    assert (await swapped.client.post("/api/v1/users/password-reset", json=new)).status_code == 200


async def test_webhook_secrets_are_sealed_anew(gateways: Gateways, settings: Settings) -> None:
    before, swapped = await gateways(BEFORE), await gateways(SWAPPED)
    _, key = await before.key(await before.person())
    made = await before.client.post(
        "/api/v1/webhooks", headers=key, json={"url": "http://127.0.0.1:9/a", "events": ["*"]}
    )
    account_secret = (await before.client.get("/api/v1/webhooks/account-secret", headers=key)).json()[
        "secret"
    ]
    counts = (await status(swapped, settings, SWAPPED))["WEBHOOKS_KEY"].rows
    assert (counts["webhooks"].previous, counts["account_secrets"].previous) == (1, 1)
    # A secret that is replaced now is sealed with the new key; the former one, which still signs, is not.
    rotated = await swapped.client.post(f"/api/v1/webhooks/{made.json()['id']}/rotate-secret", headers=key)
    counts = (await status(swapped, settings, SWAPPED))["WEBHOOKS_KEY"].rows
    assert counts["webhooks"].unnumbered == 1

    pool = swapped.services.pool
    done = await reseal(pool, Sealer.of(at(settings, SWAPPED).webhooks))
    assert (done.resealed, done.changed_meanwhile, done.unreadable) == (2, 0, [])
    assert (await status(swapped, settings, SWAPPED))["WEBHOOKS_KEY"].hanging == 0
    alone = Sealer.of(at(settings, AFTER).webhooks)
    row = (await swapped.sql("SELECT id, secret, previous_secret FROM webhook_endpoints"))[0]
    assert alone.open(row["secret"], row["id"]) == rotated.json()["secret"]
    assert alone.open(row["previous_secret"], row["id"]) == made.json()["secret"]
    after = await gateways(AFTER)
    answer = await after.client.get(
        "/api/v1/webhooks/account-secret", headers=(await _key_of(after, swapped, key))
    )
    assert answer.json()["secret"] == account_secret
    assert (await reseal(pool, alone)).resealed == 0
    acts = await swapped.sql("SELECT details FROM admin_acts WHERE action = 'secrets reseal' ORDER BY at")
    assert [json.loads(act["details"])["rows"] for act in acts] == [1, 1]


async def _key_of(after: Api, swapped: Api, key: dict[str, str]) -> dict[str, str]:
    """Use the key where both peppers are known, so that it is good where one is."""
    assert (await swapped.client.get("/api/v1/webhooks", headers=key)).status_code == 200
    await swapped.services.keys.sweep()
    return key


async def test_a_secret_that_no_key_opens_is_named_and_left(gateways: Gateways, settings: Settings) -> None:
    api = await gateways(BEFORE)
    _, key = await api.key(await api.person())
    made = await api.client.post(
        "/api/v1/webhooks", headers=key, json={"url": "http://127.0.0.1:9/a", "events": ["*"]}
    )
    sealed = await api.sql("SELECT secret FROM webhook_endpoints")
    done = await reseal(api.services.pool, Sealer.of(at(settings, AFTER).webhooks))
    assert [str(each) for each in done.unreadable] == [made.json()["id"]]
    assert await api.sql("SELECT secret FROM webhook_endpoints") == sealed


def test_a_number_reveals_nothing_and_names_one_secret(settings: Settings) -> None:
    one, other = at(settings, BEFORE).gateway, at(settings, SWAPPED).gateway
    assert ApiKeys.of(one).number == ApiKeys.of(at(settings, ANNOUNCED).gateway).number
    assert ApiKeys.of(one).number != ApiKeys.of(other).number
    assert len(ApiKeys.of(one).number) == 12
    assert ApiKeys.of(one).correlations("x")[0] == ApiKeys.of(other).correlations("x")[1]


def test_the_commands_say_what_hangs_on_which_secret(fresh_database: str) -> None:
    environment = SECRETS | {"DATABASE_URL": fresh_database, "PATH": "/usr/bin"}
    done = run(environment, "secrets", "status")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["hanging"] == 0
    assert said["secrets"]["GATEWAY_JWT_SECRET"]["seconds"] == 900
    assert not any(secret in done.stdout for secret in SECRETS.values())
    resealed = run(environment, "secrets", "reseal")
    assert json.loads(resealed.stdout) == {"resealed": 0, "changed_meanwhile": 0, "unreadable": []}
    missing = run(
        {key: value for key, value in environment.items() if key != "WEBHOOKS_KEY"}, "secrets", "status"
    )
    assert (missing.returncode, "WEBHOOKS_KEY" in missing.stderr) == (2, True)
