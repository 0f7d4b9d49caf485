"""The export consumer as a process, on topics of the test's own."""

from __future__ import annotations

import os
from dataclasses import replace

from bus import topics
from export_consumer import app

PARTITIONS = 2


def main() -> None:
    topics.EVENTS = replace(topics.EVENTS, name=os.environ["EVENTS_TOPIC"], partitions=PARTITIONS)
    topics.EXPORT_COMMANDS, topics.EXPORT_DEAD, *retries = own_topics(os.environ["COMMANDS_TOPIC"])
    topics.EXPORT_RETRIES = tuple(retries)
    app.main()


def own_topics(stem: str) -> list[topics.Topic]:
    """Commands, dead letters and retries under names of their own."""
    kinds = (topics.EXPORT_COMMANDS, topics.EXPORT_DEAD, *topics.EXPORT_RETRIES)
    return [
        replace(topic, name=f"{stem}.{number}", partitions=min(topic.partitions, PARTITIONS))
        for number, topic in enumerate(kinds)
    ]


if __name__ == "__main__":
    main()
