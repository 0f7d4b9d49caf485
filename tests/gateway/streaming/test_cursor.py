"""Cursors, and the partition of an account."""

from uuid import uuid4

import pytest
from aiokafka.partitioner import DefaultPartitioner

from gateway.errors import DomainError
from gateway.streaming.cursor import Cursor, parse, partition_of


def test_a_cursor_round_trips_through_text():
    cursor = Cursor(2, 7, 123456789012)
    assert str(cursor) == "2-7-123456789012"
    assert parse(str(cursor), epoch=2, partition=7) == cursor


def test_an_older_epoch_sorts_before_a_newer_one():
    old = parse("1-3-999", epoch=2, partition=7)
    assert old.position < Cursor(2, 7, 0).position


@pytest.mark.parametrize(
    "text", ["", "1", "1-2", "1-2-3-4", "a-b-c", "0-1-1", "1-2--3", "1-2-3\n", "3-7-0", "2-6-0", "1-2-٣"]
)
def test_invalid_cursors_are_refused(text):
    with pytest.raises(DomainError) as caught:
        parse(text, epoch=2, partition=7)
    assert caught.value.code == "cursor_invalid"


def test_the_partition_is_the_one_that_producers_choose():
    partitions = list(range(12))
    for account in (uuid4() for _ in range(200)):
        chosen = DefaultPartitioner()(str(account).encode(), partitions, partitions)
        assert partition_of(account, 12) == chosen
