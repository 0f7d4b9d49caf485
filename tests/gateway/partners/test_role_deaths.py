"""A command that was in hand at two deaths of the role in a row is answered unread; others are prepared.

Kafka's part of it, the notes, is tested in tests/bus/kafka/test_in_hand.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from bus.bridges.projection import RawRecord
from bus.kafka.in_hand import Note
from bus.runtime.tasks import end
from gateway.partners.acceptance import Prepared
from gateway.partners.command_partition import CommandPartition
from gateway.partners.exclusion import Exclusion

TOPIC = "partner.acme.commands.v1"
RECORDS = 7


class Role:
    """One life of the role with one partition: what it prepared, answered and noted."""

    def __init__(self, *found: Any) -> None:
        self.prepared: list[int] = []
        self.together = 0
        self.most_together: dict[int, int] = {}
        self.answers: dict[int, str | None] = {}
        self.notes: list[Note] = []
        self._found = found
        self.ended = asyncio.Event()

    async def prepare(self, record: RawRecord) -> Prepared:
        self.prepared.append(record.offset)
        self.together += 1
        self.most_together[record.offset] = self.together
        await asyncio.sleep(0.01)
        self.together -= 1
        return Prepared(record=record, partner=None, command=SimpleNamespace(), refusal=None)  # type: ignore[arg-type]

    async def partner_of(self, _: RawRecord) -> None:
        return None

    def hand_in(self, prepared: Prepared) -> None:
        self.answers[prepared.record.offset] = prepared.refusal.code if prepared.refusal else None
        if len(self.answers) == RECORDS:
            self.ended.set()

    async def clear(self, _: Prepared) -> None:
        """Keep everything."""

    async def project(self, records: Sequence[RawRecord]) -> int:
        return len(records)

    async def reached(self, keys: Sequence[Any]) -> dict[Any, int]:
        return dict.fromkeys(keys, 0)

    async def opening(self) -> Any:
        return self._found

    async def note(self, _: int, note: Note) -> None:
        self.notes.append(note)

    async def run(self) -> None:
        partition = CommandPartition(
            (TOPIC, 0), self, self, lambda _: None,  # type: ignore[arg-type]
            owner="me/1", opening=self.opening, note=self.note, exclusion=Exclusion(),
        )  # fmt: skip
        now = datetime.now(UTC)
        partition.feed(RawRecord(TOPIC, 0, offset, None, b"{}", (), now) for offset in range(RECORDS))
        running = asyncio.ensure_future(partition.run())
        async with asyncio.timeout(20):
            await self.ended.wait()
        await end([running])


async def test_commands_are_prepared_together_with_one_note() -> None:
    role = Role(Note(), None)
    await role.run()
    assert set(role.answers.values()) == {None}
    assert max(role.most_together.values()) == 3
    assert role.notes == [Note("me/1"), Note()], "the name once, and its removal at the end"


async def test_after_a_death_those_that_were_in_hand_are_prepared_alone() -> None:
    role = Role(Note("other/1"), 5)
    await role.run()
    assert set(role.answers.values()) == {None}
    assert [role.most_together[offset] for offset in range(3)] == [1, 1, 1]
    assert [note.trying for note in role.notes if note.trying is not None] == [0, 1, 2]


async def test_the_command_of_two_deaths_is_answered_unread() -> None:
    role = Role(Note("other/1", 0), 5)
    await role.run()
    assert role.answers == {0: "worker_died"} | dict.fromkeys(range(1, RECORDS))
    assert sorted(role.prepared) == list(range(1, RECORDS))


async def test_who_is_alone_waits_for_the_others_and_newcomers_for_it() -> None:
    exclusion, order = Exclusion(), []

    async def step(name: str, *, alone: bool) -> None:
        async with exclusion.alone() if alone else exclusion.together():
            order.append(f"{name}+")
            await asyncio.sleep(0.01)
            order.append(f"{name}-")

    work = [asyncio.ensure_future(step(name, alone=name == "x")) for name in ("a", "b", "x", "c")]
    await asyncio.gather(*work)
    assert order.index("x+") > max(order.index("a-"), order.index("b-"))
    assert order.index("x-") < order.index("c+")
