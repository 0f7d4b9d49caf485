"""The command line reaches the supervisor, wherever the home lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sharpstream.stack import client, control
from sharpstream.stack.errors import StackError
from sharpstream.stack.state_dir import Home


async def answer(request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    yield {"heard": request["do"]}
    if request["do"] == "fail":
        raise StackError("One sentence.")
    yield {"done": True}


def ask(home: Home, **request: str) -> list[dict[str, Any]]:
    return list(control.ask(home, **request))


async def test_replies_come_in_order_from_a_home_that_lies_deep(tmp_path: Path) -> None:
    home = Home(tmp_path / ("deep" * 30))
    home.create()
    async with control.listen(home, answer):
        assert await asyncio.to_thread(ask, home, do="wait") == [{"heard": "wait"}, {"done": True}]


async def test_a_refusal_arrives_as_its_sentence(home: Home) -> None:
    async with control.listen(home, answer):
        with pytest.raises(StackError, match=r"^One sentence\.$"):
            await asyncio.to_thread(ask, home, do="fail")


async def test_a_dead_supervisors_socket_is_taken_over(home: Home) -> None:
    async with control.listen(home, answer):
        pass
    with pytest.raises((ConnectionError, FileNotFoundError)):
        ask(home, do="wait")
    async with control.listen(home, answer):
        assert await asyncio.to_thread(ask, home, do="wait")


def test_without_a_supervisor_everything_has_an_answer(home: Home) -> None:
    report = client.status(home)
    assert (report["ready"], report["roles"]) == (False, {})
    assert client.down(home) is False
    with pytest.raises(StackError, match="The stack does not run: sharpstream up"):
        client.part(home, "stop", "kafka")


def test_reading_a_missing_state_dir_does_not_create_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "never")
    assert client.status(home)["ready"] is False
    assert client.down(home) is False
    assert not home.root.exists()
