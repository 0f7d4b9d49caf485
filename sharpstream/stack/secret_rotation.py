"""Changes the secrets of this machine's gateway: the new one and the former one are both known for a while.

One gateway runs here, so there are two steps: the next start uses the new secret and accepts the former one,
until that is forgotten (docs/operations/rotation.md).
"""

from __future__ import annotations

import secrets
from typing import Final

from sharpstream.stack.errors import StackError
from sharpstream.stack.lock import only_one
from sharpstream.stack.state_dir import Home, Memory

NAMES: Final = {
    "pepper": ("gateway_api_key_pepper", "GATEWAY_API_KEY_PREVIOUS_PEPPER"),
    "jwt": ("gateway_jwt", "GATEWAY_JWT_PREVIOUS_SECRET"),
    "webhooks": ("webhooks_key", "WEBHOOKS_PREVIOUS_KEY"),
}
"""Name for people -> name in the memory, and the environment key of the former one."""


def rotate(home: Home, name: str) -> None:
    """Make a new secret and keep the former one. Raises `StackError` where the stack runs or has one."""
    own, former = NAMES[name][0], f"{NAMES[name][0]}_former"
    with only_one(home) as alone:
        memory = _memory(home, alone=alone)
        if memory.known_secret(former) is not None:
            raise StackError(f"The former one is still accepted; first: sharpstream secrets end {name}.")
        memory.change_secrets({former: memory.secret(own), own: secrets.token_hex(24)})


def end(home: Home, name: str) -> None:
    """Forget the former secret. Raises `StackError` while the stack runs."""
    with only_one(home) as alone:
        _memory(home, alone=alone).change_secrets({f"{NAMES[name][0]}_former": ""})


def previous(memory: Memory, *names: str) -> dict[str, str]:
    """Return the environment keys of the former secrets that are still accepted."""
    found = {key: memory.known_secret(f"{own}_former") for own, key in (NAMES[name] for name in names)}
    return {key: secret for key, secret in found.items() if secret is not None}


def _memory(home: Home, *, alone: bool) -> Memory:
    if not alone:
        raise StackError("The stack runs. Stop it first: sharpstream down.")
    memory = Memory(home)
    if not memory.exists:
        raise StackError("Nothing was ever started in this home, so it has no secrets.")
    return memory
