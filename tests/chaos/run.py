"""A run: rounds of load and blows on one system, each round settled and judged; what happened is kept.

Each finished round is a line of JSON, so that a run that was cut short goes on with the next round.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bus.runtime import tasks
from tests.chaos import schedule
from tests.chaos.check import judge
from tests.chaos.evidence import Fault
from tests.chaos.harness import Harness
from tests.chaos.load import Load, People
from tests.chaos.partner import Partner, opened
from tests.chaos.receiver import Receiver
from tests.chaos.rest import Rest
from tests.chaos.schedule import Action

READY_S = 240.0


@dataclass(kw_only=True)
class Round:
    """What one round did and found."""

    seed: int
    turn: int
    injected: Counter[str] = field(default_factory=Counter)
    """``kind target`` -> how often."""
    load_s: float = 0.0
    recovery_s: float = 0.0
    accepted: int = 0
    exports: int = 0
    commands: int = 0
    """Of the partner, so far, over Kafka; and the events that it was told."""
    partner_events: int = 0
    cancels: int = 0
    redriven: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    repeated_deliveries: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    swept: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How many blows were a SIGKILL."""
        return sum(n for what, n in self.injected.items() if what.startswith("kill "))


def say(text: str) -> None:
    """Tell whoever watches; a test that fails shows it."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stdout.flush()


class Scene(NamedTuple):
    """Who takes part."""

    harness: Harness
    people: People
    receiver: Receiver
    partner: Partner


class Run:
    """Rounds on one system in ``home``; its load and its receiver last as long as it does."""

    def __init__(self, seed: int, home: Path) -> None:
        self.seed, self._home = seed, home
        self._load = Load()
        self._hashes: dict[str, str] = {}

    async def rounds(
        self, turns: range, *, kills: int, others: int, gap_s: float = 2.5, short: bool = False
    ) -> Any:
        """Yield each `Round` as it is judged. A ``short`` one has half the load, to come to rest sooner."""
        crowd = 2 if short else 4
        async with (
            Receiver() as receiver,
            Harness(self._home) as harness,
            People(harness.url, receiver, self._load) as people,
            await opened(harness, people.endpoint_account) as partner,
        ):
            for turn in turns:
                actions = schedule.make(self.seed, turn, kills=kills, others=others, gap_s=gap_s, short=short)
                yield await self._round(turn, actions, Scene(harness, people, receiver, partner), crowd)

    async def _round(self, turn: int, actions: list[Action], scene: Scene, crowd: int) -> Round:
        done = Round(seed=self.seed, turn=turn)
        say(f"round {turn} of seed {self.seed}: {len(actions)} actions")
        before, began = len(self._load.accepted), time.monotonic()
        sending = [
            asyncio.create_task(scene.people.run(random.Random(f"{self.seed}:{turn}:load"), people=crowd)),
            asyncio.create_task(scene.partner.run(random.Random(f"{self.seed}:{turn}:partner"))),
        ]
        try:
            await self._inject(actions, scene.harness, done)
        finally:
            await tasks.end(sending)
        done.load_s = round(time.monotonic() - began, 1)
        done.accepted = len(self._load.accepted) - before
        await self._wait_for_rest(done, scene)
        return done

    async def _inject(self, actions: list[Action], harness: Harness, done: Round) -> None:
        """Deal the blows, one after the other; those that last go on beside the next ones."""
        lasting, last = [], 0.0
        for action in actions:
            # The time since the last blow was dealt, which may have taken long: a power cut is no pause.
            await asyncio.sleep(action.at - last)
            last = action.at
            say(str(action))
            between = f" to {action.server}" if action.server else ""
            done.injected[f"{action.kind} {action.target}{between}"] += 1
            if action.kind == "kill":
                await harness.inject(action)
            else:
                lasting.append(asyncio.create_task(harness.inject(action)))
        await asyncio.gather(*lasting)

    async def _wait_for_rest(self, done: Round, scene: Scene) -> None:
        began = time.monotonic()
        scene.harness.heal()
        await scene.harness.until_ready(READY_S)
        await scene.partner.wait_idle()
        rest = Rest(scene.harness, scene.people, scene.receiver, scene.partner, self._hashes)
        await rest.reach(say)
        done.redriven = await rest.redrive()
        await rest.reach(say)
        done.swept = await rest.sweep()
        waiting = await rest.reach(say)
        found = await rest.evidence(self._load, waiting)
        done.faults = judge(found)
        done.recovery_s = round(time.monotonic() - began, 1)
        done.endings = Counter(logged.type for logged in found.log)
        done.exports, done.cancels = len(self._load.exports), self._load.cancels
        done.commands, done.partner_events = len(found.partner.commands), len(found.partner.events)
        done.deliveries = len(found.deliveries)
        done.repeated_deliveries = done.deliveries - len({(d.hook, d.webhook_id) for d in found.deliveries})
        done.answers = dict(self._load.answers)
        say(f"settled in {done.recovery_s} s: {dict(done.endings)}, {len(done.faults)} faults")
        for fault in done.faults:
            say(f"FAULT {fault.kind}: {fault.what}")


def to_json(done: Round) -> str:
    """One line."""
    return json.dumps(vars(done) | {"faults": [fault._asdict() for fault in done.faults]})
