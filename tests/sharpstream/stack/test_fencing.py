"""Kafka after a kill: its controller fences the killed broker first; after a stop this is not needed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from structlog.testing import capture_logs

from sharpstream.stack import fencing
from sharpstream.stack.errors import StartError
from sharpstream.stack.fencing import Registration
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.process import Launch
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor
from tests.sharpstream.stack.programs import restarted

BROKER = bytes.fromhex("000000010000000000000013")  # node 1 at epoch 19
REGISTER = b"\x01\x00\x04" + BROKER
UNFENCE = b"\x01\x11\x00" + BROKER + b"\x01\x00\x01\xff"
FENCE = b"\x01\x11\x00" + BROKER + b"\x01\x00\x01\x01"
LEAVING = b"\x01\x11\x01" + BROKER + b"\x01\x01\x01\x01"
FENCE_AND_MORE = b"\x01\x11\x03" + BROKER + b"\x02\x00\x01\x01\x03\x01\x01"
NOTHING = b"\x01\x14\x00\x00"


def batch(*values: bytes, offset: int = 0) -> bytes:
    """Return records as Kafka stores them, uncompressed."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, 0, 1 << 20)
    for number, value in enumerate(values):
        assert builder.append(number, timestamp=1, key=None, value=value, headers=[])
    return offset.to_bytes(8, "big") + bytes(builder.build())[8:]


def keep(folder: Path, *batches: bytes, name: str = f"{0:020}.log") -> Path:
    path = folder / "__cluster_metadata-0" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.writelines(batches)
    return path


def test_a_folder_records_whether_its_broker_was_killed(tmp_path: Path) -> None:
    assert not fencing.was_killed(tmp_path)  # just formatted
    (tmp_path / "__cluster_metadata-0").mkdir()
    assert fencing.was_killed(tmp_path)
    (tmp_path / ".kafka_cleanshutdown").touch()
    assert not fencing.was_killed(tmp_path)


@pytest.mark.parametrize(
    ("records", "fenced"),
    [
        ([], True),
        ([NOTHING, REGISTER], True),
        ([REGISTER, UNFENCE, NOTHING], False),
        ([REGISTER, UNFENCE, LEAVING], False),
        ([REGISTER, UNFENCE, LEAVING, FENCE], True),
        ([REGISTER, UNFENCE, FENCE_AND_MORE], True),
        ([REGISTER, UNFENCE, FENCE, UNFENCE], False),
        ([REGISTER, UNFENCE, REGISTER], True),
    ],
)
def test_the_last_word_of_the_metadata_log_counts(
    tmp_path: Path, records: Iterable[bytes], fenced: bool
) -> None:
    keep(tmp_path, *(batch(value, offset=offset) for offset, value in enumerate(records)))
    assert Registration(tmp_path).fenced() is fenced
    keep(tmp_path / "..", batch(*records or [NOTHING]))
    assert Registration(tmp_path / "..").fenced() is fenced, "all in one batch"


def test_a_log_is_read_while_it_grows(tmp_path: Path) -> None:
    keep(tmp_path, batch(REGISTER), batch(UNFENCE, offset=1))
    seen = Registration(tmp_path)
    assert not seen.fenced()
    last = batch(NOTHING, FENCE, offset=2)
    for at in range(0, len(last), 7):
        assert not seen.fenced()
        keep(tmp_path, last[at : at + 7])
    assert seen.fenced()
    keep(tmp_path, batch(UNFENCE, offset=4), name=f"{4:020}.log")
    assert not seen.fenced()


def test_a_snapshot_replaces_what_came_before_it(tmp_path: Path) -> None:
    keep(tmp_path, batch(REGISTER), name=f"{0:020}-{0:010}.checkpoint")
    keep(tmp_path, batch(NOTHING, REGISTER, UNFENCE), name=f"{9:020}-{1:010}.checkpoint")
    keep(tmp_path, batch(FENCE, offset=8), batch(NOTHING, offset=9))
    assert not Registration(tmp_path).fenced()
    keep(tmp_path, batch(FENCE, offset=10))
    assert Registration(tmp_path).fenced()


def controller(path: Path, then: str) -> list[str]:
    """Return a program that prints the controller's line at once, then runs ``then``."""
    script = f"import pathlib, time; print('Fencing broker 1 because', flush=True)\n{then}"
    return [sys.executable, "-c", script, str(path)]


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The metadata log of a killed broker."""
    return keep(tmp_path, batch(REGISTER, UNFENCE))


def test_the_controller_is_killed_once_it_has_written_so(killed: Path, tmp_path: Path) -> None:
    """The printed line is not enough, as it comes before the record is in the log."""
    fresh = f"pathlib.Path({str(killed)!r}).open('ab').write({batch(FENCE, offset=2)!r})"
    argv = controller(killed, f"time.sleep(0.2)\n{fresh}\ntime.sleep(600)")
    with capture_logs() as logs:
        fencing.fence(argv, tmp_path, env=os.environ, cwd=tmp_path)
    assert [line["event"] for line in logs] == ["killed_broker_fenced"]
    assert Registration(tmp_path).fenced()


def test_a_broker_that_is_fenced_needs_no_controller(killed: Path, tmp_path: Path) -> None:
    keep(tmp_path, batch(FENCE, offset=2))
    fencing.fence(["/no/such/program"], tmp_path, env=os.environ, cwd=tmp_path)


def test_a_controller_that_ends_says_why(killed: Path, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"did not fence its broker: Fencing broker 1 because\nno such port"):
        fencing.fence(controller(killed, "print('no such port')"), tmp_path, env=os.environ, cwd=tmp_path)


def test_a_controller_that_is_stuck_is_given_up(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fencing, "LONGEST_S", 0.2)
    with pytest.raises(StartError, match="did not fence its broker"):
        fencing.fence(controller(killed, "time.sleep(600)"), tmp_path, env=os.environ, cwd=tmp_path)


class Watched(Kafka):
    """Records, just before the broker starts, whether the metadata log has it fenced."""

    def __init__(self, home: Home, memory: Memory) -> None:
        super().__init__(home, memory)
        self.data = home.root / "kafka" / "data"
        self.fenced: list[bool] = []

    def launch(self) -> Launch:
        self.fenced.append(Registration(self.data).fenced())
        return super().launch()


@pytest.mark.stack
@pytest.mark.drill
async def test_a_killed_kafka_is_fenced_and_a_stopped_one_is_not(home: Home) -> None:
    kafka = Watched(home, Memory(home))
    supervisor = Supervisor(home, [kafka])
    with capture_logs() as logs:
        await supervisor.start(["kafka"])
        part = supervisor.part("kafka")
        old = part.pid
        assert old
        assert not Registration(kafka.data).fenced(), "it serves"
        os.kill(old, signal.SIGKILL)
        await restarted(part, old)
        await supervisor.stop()
        await supervisor.start(["kafka"])
        await supervisor.stop()
    logged = [line for line in logs if line["event"] in {"killed_broker_fenced", "part_started"}]
    assert [line["event"] for line in logged] == [
        "part_started",
        "killed_broker_fenced",
        "part_started",
        "part_started",
    ]
    assert kafka.fenced == [True, True, True]
