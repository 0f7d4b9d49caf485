"""Every loop that runs beside a role's work survives its dependency's failure, once and for long.

The dependency is a fake at its outermost edge, time is skipped, the errors are those of the real clients.

| class | members | source |
|---|---|---|
| gateway | sweep, streams, removals, backlog, partners, tail | `gateway.app` |
| webhooks | counting, surveying, cleaning, results | `gateway.webhooks.app`, `Sender` |
| ledger | invariants, lost jobs, one kind of lost jobs, lag, counts | `ledger.app` |
| inference | progress, cancellations | `inference_consumer.app` |
| stack | a part's start, its readiness, the logs | `sharpstream.stack` |
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.errors import KafkaError
from structlog.testing import capture_logs

from bus.blobs import BlobStoreError
from bus.contract import topics
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings
from bus.runtime.tasks import end
from gateway.operations import blob_deletion
from gateway.operations.blob_deletion import Removals
from gateway.operations.periodic import sweep
from gateway.partners.lifecycle import Lifecycle
from gateway.scenes.queue_position import Backlog
from gateway.streaming.event_tail import Tail
from gateway.streaming.supervisor import StreamSupervisor
from gateway.webhooks import housekeeping
from gateway.webhooks.sender import Sender, SenderLimits
from inference_consumer.cancellations import Cancellations
from inference_consumer.progress import ProgressPublisher
from ledger import invariant_monitor, stored_counts
from ledger.lag import LagMeter, readers
from ledger.lost_jobs import LostJobs, kinds
from ledger.settings import GroupSettings
from sharpstream.stack import supervisor, system
from sharpstream.stack.state_dir import Home

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", security_protocol="PLAINTEXT")
LONG = 10
ERRORS: dict[str, Callable[[], Exception]] = {
    "store": lambda: BlobStoreError("The store does not answer."),
    "postgres": lambda: asyncpg.InternalClientError("got result for unknown protocol state 3"),
    "system": lambda: OSError(28, "No space left on device"),
    "kafka": lambda: KafkaError("The broker is away."),
    "unexpected": lambda: KeyError("what nobody thought of"),
}


class Dependency:
    """Raises the error at its first calls; `reached` is set two calls after the last failure."""

    def __init__(self, error: Callable[[], Exception], failures: int) -> None:
        self._error, self._failures = error, failures
        self.calls = 0
        self.reached = asyncio.Event()

    def __call__(self, *_: Any, **__: Any) -> None:
        self.calls += 1
        if self.calls > self._failures + 1:
            self.reached.set()
        if self.calls <= self._failures:
            raise self._error()

    async def asked(self, *_: Any, **__: Any) -> Any:
        await REAL_SLEEP(0)
        self()
        return []


REAL_SLEEP = asyncio.sleep
Work = Coroutine[Any, Any, Any]
Make = Callable[[Dependency, pytest.MonkeyPatch, Path], Work]


def pool_of(call: Callable[..., Any]) -> Any:
    """Return a pool whose every method asks the dependency."""

    @asynccontextmanager
    async def acquire() -> AsyncIterator[Any]:
        await call()
        yield SimpleNamespace(fetch=call)

    return SimpleNamespace(fetch=call, fetchrow=call, fetchval=call, execute=call, acquire=acquire)


def gateway_sweep(dependency: Dependency, *_: Any) -> Work:
    async def hangs() -> None:
        await asyncio.Event().wait()

    return sweep({"orphan_objects": dependency.asked, "hangs": hangs})


def streams(dependency: Dependency, *_: Any) -> Work:
    async def fetchrow(*_: Any, **__: Any) -> Any:
        await dependency.asked()
        return {"accounts": [reader.wanted.account_id], "keys": [], "sessions": []}

    wanted = SimpleNamespace(account_id=uuid4(), api_key_id=None, session_id=None)
    reader = SimpleNamespace(wanted=wanted, opened=0, spoke=float("inf"), max_age_jitter=float("inf"))
    hub: Any = SimpleNamespace(all=lambda: [reader])
    pool: Any = SimpleNamespace(fetchrow=fetchrow)
    made = StreamSupervisor(hub, pool, heartbeat_s=1, longest_s=1, signed_in_s=1, recheck_s=0)
    return made.run()


def removals(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, _: Path) -> Work:
    monkeypatch.setattr(blob_deletion, "POLL_INTERVAL_S", 0)
    store: Any = None
    return Removals(pool_of(dependency.asked), store).run()


def backlog(dependency: Dependency, *_: Any) -> Work:
    made = Backlog(NOWHERE, pool_of(dependency.asked), group="g")
    made._asked.set()
    return made.run()


def partners(dependency: Dependency, *_: Any) -> Work:
    store: Any = SimpleNamespace(due=dependency.asked)
    other: Any = None
    return Lifecycle(store, other, other, keep_s=0).run()


def tail(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, _: Path) -> Work:
    hub: Any = SimpleNamespace(ready=False, set_floors=lambda _: None)
    made = Tail(NOWHERE, hub, dependency.asked, dependency.asked)
    monkeypatch.setattr(made, "_follow", dependency.asked)
    return made.run()


def counting(dependency: Dependency, *_: Any) -> Work:
    async def due() -> tuple[int, float]:
        await dependency.asked()
        return 0, 0.0

    queue: Any = SimpleNamespace(due=due)
    return housekeeping.counting(queue)


def surveying(dependency: Dependency, *_: Any) -> Work:
    async def oldest_pending_s() -> float:
        await dependency.asked()
        return 0.0

    async def endpoints() -> dict[str, int]:
        return {}

    queue: Any = SimpleNamespace(oldest_pending_s=oldest_pending_s, endpoints=endpoints)
    return housekeeping.surveying(queue)


def cleaning(dependency: Dependency, *_: Any) -> Work:
    async def execute(*_: Any) -> str:
        await dependency.asked()
        return "DELETE 0"

    pool: Any = SimpleNamespace(execute=execute)
    return housekeeping.cleaning(pool, 1)


def results(dependency: Dependency, *_: Any) -> Work:
    limits = SenderLimits(total=1, per_endpoint=1, timeout_s=1, lease_s=1, disable_after_s=1)
    other: Any = None
    sender = Sender(pool_of(dependency.asked), other, other, limits)

    async def record_results(batch: list[Any]) -> int:
        await dependency.asked()
        return len(batch)

    async def give_up(_: Any) -> None:
        return None

    sender._queue = SimpleNamespace(record_results=record_results)  # type: ignore[assignment]
    sender._give_up = give_up  # type: ignore[method-assign]

    async def work() -> None:
        writing = asyncio.ensure_future(sender._write())
        try:
            while not writing.done():
                sender._results.put_nowait(SimpleNamespace())  # type: ignore[arg-type]
                await REAL_SLEEP(0)
            writing.result()
        finally:
            await end([writing])

    return work()


def invariants(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, _: Path) -> Work:
    monkeypatch.setattr(invariant_monitor.invariant_ranges, "check_due", dependency.asked)
    monkeypatch.setattr(invariant_monitor.invariant_ranges, "results", nothing)
    return invariant_monitor.inspect(pool_of(REAL_SLEEP_0), every_s=1)


async def nothing(*_: Any) -> list[Any]:
    return []


async def REAL_SLEEP_0(*_: Any) -> None:
    await REAL_SLEEP(0)


def lost_jobs(dependency: Dependency, *_: Any) -> Work:
    return LostJobs(pool_of(dependency.asked), NOWHERE, ()).run(every_s=1)


def lag(dependency: Dependency, *_: Any) -> Work:
    made = LagMeter(pool_of(dependency.asked), NOWHERE, readers(GroupSettings())[:1])
    return made.run()


def counts(dependency: Dependency, *_: Any) -> Work:
    return stored_counts.count(pool_of(dependency.asked))


def one_kind_of_lost_jobs(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, _: Path) -> Work:
    made = LostJobs(pool_of(REAL_SLEEP_0), NOWHERE, kinds(GroupSettings())[:1], after=timedelta(0))
    monkeypatch.setattr(made, "_page", dependency.asked)

    async def work() -> NoReturn:
        while True:
            await made.end_lost()

    return work()


def client_of(dependency: Dependency) -> Callable[..., Any]:
    """Return a maker of Kafka clients whose start asks the dependency."""

    def make(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(start=dependency.asked, stop=REAL_SLEEP_0)

    return make


def progress(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, _: Path) -> Work:
    monkeypatch.setattr(broker, "producer", client_of(dependency))
    made = ProgressPublisher(NOWHERE, client_id="c")
    monkeypatch.setattr(made, "_send_for_ever", REAL_SLEEP_0)
    return made.run()


def cancellations(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, _: Path) -> Work:
    monkeypatch.setattr(broker, "consumer", client_of(dependency))
    made = Cancellations(NOWHERE, client_id="c", topic=topics.CANCELLATIONS)
    monkeypatch.setattr(made, "_follow", REAL_SLEEP_0)
    return made.run()


def part_of(tmp_path: Path, **program: Any) -> supervisor.Part:
    home = Home(tmp_path)
    home.create()
    named: Any = SimpleNamespace(name="part", is_server=False, start_seconds=1, note=None, **program)
    return supervisor.Part(named, home)


def starting(dependency: Dependency, _: Any, tmp_path: Path) -> Work:
    def launch() -> NoReturn:
        raise OSError("There is no such program.")

    return part_of(tmp_path, prepare=dependency, launch=launch)._keep()


def readiness(dependency: Dependency, _: Any, tmp_path: Path) -> Work:
    return part_of(tmp_path, ready=dependency.asked)._watch()


def logs(dependency: Dependency, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Work:
    home = Home(tmp_path)
    home.create()
    home.log("part").touch()
    monkeypatch.setattr(system, "shorten", dependency)
    return system.System(home, lambda _: None)._keep_logs_short()


LOOPS: list[Make] = [
    gateway_sweep, streams, removals, backlog, partners, tail, counting, surveying, cleaning, results,
    invariants, lost_jobs, one_kind_of_lost_jobs, lag, counts, progress, cancellations,
    starting, readiness, logs,
]  # fmt: skip


@pytest.mark.parametrize("failures", [1, LONG], ids=["once", "long"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
async def test_a_loop_outlives_its_dependency(
    loop: Make, error: str, failures: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(asyncio, "sleep", lambda *_: REAL_SLEEP(0))
    dependency = Dependency(ERRORS[error], failures)
    running = asyncio.ensure_future(loop(dependency, monkeypatch, tmp_path))
    reached = asyncio.ensure_future(dependency.reached.wait())
    try:
        with capture_logs():  # a rendered traceback takes longer than a round
            async with asyncio.timeout(20):
                await asyncio.wait([running, reached], return_when=asyncio.FIRST_COMPLETED)
        assert not running.done(), running.exception()
    finally:
        await end([running, reached])
    with suppress(asyncio.CancelledError):
        assert running.exception() is None
