"""The webhooks role as a process on a topic of the test's own."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from bus.contract import topics
from gateway import cli

PARTITIONS = 2


def main() -> int:
    topics.EVENTS = replace(topics.EVENTS, name=os.environ["EVENTS_TOPIC"], partitions=PARTITIONS)
    return cli.main(["webhooks"])


if __name__ == "__main__":
    sys.exit(main())
