"""The same seed gives the same schedule, and a schedule has the requested actions."""

from __future__ import annotations

from collections import Counter

from tests.chaos import schedule
from tests.chaos.schedule import EVERYTHING, LONGEST_SESSION_S, ROLES, SERVERS


def test_the_schedule_is_determined_by_seed_and_round() -> None:
    first = schedule.make(7, 0, kills=25, others=9)
    assert schedule.make(7, 0, kills=25, others=9) == first
    assert schedule.make(7, 1, kills=25, others=9) != first
    assert schedule.make(8, 0, kills=25, others=9) != first


def test_the_schedule_has_the_given_numbers_of_actions_in_order() -> None:
    actions = schedule.make(7, 0, kills=25, others=9)
    assert Counter(action.kind == "kill" for action in actions) == {True: 25, False: 9}
    assert [action.at for action in actions] == sorted(action.at for action in actions)


def test_every_fault_and_target_occurs_over_many_rounds() -> None:
    actions = [a for turn in range(20) for a in schedule.make(7, turn, kills=25, others=9)]
    killed = {action.target for action in actions if action.kind == "kill"}
    assert killed == {*ROLES, *SERVERS, EVERYTHING}
    assert {action.kind for action in actions} == {"kill", "freeze", "restart", "cut", "stall", "slow"}
    assert any(a.kind == "freeze" and a.seconds > LONGEST_SESSION_S for a in actions)
    assert all(a.server != "postgres" for a in actions if a.target.startswith("inference"))


def test_the_power_is_cut_in_every_second_round() -> None:
    for turn in range(1, 8, 2):
        actions = schedule.make(7, turn, kills=25, others=9)
        assert (EVERYTHING, "kill") in {(action.target, action.kind) for action in actions}
        assert sum(action.kind == "kill" for action in actions) == 25


def test_a_short_round_has_no_power_cut_and_no_long_freeze() -> None:
    actions = [a for turn in range(40) for a in schedule.make(7, turn, kills=25, others=9, short=True)]
    assert schedule.EVERYTHING not in {action.target for action in actions}
    assert max(action.seconds for action in actions) <= schedule.LONGEST_SESSION_S
