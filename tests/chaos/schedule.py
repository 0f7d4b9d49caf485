"""The schedule of faults, made from a seed alone: the same seed always gives the same schedule.

It must not touch a process: `tests.chaos.harness` carries out the actions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

ROLES: Final = ("gateway", "relay", "inference", "inference2", "export", "ledger", "webhooks", "partners")
SERVERS: Final = ("kafka", "postgres", "s3")
EVERYTHING: Final = "everything"
LONGEST_SESSION_S: Final = 30.0
"""The session timeout of every consumer group here; the relay's lease is 5 s."""

_WEIGHTS: Final = {"freeze": 4, "restart": 3, "cut": 3, "stall": 2, "slow": 2}
"""The relative frequency of the actions other than kills."""
_ROLES_FOR_ONE_SERVER: Final = 2
"""A server restarts more slowly and stops all work meanwhile, so each gets half as many faults as a role."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """``at`` seconds from the start of the round; ``seconds`` is how long it lasts, 0 for a kill."""

    at: float
    kind: str
    target: str
    server: str = ""
    """The far end of a fault in the network."""
    seconds: float = 0.0

    def __str__(self) -> str:
        to = f" to {self.server}" if self.server else ""
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.kind} {self.target}{to}{lasting}"


def make(
    seed: int, turn: int, *, kills: int, others: int, gap_s: float = 2.5, short: bool = False
) -> list[Action]:
    """Return the actions of one round. One kill in about forty is a power cut of the whole machine.

    The last kill of every second round is one in any case.
    ``short`` leaves out what takes half a minute each: power cuts, and freezes that outlast a session.
    """
    dice = random.Random(f"{seed}:{turn}")
    kinds = ["kill"] * kills + dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=others)
    dice.shuffle(kinds)
    now, found = 0.0, []
    for kind in kinds:
        now += dice.uniform(0.2, 1.8) * gap_s
        action = _action(dice, round(now, 1), kind)
        while short and (action.target == EVERYTHING or action.seconds > LONGEST_SESSION_S):
            action = _action(dice, round(now, 1), kind)
        found.append(action)
    if turn % 2 and not short:
        last = max(n for n, action in enumerate(found) if action.kind == "kill")
        found[last] = replace(found[last], target=EVERYTHING)
    return found


def _action(dice: random.Random, at: float, kind: str) -> Action:
    target = dice.choice(ROLES * _ROLES_FOR_ONE_SERVER + SERVERS)
    match kind:
        case "kill":
            return Action(at=at, kind=kind, target=EVERYTHING if dice.random() < 0.025 else target)
        case "freeze":
            # Every third freeze of a role outlasts its session, so that others take its work over.
            long = target in ROLES and dice.random() < 0.33
            seconds = LONGEST_SESSION_S + dice.uniform(2, 8) if long else dice.uniform(1, 8)
            return Action(at=at, kind=kind, target=target, seconds=round(seconds, 1))
        case "restart":
            return Action(at=at, kind=kind, target=target)
        case _:
            role = dice.choice(ROLES)
            server = dice.choice(reachable(role))
            seconds = round(dice.uniform(1, 12), 1)
            return Action(at=at, kind=kind, target=role, server=server, seconds=seconds)


def reachable(role: str) -> Sequence[str]:
    """Return the servers that a role talks to."""
    return ("kafka", "s3") if role.startswith("inference") else SERVERS
