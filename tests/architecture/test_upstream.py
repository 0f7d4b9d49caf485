"""Where we reach into private parts of other people's libraries, and until when.

`PATCHES` lists each such place, why it exists and what ends it. The test of the same name shows the library's
own behaviour without our patch, and that the private names which the patch uses are still there. It fails
once the library has caught up, or has changed what we rely on: then the patch goes, or is tried anew.
"""

from __future__ import annotations

import asyncio
import gzip
import inspect
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import AsyncMock

import pytest
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, codec, errors
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import consumer, group_coordinator
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.producer.sender import Sender
from aiokafka.protocol.commit import OffsetFetchResponse_v3
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.metadata import MetadataRequest, MetadataResponse_v5
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.net.manager import KafkaConnectionManager
from kafka.protocol.schemas.load_json import load_json
from litestar.response import Stream
from litestar.response.streaming import ASGIStreamingResponse
from piccolo.engine.postgres import PostgresEngine
from prometheus_client import CollectorRegistry, Counter
from xdist.remote import WorkerInteractor
from xdist.scheduler import LoadScopeScheduling

from bus.kafka import fetcher, static_membership, topic_ids
from gateway.partners import decompression_limit
from ledger.db import queries
from ledger.db.tables.accounts import User

ROOT = Path(__file__).parents[2]


class Patch(NamedTuple):
    """One place that stands on what a library does not promise."""

    where: str
    why: str
    until: str


PATCHES = {
    "static_membership": Patch(
        "bus/kafka/static_membership.py",
        "aiokafka gives its member id up at the first doubt and knows no FENCED_INSTANCE_ID: two processes of"
        " one name throw each other out for ever; and it ignores the error of a whole answer to OffsetFetch",
        "aiokafka keeps the id of a static member, has an error for code 82, and raises OffsetFetch's error",
    ),
    "fetcher": Patch(
        "bus/kafka/fetcher.py",
        "aiokafka's fetcher awaits what it has cancelled, so that stopping a consumer ends by it",
        "aiokafka's fetcher swallows the cancellation of its own fetches",
    ),
    "topic_ids": Patch(
        "bus/kafka/topic_ids.py",
        "aiokafka asks for Metadata in version 5, which has no topic ids, and has no API for another request",
        "aiokafka's consumer or admin client returns the ids of topics",
    ),
    "in_hand": Patch(
        "bus/kafka/in_hand.py",
        "AIOKafkaConsumer.committed() returns the offset without the text that was committed beside it",
        "aiokafka's consumer returns the metadata of a committed offset",
    ),
    "transactions": Patch(
        "bus/kafka/transactions.py",
        "AIOKafkaProducer.stop() waits for requests in flight without a limit: where Kafka is down, for ever",
        "aiokafka's producer can be closed without waiting, or within a time",
    ),
    "decompression_limit": Patch(
        "gateway/partners/decompression_limit.py",
        "aiokafka unpacks a batch whole, whatever it unpacks to",
        "aiokafka's consumer takes a limit for what a batch unpacks to",
    ),
    "kafka_admin": Patch(
        "gateway/partners/kafka_admin.py",
        "KafkaAdminClient leaves its thread and sockets behind where its start fails; it cannot ask a single"
        " broker, and has no quotas",
        "kafka-python closes what it began, its describe methods take a broker, and it alters client quotas",
    ),
    "queries": Patch(
        "ledger/db/queries.py",
        "PostgresEngine asks the database when it is made, and holds the connections itself",
        "Piccolo has an engine without a database, or runs a query on a connection that it is given",
    ),
    "sse_response": Patch(
        "gateway/streaming/sse_response.py",
        "Litestar's streaming response pulls an iterator in a task of its own for each stream",
        "Litestar lets a handler write the body of a response itself, with `receive` at hand",
    ),
    "server": Patch(
        "gateway/serving.py",
        "uvicorn raises the signal that stopped it once more, which ends the process by it and not with 0",
        "uvicorn can be told to leave signals alone",
    ),
    "metrics": Patch(
        "deploy/metrics.py",
        "prometheus-client tells a metric's labels only where a series exists",
        "prometheus-client has the names of the labels in its public interface",
    ),
    "scopes": Patch(
        "tests/conftest.py",
        "xdist's `loadgroup` writes `_nodeid`, which pytest 9.2 no longer reads: it groups nothing",
        "xdist's `loadgroup` groups under pytest 9.2",
    ),
    "warning_filter": Patch(
        "pyproject.toml",
        "kafka-python 3.0 reads its schemas by `importlib.resources.read_text`, deprecated in 3.11 and 3.12",
        "kafka-python reads them in another way, or Python 3.13 is the oldest that we run on",
    ),
}
"""The name of a test below, without ``test_`` -> what it is about."""
OURS = {
    "bus/kafka/processor.py",  # private parts of classes in the same file
    "bus/runtime/tracing.py",
}


def test_every_patch_is_listed() -> None:
    packages = ("bus", "gateway", "ledger", "inference_consumer", "export_consumer", "sharpstream", "deploy")
    found = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"noqa: .*SLF001|\bsetattr\(", path.read_text())
    }
    assert found - OURS <= {patch.where for patch in PATCHES.values()}
    assert all((ROOT / patch.where).is_file() for patch in PATCHES.values())
    assert PATCHES.keys() <= {name.removeprefix("test_") for name in globals()}


async def test_fetcher() -> None:
    upstream: Any = Fetcher.__new__(Fetcher)
    upstream._fetch_task, upstream._fetch_waiters = asyncio.ensure_future(asyncio.sleep(60)), set()
    upstream._pending_tasks = {asyncio.ensure_future(asyncio.sleep(60))}
    await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await upstream.close()

    # Consumers are made with ours.
    assert consumer.Fetcher is fetcher.GatheringFetcher
    assert "Fetcher" in AIOKafkaConsumer.start.__code__.co_names


def test_topic_ids() -> None:
    newest = max(each.API_VERSION for each in MetadataRequest._CLASSES)
    assert newest < topic_ids._MetadataRequestStruct.API_VERSION
    assert "topic_id" not in str(MetadataResponse_v5.SCHEMA)
    assert {"send", "get_random_node"} <= set(dir(AIOKafkaClient))
    assert "_client" in inspect.getsource(AIOKafkaConsumer.__init__)


async def test_static_membership(monkeypatch: pytest.MonkeyPatch) -> None:
    # The id is given up, also by a static member.
    upstream: Any = group_coordinator.GroupCoordinator.__new__(group_coordinator.GroupCoordinator)
    upstream._group_instance_id, upstream.member_id, upstream.generation = "worker-0", "worker-0-abc", 7
    upstream._rejoin_needed_fut = asyncio.get_running_loop().create_future()
    upstream.reset_generation()
    assert upstream.member_id == JoinGroupRequest.UNKNOWN_MEMBER_ID
    assert upstream._rejoin_needed_fut.done()

    # Code 82 is no error of aiokafka's; ours is found in the text of what the join raises.
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    assert static_membership.FencedInstanceIdError.errno not in {
        getattr(kind, "errno", None) for kind in kinds
    }
    name = static_membership.FencedInstanceIdError.__name__
    assert name in await _refused_join()
    with monkeypatch.context() as patched:
        patched.delitem(errors.kafka_errors, static_membership.FencedInstanceIdError.errno)
        assert name not in await _refused_join()

    # The error of a whole answer to OffsetFetch is not looked at: a committed offset looks like none.
    loading = OffsetFetchResponse_v3(0, [], errors.GroupLoadInProgressError.errno)
    upstream.group_id, upstream._send_req = "workers", AsyncMock(return_value=loading)
    assert await upstream._do_fetch_commit_offsets([TopicPartition("orders", 0)]) == {}

    # Consumers are made with ours, through the methods that it overrides.
    assert consumer.GroupCoordinator is static_membership.Member
    assert "GroupCoordinator" in AIOKafkaConsumer.start.__code__.co_names
    assert "_send_req" in group_coordinator.CoordinatorGroupRebalance.perform_group_join.__code__.co_names
    assert "_do_rejoin_group" in group_coordinator.GroupCoordinator.ensure_active_group.__code__.co_names


async def _refused_join() -> str:
    """Let aiokafka join a group where another has the name; return the text of its error."""

    async def refuse(_: Any) -> Any:
        return SimpleNamespace(error_code=static_membership.FencedInstanceIdError.errno)

    joining: Any = group_coordinator.CoordinatorGroupRebalance(
        SimpleNamespace(
            member_id="worker-0-abc", _group_instance_id="w", _rebalance_timeout_ms=1, _send_req=refuse
        ),
        "group",
        0,
        SimpleNamespace(topics=["topic"], active=True),
        [SimpleNamespace(name="range", metadata=lambda _: b"")],
        10_000,
        100,
    )
    with pytest.raises(errors.KafkaError) as raised:
        await joining.perform_group_join()
    assert type(raised.value) is errors.KafkaError
    return str(raised.value)


def test_in_hand() -> None:
    assert "committed = commit_map[partition].offset" in inspect.getsource(AIOKafkaConsumer.committed)


async def test_transactions() -> None:
    class Unanswered(Sender):  # type: ignore[misc]
        """A sender whose first request is never answered."""

        async def _send_produce_req(self, *_: Any) -> None:
            await asyncio.Event().wait()

    batches = [{0: {}}]
    accumulator = SimpleNamespace(
        drain_by_nodes=lambda **_: (batches.pop() if batches else {}, False),
        waiter=asyncio.get_running_loop().create_future,
    )
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9")
    producer._sender = Unanswered(
        None,
        acks=-1,
        txn_manager=None,
        message_accumulator=accumulator,
        retry_backoff_ms=1,
        request_timeout_ms=1,
    )
    await producer._sender.start()
    await _turns()
    stopping = asyncio.create_task(producer.stop())
    await _turns()
    assert not stopping.done()
    # Cancelled once by stop(), the sender waits for its request; cancelled again, it ends.
    producer._sender.sender_task.cancel()
    await asyncio.wait([stopping])
    assert list(inspect.signature(AIOKafkaProducer.stop).parameters) == ["self"]


async def _turns() -> None:
    """Let every task run until it waits for something outside the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_decompression_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = sys.modules[DefaultRecordBatch.__module__]
    for name in ("gzip", "lz4", "zstd"):
        assert list(inspect.signature(getattr(codec, f"{name}_decode")).parameters) == ["payload"]
        assert hasattr(reader, f"{name}_decode")
    packed = gzip.compress(bytes(decompression_limit.LIMIT + 1), compresslevel=1)
    assert len(codec.gzip_decode(packed)) == decompression_limit.LIMIT + 1

    # What is put into the module is what a batch is unpacked by, also in the compiled one.
    seen = []
    monkeypatch.setattr(reader, "gzip_decode", lambda data: seen.append(data) or codec.gzip_decode(data))
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=1,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000,
    )
    builder.append(0, timestamp=1, key=None, value=bytes(1000), headers=[])
    (one,) = DefaultRecordBatch(bytes(builder.build()))
    assert (one.value, len(seen)) == (bytes(1000), 1)


def test_kafka_admin() -> None:
    stopped: list[str] = []
    net = SimpleNamespace(start=lambda: None, stop=lambda: stopped.append("net"))

    def away(_: Any) -> None:
        raise errors.KafkaConnectionError

    def client(**_: Any) -> Any:
        manager = SimpleNamespace(_net=net, bootstrap=away)
        return SimpleNamespace(_manager=manager, close=lambda: stopped.append("client"))

    admin = KafkaAdminClient.__new__(KafkaAdminClient)
    with pytest.raises(errors.KafkaConnectionError):
        KafkaAdminClient.__init__(admin, bootstrap_servers=["127.0.0.1:9"], kafka_client=client)
    admin.close()
    assert stopped == []
    admin._closed = False
    admin.close()
    assert stopped == ["client", "net"]

    for method in (KafkaAdminClient.describe_acls, KafkaAdminClient.describe_user_scram_credentials):
        assert not {"node_id", "broker_id", "broker"} & inspect.signature(method).parameters.keys()
    assert not [name for name in dir(KafkaAdminClient) if "quota" in name]
    assert {"request", "node_id"} <= inspect.signature(KafkaConnectionManager.send).parameters.keys()
    assert callable(KafkaConnectionManager.run)


async def test_queries() -> None:
    asked: list[str] = []

    class Upstream(PostgresEngine):
        """Piccolo's engine, which notes what it asks a database for."""

        async def get_version(self) -> float:
            asked.append("version")
            return 99.0

        async def prep_database(self) -> None:
            asked.append("extensions")

    Upstream(config={})
    assert asked == ["version", "extensions"]

    # Without its __init__ the engine builds statements, and all of them reach `run_querystring`.
    async def fetch(statement: str, *arguments: Any) -> list[Any]:
        asked.append(f"{statement} {arguments}")
        return []

    assert User._meta.db is queries.POSTGRES
    await queries.run(SimpleNamespace(fetch=fetch), User.select(User.id).where(User.email == "ada"))
    (statement,) = asked[2:]
    assert statement.endswith('"users"."email" = $1 (\'ada\',)')


async def test_sse_response() -> None:
    async def forever() -> Any:
        await asyncio.Event().wait()
        yield b""

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        await asyncio.Event().wait()

    sent: list[str] = []
    before = asyncio.all_tasks()
    serving = asyncio.create_task(ASGIStreamingResponse(iterator=forever())({}, receive, send))
    await _turns()
    assert sent == ["http.response.start"]
    assert len(asyncio.all_tasks() - before) == 2, "a stream costs Litestar one task beside the request's"
    serving.cancel()
    await asyncio.wait([serving])

    # What ours overrides is what writes the body, with both ends of the connection.
    assert list(inspect.signature(ASGIStreamingResponse.send_body).parameters) == ["self", "send", "receive"]
    assert "send_body" in ASGIStreamingResponse.__call__.__code__.co_names
    assert "to_asgi_response" in vars(Stream)


def test_server() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        server = uvicorn.Server(uvicorn.Config(app=lambda: None))
        with server.capture_signals():
            signal.raise_signal(signal.SIGTERM)
            assert server.should_exit
            assert heard == []
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_metrics() -> None:
    registry = CollectorRegistry()
    counter = Counter("things", "Things.", ["kind"], registry=registry)
    assert [metric.samples for metric in registry.collect()] == [[]]
    public = {name for name in dir(counter) if "label" in name and not name.startswith("_")}
    assert public == {"labels", "remove_by_labels"}
    assert list(registry._collector_to_names) == [counter]
    assert (counter._type, counter._name, counter._labelnames) == ("counter", "things", ("kind",))
    assert counter._documentation == "Things."


def test_scopes(request: pytest.FixtureRequest) -> None:
    node = request.node
    before = node.nodeid
    node.add_marker(pytest.mark.xdist_group("together"))
    grouping: Any = WorkerInteractor.pytest_collection_modifyitems
    grouping(None, SimpleNamespace(getvalue=lambda _: True), [node])
    assert node._nodeid.endswith("@together")
    assert node.nodeid == before
    assert "_split_scope" in LoadScopeScheduling.schedule.__code__.co_names


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the function is no longer deprecated")
def test_warning_filter() -> None:
    with pytest.warns(DeprecationWarning, match="read_text is deprecated"):
        load_json("MetadataRequest")
