"""After a kill: let Kafka's controller, alone, declare the broker that was killed gone; then start both.

A broker that starts beside its own controller still counts as the leader of everything, until its former self
times out. In these seconds its transaction coordinator finds what was prepared when it was killed, loses the
partitions in the middle, and writes "committed" without having told them (seen with Kafka 4.4): records and
offset of that transaction then hang, to be committed by the next one of the same producer. An outbox row was
published twice that way, and a topic stood still for its readers. On a cluster the other controllers do this.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import structlog

from sharpstream.stack.process import die_with_parent, kill_group

log = structlog.get_logger(__name__)

FENCED: Final = "Fencing broker"
"""What the controller logs when a broker's session has timed out."""
LONGEST_S: Final = 30.0
"""Where it does not come, the broker was fenced before it was killed, and there is nothing to wait for."""


def was_killed(data: Path) -> bool:
    """Whether a broker ran on this folder and did not end by itself."""
    return (data / "__cluster_metadata-0").exists() and not (data / ".kafka_cleanshutdown").exists()


def fence(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
    """Run the controller until the killed broker is fenced, and kill it: it holds nothing but its log."""
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call
    ) as controller:
        too_long = threading.Timer(LONGEST_S, kill_group, [controller.pid])
        too_long.start()
        try:
            fenced = controller.stdout is not None and _says(controller.stdout)
        finally:
            too_long.cancel()
            kill_group(controller.pid)
    log.info("killed_broker_fenced", fenced=fenced, seconds=round(time.monotonic() - began, 1))


def _says(output: IO[str]) -> bool:
    return any(FENCED in line for line in output)
