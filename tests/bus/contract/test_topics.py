from __future__ import annotations

import re
from itertools import pairwise
from typing import get_args

import pytest

from bus.contract import messages, topics

by_topic = pytest.mark.parametrize("topic", topics.ALL, ids=lambda topic: topic.name)
ROLES = {"gateway", "relay", "partners", "inference", "export", "ledger", "operators"}


def test_names_are_unique_and_every_declaration_is_listed() -> None:
    names = [topic.name for topic in topics.ALL]
    assert len(set(names)) == len(names)
    declared = [value for value in vars(topics).values() if isinstance(value, topics.Topic)]
    assert {topic.name for topic in declared} <= set(names)


@by_topic
def test_a_declaration_is_complete(topic: topics.Topic) -> None:
    assert re.fullmatch(r"sharp\.[a-z0-9.]+\.v\d+", topic.name)
    assert len(topic.name) <= 249  # Kafka's limit
    assert topic.description.endswith(".")
    assert set(topic.producers) | set(topic.consumers) <= ROLES
    assert topic.retention_ms == topics.FOREVER or topic.retention_ms >= topics.HOUR
    assert topic.partitions >= 1


def test_every_message_type_has_a_topic() -> None:
    carried = {kind for topic in topics.ALL if topic.producers for kind in topic.types}
    assert carried == set(get_args(messages.AnyMessage))


def test_the_log_of_record_is_kept_for_ever_and_keyed_by_account() -> None:
    assert topics.EVENTS.retention_ms == topics.FOREVER
    assert topics.EVENTS.key == "account id"
    assert set(messages.GENERATION_ENDINGS + messages.EXPORT_ENDINGS) <= set(topics.EVENTS.types)


@pytest.mark.parametrize(
    "retries", [topics.GENERATION_RETRIES, topics.EXPORT_RETRIES, topics.BACKGROUND_RETRIES]
)
def test_retry_delays_grow_and_are_in_the_topic_name(retries: tuple[topics.Topic, ...]) -> None:
    delays = [topic.delay_ms for topic in retries]
    assert delays == list(topics.RETRY_DELAYS_MS)
    assert all(later > earlier > 0 for earlier, later in pairwise(delays))
    assert all(f".{topic.delay_ms // 1000}s." in topic.name for topic in retries)
    assert all(topic.retention_ms > max(delays) for topic in retries)


@pytest.mark.parametrize(
    ("source", "others"),
    [
        (topics.COMMANDS_INTERACTIVE, (*topics.GENERATION_RETRIES, topics.GENERATION_DEAD)),
        (topics.EXPORT_COMMANDS, (*topics.EXPORT_RETRIES, topics.EXPORT_DEAD)),
        (topics.BACKGROUND_COMMANDS, (*topics.BACKGROUND_RETRIES, topics.EXPORT_DEAD)),
    ],
)
def test_retry_and_dead_letter_topics_carry_the_types_of_their_source(
    source: topics.Topic, others: tuple[topics.Topic, ...]
) -> None:
    for topic in others:
        assert topic.types == source.types
        assert topic.key == source.key
        assert topic.retention_ms >= source.retention_ms


def test_background_exports_are_published_to_no_account() -> None:
    own = (topics.BACKGROUND_COMMANDS, topics.BACKGROUND_ENDINGS, *topics.BACKGROUND_RETRIES)
    assert {role for topic in own for role in topic.consumers} == {"export"}
    assert {topic.name for topic in own}.isdisjoint({topics.EVENTS.name, topics.EXPORT_COMMANDS.name})


def test_a_cancel_request_is_kept_as_long_as_a_command_may_live() -> None:
    assert topics.CANCELLATIONS.retention_ms >= topics.COMMANDS_BULK.retention_ms


def test_each_priority_has_its_command_topic() -> None:
    assert topics.commands_topic(messages.Priority.INTERACTIVE) is topics.COMMANDS_INTERACTIVE
    assert topics.commands_topic(messages.Priority.BULK) is topics.COMMANDS_BULK
