"""One or two processors on a real broker: routing, order, priorities, rebalance, outage."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bus.contract.envelope import OutRecord, header
from bus.contract.topics import Topic
from bus.kafka import broker, partition
from bus.kafka.processor import Processor, Record
from bus.kafka.retry import ATTEMPT, CODE, NOT_BEFORE, ORIGIN_OFFSET
from bus.kafka.transactions import TransactionalProducer
from bus.runtime.errors import FencedError, PermanentError, SharpstreamError, TransientError, UndecodableError
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import (
    SESSION_S,
    assert_once_each,
    committed,
    end_offsets,
    make_topic,
    numbered,
    produce,
    read_all,
    until,
    values,
)
from tests.bus.conftest import OwnKafka

pytestmark = pytest.mark.stack


@dataclass
class Bench:
    """The topics of one test, and the calls of its handler."""

    kafka: KafkaSettings
    group: str
    inputs: list[Topic]
    retries: list[Topic]
    out: Topic
    dead: Topic
    started: list[int] = field(default_factory=list)
    gates: dict[int, asyncio.Event] = field(default_factory=dict)
    fail: Callable[[Record], BaseException | None] = lambda _: None

    async def handle(self, record: Record) -> Sequence[OutRecord]:
        number = int(record.value or b"")
        self.started.append(number)
        if gate := self.gates.get(number):
            await gate.wait()
        if error := self.fail(record):
            raise error
        return [numbered(self.out.name, "k", number)]

    def give_up(self, record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
        value = b"-" + (record.value or b"")
        return [
            OutRecord(topic=self.out.name, key=b"k", value=value, headers=[("code", error.code.encode())])
        ]

    def processor(self, instance: str = "a", **options: Any) -> Processor:
        settings: dict[str, Any] = {
            "max_in_flight": 4,
            "session_timeout_s": SESSION_S,
            "heartbeat_s": 0.3,
            "grace_s": 5.0,
            "instance_id": f"{self.group}-{instance}",
        }
        return Processor(
            self.kafka,
            group=self.group,
            topics=self.inputs,
            retries=self.retries,
            dead=self.dead,
            handle=self.handle,
            give_up=self.give_up,
            **(settings | options),
        )

    async def put(self, numbers: Sequence[int], topic: Topic | None = None) -> None:
        name = (topic or self.inputs[0]).name
        await produce(self.kafka, [numbered(name, "k", number) for number in numbers])

    async def results(self) -> list[int]:
        return values(await read_all(self.kafka, self.out.name))

    async def until_results(self, count: int) -> list[int]:
        tps = [TopicPartition(self.out.name, 0)]

        async def there() -> bool:
            if sum((await end_offsets(self.kafka, tps)).values()) < count:
                return False
            return len(await self.results()) >= count

        await until(there, what=f"{count} results")
        return await self.results()

    async def until_started(self, *numbers: int) -> None:
        async def there() -> bool:
            return set(numbers) <= set(self.started)

        await until(there, what=f"{numbers} to be started")


MakeBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
def bench(kafka_settings: KafkaSettings, unique: Callable[[str], str]) -> MakeBench:
    async def make(
        *,
        kafka: KafkaSettings | None = None,
        partitions: int = 1,
        priorities: int = 1,
        delays: Sequence[int] = (),
    ) -> Bench:
        server = kafka or kafka_settings
        input_names = [unique(f"in-{priority}") for priority in range(priorities)]
        return Bench(
            kafka=server,
            group=unique("group"),
            inputs=[await make_topic(server, name, partitions=partitions) for name in input_names],
            retries=[
                await make_topic(server, unique(f"retry-{nth}"), delay_ms=delay)
                for nth, delay in enumerate(delays)
            ],
            out=await make_topic(server, unique("out")),
            dead=await make_topic(server, unique("dead")),
        )

    return make


@asynccontextmanager
async def running(processor: Processor) -> AsyncIterator[asyncio.Task[None]]:
    """Run the processor as a task, yield it when ready, and stop it at the end as SIGTERM does."""
    task = asyncio.ensure_future(processor.run())

    async def ready() -> bool:
        if task.done():
            task.result()
        return processor.ready

    try:
        await until(ready, what="the processor to be ready")
        yield task
        if not task.done():
            await processor.stop()
            async with asyncio.timeout(40):
                await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_each_kind_of_failure_is_retried_parked_or_published(bench: MakeBench) -> None:
    b = await bench(delays=(50, 100))
    errors: dict[int, Callable[[Record], BaseException | None]] = {
        1: lambda r: TransientError("twice") if r.attempt < 3 else None,
        2: lambda _: TransientError("always", code="s3_away"),
        3: lambda _: PermanentError("wrong", code="not_a_photo"),
        4: lambda _: UndecodableError("unreadable"),
        5: lambda r: KeyError("a bug") if r.attempt == 1 else None,
    }

    def fail(record: Record) -> BaseException | None:
        wrong = errors.get(int(record.value or b""))
        return wrong(record) if wrong else None

    b.fail = fail
    await b.put(range(7))
    async with running(b.processor()):
        results = await b.until_results(7)
    assert sorted(results) == [-4, -3, -2, 0, 1, 5, 6]
    assert Counter(b.started) == {0: 1, 1: 3, 2: 3, 3: 1, 4: 1, 5: 2, 6: 1}
    dead = {int(r.value): r.headers for r in await read_all(b.kafka, b.dead.name)}
    assert sorted(dead) == [2, 4]
    assert header(dead[2], CODE) == "s3_away"
    assert header(dead[2], ATTEMPT) == "3"
    assert header(dead[2], ORIGIN_OFFSET) == "2"
    assert header(dead[2], "n") == "2"  # the record's own headers are kept
    codes = {int(r.value): header(r.headers, "code") for r in await read_all(b.kafka, b.out.name)}
    assert (codes[-2], codes[-3], codes[-4]) == ("s3_away", "not_a_photo", "undecodable")
    assert sorted(values(await read_all(b.kafka, b.retries[0].name))) == [1, 2, 5]
    assert sorted(values(await read_all(b.kafka, b.retries[1].name))) == [1, 2]
    assert await committed(b.kafka, b.group, b.inputs[0].name) == 7


async def test_results_are_published_in_input_order(bench: MakeBench) -> None:
    b = await bench()
    b.gates[0] = asyncio.Event()
    await b.put(range(5))
    async with running(b.processor(max_in_flight=3)):
        await b.until_started(0, 1, 2, 3, 4)  # the later ones finish before it
        assert await b.results() == []
        assert await committed(b.kafka, b.group, b.inputs[0].name) is None
        b.gates[0].set()
        assert await b.until_results(5) == [0, 1, 2, 3, 4]


async def test_max_in_flight_limits_concurrent_handlers(bench: MakeBench) -> None:
    b = await bench(partitions=3)
    now, most = 0, 0

    async def handle(record: Record) -> Sequence[OutRecord]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return [numbered(b.out.name, "k", int(record.value or b""))]

    b.handle = handle  # type: ignore[method-assign]
    await produce(b.kafka, [numbered(b.inputs[0].name, f"key-{n}", n) for n in range(100)])
    async with running(b.processor(max_in_flight=5)):
        assert_once_each(await b.until_results(100), 100)
    assert most == 5


async def test_the_highest_priority_goes_first(bench: MakeBench) -> None:
    b = await bench(priorities=2)
    b.gates[0] = asyncio.Event()
    await b.put(range(20), b.inputs[1])
    processor = b.processor(max_in_flight=1)
    async with running(processor):
        await b.until_started(0)
        await b.put([100, 101, 102])
        partition = processor._partitions[TopicPartition(b.inputs[0].name, 0)]

        async def fetched() -> bool:
            return bool(partition.waiting) and partition.waiting[-1].value == b"102"

        await until(fetched, what="the first lane's records")
        b.gates[0].set()
        await b.until_results(23)
    assert b.started[:4] == [0, 100, 101, 102]


async def test_a_quarter_of_the_slots_is_reserved_for_the_highest_priority(bench: MakeBench) -> None:
    b = await bench(priorities=2)
    b.gates = {number: asyncio.Event() for number in range(20)}
    await b.put(range(20), b.inputs[1])
    async with running(b.processor(max_in_flight=4)):
        await b.until_started(0, 1, 2)
        await b.put([100])
        await b.until_started(100)  # while none of the others ends
        assert b.started == [0, 1, 2, 100]
        for gate in b.gates.values():
            gate.set()
        await b.until_results(21)


async def test_a_waiting_retry_blocks_no_other_record(bench: MakeBench) -> None:
    b = await bench(delays=(3_600_000, 1))
    b.fail = lambda record: TransientError("later") if record.value == b"0" else None
    await b.put([0])
    async with running(b.processor(max_in_flight=1)):
        await b.until_started(0)
        await b.put(range(1, 6))
        assert await b.until_results(5) == [1, 2, 3, 4, 5]
        (waiting,) = await read_all(b.kafka, b.retries[0].name)
        assert header(waiting.headers, NOT_BEFORE)
        assert Counter(b.started)[0] == 1
    # The retry waits in Kafka, not in the process that has ended.
    assert await committed(b.kafka, b.group, b.retries[0].name) is None


async def test_a_stop_finishes_within_the_grace_period_and_leaves_the_rest_uncommitted(
    bench: MakeBench,
) -> None:
    b = await bench()
    b.gates = {1: asyncio.Event(), 2: asyncio.Event()}
    await b.put(range(4))
    first = b.processor(grace_s=1, max_in_flight=3)
    async with running(first) as task:
        await b.until_started(0, 1, 2)
        await first.stop()
        b.gates[1].set()  # in time; 2 is not
        async with asyncio.timeout(30):
            await task
    assert await b.results() == [0, 1]
    assert await committed(b.kafka, b.group, b.inputs[0].name) == 2
    b.gates.clear()
    b.started.clear()
    async with running(b.processor()):
        assert await b.until_results(4) == [0, 1, 2, 3]
    assert sorted(b.started) == [2, 3]


async def test_work_in_flight_survives_a_rebalance_that_returns_its_partition(bench: MakeBench) -> None:
    b = await bench(partitions=2)
    b.gates = {0: asyncio.Event(), 1: asyncio.Event()}
    for number in (0, 1):  # one in each partition
        await _put_into(b, number, partition=number)
    async with running(b.processor("a")):
        await b.until_started(0, 1)
        async with running(b.processor("b")):

            async def moved() -> bool:
                return len(b.started) == 3

            await until(moved, what="one of the two to start again elsewhere")
            for gate in b.gates.values():
                gate.set()
            assert sorted(await b.until_results(2)) == [0, 1]
    assert len(b.started) == 3  # the other one was not


async def test_a_long_job_causes_no_rebalance(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The member stays in its group also while every slot is in use and nothing is fetched."""
    b = await bench()
    b.gates = {number: asyncio.Event() for number in range(3)}
    original = broker.consumer
    monkeypatch.setattr(broker, "consumer", lambda *a, **k: original(*a, **k | {"max_poll_interval_ms": 500}))
    with structlog.testing.capture_logs() as logged:
        async with running(b.processor(max_in_flight=2)):
            await b.put(range(3))
            await b.until_started(0, 1)
            await asyncio.sleep(3)  # six times max_poll_interval_ms
            for gate in b.gates.values():
                gate.set()
            assert await b.until_results(3) == [0, 1, 2]
    assert b.started == [0, 1, 2]
    assert [each["event"] for each in logged].count("partitions_assigned") == 1


async def test_a_fenced_worker_ends_without_a_duplicate_result(bench: MakeBench) -> None:
    b = await bench()
    b.gates[0] = asyncio.Event()
    await b.put([0])
    async with running(b.processor()) as task:
        await b.until_started(0)
        name = f"{b.group}.{b.inputs[0].name}.0"
        heir = TransactionalProducer(b.kafka, transactional_id=name, group=b.group)
        await heir.open()
        await heir.transact([numbered(b.out.name, "k", 0)], {TopicPartition(b.inputs[0].name, 0): 1})
        await heir.close()
        b.gates[0].set()
        async with asyncio.timeout(30):
            with pytest.raises(FencedError):
                await task
    assert await b.results() == [0]


async def test_a_commit_just_before_fencing_is_not_repeated(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The predecessor commits just before it is fenced: only an offset read after fencing includes that."""
    b = await bench()
    await b.put([0, 1])
    tp = TopicPartition(b.inputs[0].name, 0)
    predecessor = TransactionalProducer(b.kafka, transactional_id=f"{b.group}.{tp.topic}.0", group=b.group)
    await predecessor.open()

    class LateOpened(TransactionalProducer):
        async def open(self) -> None:
            await predecessor.transact([numbered(b.out.name, "k", 0)], {tp: 1})
            await super().open()

    monkeypatch.setattr("bus.kafka.processor.TransactionalProducer", LateOpened)
    async with running(b.processor()):
        assert await b.until_results(2) == [0, 1]
    assert b.started == [1]
    await predecessor.close()


async def test_a_handler_that_raises_cancelled_error_is_retried(bench: MakeBench) -> None:
    b = await bench(delays=(1,))
    b.fail = lambda record: asyncio.CancelledError() if record.attempt == 1 else None
    await b.put([0])
    async with running(b.processor()):
        assert await b.until_results(1) == [0]
    assert b.started == [0, 0]


async def test_the_lag_reaches_zero_behind_a_transaction_marker(bench: MakeBench) -> None:
    """The committed offset passes a writer's transaction marker too, because autoscaling follows the lag."""
    b = await bench()
    writer = TransactionalProducer(b.kafka, transactional_id=b.group + "-writer", group=b.group + "-w")
    await writer.open()
    tp = TopicPartition(b.inputs[0].name, 0)
    await writer.transact([numbered(tp.topic, "k", n) for n in range(3)], {TopicPartition(b.out.name, 0): 0})
    await writer.close()
    async with running(b.processor()):
        await b.until_results(3)

        async def level() -> bool:
            end = (await end_offsets(b.kafka, [tp]))[tp]
            return end == 4 == await committed(b.kafka, b.group, tp.topic)

        await until(level, what="a lag of 0")


@pytest.mark.kill
async def note_of(b: Bench) -> str:
    """Return the text beside the committed offset."""
    admin = AIOKafkaAdminClient(**b.kafka.client_options())
    await admin.start()
    try:
        return (await admin.list_consumer_group_offsets(b.group))[
            TopicPartition(b.inputs[0].name, 0)
        ].metadata
    finally:
        await admin.close()


async def test_a_stop_in_order_leaves_no_name_beside_the_offset(bench: MakeBench) -> None:
    b = await bench(delays=(50,))
    await b.put(range(5))
    async with running(b.processor()):
        await b.until_results(5)
        assert await note_of(b)
    assert not await note_of(b)


async def test_the_processor_resumes_after_kafka_was_down(bench: MakeBench, own_kafka: OwnKafka) -> None:
    b = await bench(kafka=own_kafka.settings, delays=(1,))
    await b.put(range(200))
    async with running(b.processor(max_in_flight=8)) as task:
        b.gates[100] = asyncio.Event()
        await b.until_started(100)
        await own_kafka.stop()
        b.gates[100].set()  # its results cannot be published yet
        await own_kafka.start()
        await b.put(range(200, 220))
        assert await b.until_results(220) == list(range(220))
        assert not task.done()


async def _put_into(b: Bench, number: int, *, partition: int) -> None:
    producer = broker.producer(b.kafka, client_id="test-writer")
    await producer.start()
    try:
        await producer.send_and_wait(
            b.inputs[0].name, key=b"k", value=str(number).encode(), partition=partition
        )
    finally:
        await producer.stop()


async def test_records_without_results_are_committed_with_others(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each transaction costs Kafka two syncs; a repeat of such a record has no results either."""
    b, commits = await bench(), []
    transact = TransactionalProducer.transact

    async def counted(producer: TransactionalProducer, records: Any, offsets: Any) -> None:
        commits.append(len(records))
        await transact(producer, records, offsets)

    async def handle(record: Record) -> Sequence[OutRecord]:
        made = await Bench.handle(b, record)
        return made if record.value == b"6" else []

    monkeypatch.setattr(partition, "COMPANY_S", 3600)
    monkeypatch.setattr(TransactionalProducer, "transact", counted)
    b.handle = handle  # type: ignore[method-assign]
    async with running(b.processor()):
        await b.put([0])
        await b.until_started(0)
        opening = len(commits)  # the notes of the partitions' owner
        for number in range(1, 6):
            await b.put([number])
            await b.until_started(number)
        assert len(commits) == opening
        await b.put([6])
        await b.until_results(1)
        assert commits[opening:] == [1]
        await b.put([7])
        await b.until_started(7)
        await b.put([8])
        await b.until_started(8)
    assert commits[opening:] == [1, 0]  # a stop waits for nothing
    assert await committed(b.kafka, b.group, b.inputs[0].name) >= 9
