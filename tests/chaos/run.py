"""A run: rounds of load and faults on one system, each followed by a check of the idle system.

Each finished round is a line of JSON, so that an interrupted run continues with the next round.
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
    """The actions and findings of one round."""

    seed: int
    turn: int
    injected: Counter[str] = field(default_factory=Counter)
    """``kind target`` -> how often."""
    load_s: float = 0.0
    recovery_s: float = 0.0
    accepted: int = 0
    exports: int = 0
    commands: int = 0
    """The partner's commands over Kafka so far; below, the events that were delivered to it."""
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
        """Return how many faults were a SIGKILL."""
        return sum(n for what, n in self.injected.items() if what.startswith("kill "))


def say(text: str) -> None:
    """Print progress; pytest shows it where a test fails."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stdout.flush()


class Scene(NamedTuple):
    """The participants of a round."""

    harness: Harness
    people: People
    receiver: Receiver
    partner: Partner


class Run:
    """Rounds on one system in ``home``, with the same load and receiver."""

    def __init__(self, seed: int, home: Path) -> None:
        self.seed, self._home = seed, home
        self._load = Load()
        self._hashes: dict[str, str] = {}

    async def rounds(
        self, turns: range, *, kills: int, others: int, gap_s: float = 2.5, short: bool = False
    ) -> Any:
        """Yield each `Round` once checked. A ``short`` one has half the load, to be idle sooner."""
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
        """Inject the faults one after the other. Lasting ones overlap with the next."""
        lasting, last = [], 0.0
        for action in actions:
            # The pause after the last injection, which may have taken long: a power cut does not shorten it.
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
    """Return one line of JSON."""
    return json.dumps(vars(done) | {"faults": [fault._asdict() for fault in done.faults]})
