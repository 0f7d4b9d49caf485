"""The ledger as a process on topics of the test's own; with ``KILL_AFTER=n`` it is killed in its n-th batch.

The SIGKILL comes after the commit in Postgres and before the commit in Kafka, which shows whose offsets the
ledger resumes from.
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
