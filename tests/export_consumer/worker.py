"""The export consumer as a process, on the test's topics."""

from __future__ import annotations

import os
from dataclasses import replace

from bus.contract import topics
from export_consumer import cli

PARTITIONS = 2


def main() -> int:
    topics.EVENTS = replace(topics.EVENTS, name=os.environ["EVENTS_TOPIC"], partitions=PARTITIONS)
    own = own_topics(os.environ["COMMANDS_TOPIC"])
    topics.EXPORT_COMMANDS, topics.EXPORT_DEAD = own[:2]
    topics.BACKGROUND_COMMANDS, topics.BACKGROUND_ENDINGS = own[2:4]
    topics.EXPORT_RETRIES, topics.BACKGROUND_RETRIES = tuple(own[4:7]), tuple(own[7:])
    return cli.main([])


def own_topics(stem: str) -> list[topics.Topic]:
    """Give the command, dead-letter, background and retry topics names of the test."""
    kinds = (topics.EXPORT_COMMANDS, topics.EXPORT_DEAD, topics.BACKGROUND_COMMANDS)
    kinds += (topics.BACKGROUND_ENDINGS, *topics.EXPORT_RETRIES, *topics.BACKGROUND_RETRIES)
    return [
        replace(topic, name=f"{stem}.{number}", partitions=min(topic.partitions, PARTITIONS))
        for number, topic in enumerate(kinds)
    ]


if __name__ == "__main__":
    raise SystemExit(main())
