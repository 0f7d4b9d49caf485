"""The ledger as a process, on topics of the test's own; with ``KILL_AFTER=n`` it dies in its n-th batch.

It dies by SIGKILL after Postgres has committed and before Kafka is told: the moment that shows which of the
two the ledger believes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace

from bus.bridges.projector import Projector, RawRecord
from bus.contract import topics
from ledger import cli

PARTITIONS = 2


def main() -> int:
    topics.EVENTS = replace(topics.EVENTS, name=os.environ["EVENTS_TOPIC"], partitions=PARTITIONS)
    topics.PROGRESS = replace(topics.PROGRESS, name=os.environ["PROGRESS_TOPIC"], partitions=PARTITIONS)
    if "KILL_AFTER" in os.environ:
        _die_after(int(os.environ["KILL_AFTER"]))
    return cli.main(["run"])


def _die_after(batches: int) -> None:
    project, left = Projector.project, batches

    async def project_and_die(self: Projector, records: Sequence[RawRecord]) -> int:
        nonlocal left
        written = await project(self, records)
        left -= written > 0
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return written

    Projector.project = project_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    raise SystemExit(main())
