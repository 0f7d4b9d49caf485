"""A drill of one or two minutes of fault injection; `make chaos` is the long one.

CHAOS_SEED repeats it, as does SHARPSTREAM_TEST_SEED for every test that injects faults at random.
"""

from __future__ import annotations

import os
import random
import shutil

import pytest

from tests.chaos.__main__ import new_home
from tests.chaos.run import Run, say

pytestmark = [pytest.mark.stack, pytest.mark.kill, pytest.mark.drill]
KILLS, OTHERS, GAP_S = 5, 3, 2.0


async def test_a_short_round_finds_no_fault() -> None:
    given = os.environ.get("CHAOS_SEED") or os.environ.get("SHARPSTREAM_TEST_SEED")
    seed = int(given or random.SystemRandom().randrange(2**32))
    say(f"CHAOS_SEED={seed}")
    home = new_home()
    going = Run(seed, home).rounds(range(1), kills=KILLS, others=OTHERS, gap_s=GAP_S, short=True)
    rounds = [each async for each in going]
    assert [fault for each in rounds for fault in each.faults] == [], f"the system's logs are in {home}"
    assert [each.kills for each in rounds] == [KILLS]
    assert all(each.accepted for each in rounds)
    shutil.rmtree(home)
