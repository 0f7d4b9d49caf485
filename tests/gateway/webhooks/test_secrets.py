"""Secrets are sealed for one owner with one key."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pydantic import SecretStr

from bus.runtime.errors import ConfigurationError
from gateway.webhooks import secrets
from gateway.webhooks.secrets import Sealer
from tests.gateway.webhooks.conftest import KEY


def test_a_sealed_secret_can_be_opened():
    owner, secret = uuid4(), secrets.make()
    sealed = Sealer(KEY).seal(secret, owner)
    assert secret.startswith("whsec_")
    assert secret.encode() not in sealed
    assert Sealer(KEY).open(sealed, owner) == secret
    assert Sealer(KEY).seal(secret, owner) != sealed


@pytest.mark.parametrize("case", ["another owner", "another key", "changed"])
def test_a_changed_or_foreign_secret_cannot_be_opened(case):
    owner = uuid4()
    sealed = Sealer(KEY).seal(secrets.make(), owner)
    key = SecretStr("another key of the tests, long enough too") if case == "another key" else KEY
    if case == "changed":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(ConfigurationError, match="WEBHOOKS_KEY"):
        Sealer(key).open(sealed, uuid4() if case == "another owner" else owner)
