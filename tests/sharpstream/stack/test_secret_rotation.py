"""The secrets of this machine's gateway are changed while it is down; the former one is kept for a while."""

from __future__ import annotations

import pytest

from sharpstream.stack import roles, secret_rotation
from sharpstream.stack.errors import StackError
from sharpstream.stack.lock import only_one
from sharpstream.stack.state_dir import Home, Memory


@pytest.mark.parametrize("name", secret_rotation.NAMES)
def test_the_former_secret_is_accepted_until_it_is_ended(home: Home, name: str) -> None:
    key = secret_rotation.NAMES[name][1]
    main = key.replace("PREVIOUS_", "")
    before = roles.secret_variables(Memory(home))
    secret_rotation.rotate(home, name)
    changed = roles.secret_variables(Memory(home))
    assert (changed[key], changed[main] == before[main]) == (before[main], False)
    assert {n: v for n, v in changed.items() if n not in {key, main}} == {
        n: v for n, v in before.items() if n != main
    }
    with pytest.raises(StackError, match=f"secrets end {name}"):  # else keys of the first would be lost
        secret_rotation.rotate(home, name)
    secret_rotation.end(home, name)
    ended = roles.secret_variables(Memory(home))
    assert (ended[main], key in ended) == (changed[main], False)


def test_not_while_it_runs_and_not_before_a_first_start(home: Home) -> None:
    with pytest.raises(StackError, match="ever started"):
        secret_rotation.rotate(home, "pepper")
    Memory(home).secret("gateway_jwt")
    with only_one(home) as alone:
        assert alone
        for change in (secret_rotation.rotate, secret_rotation.end):
            with pytest.raises(StackError, match="sharpstream down"):
                change(home, "jwt")
