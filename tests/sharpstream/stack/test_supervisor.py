"""Dead parts are restarted, stopped ones stay stopped, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import structlog

from sharpstream.stack import supervisor
from sharpstream.stack.errors import StackError, StartError
from sharpstream.stack.state_dir import Home
from sharpstream.stack.supervisor import Supervisor
from tests.sharpstream.stack.programs import DIE, IGNORE_SIGTERM, SERVE, WITH_CHILD, Script, restarted


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)


async def test_a_killed_part_starts_again(home: Home) -> None:
    supervisor = Supervisor(home, [Script(home.root, SERVE)])
    await supervisor.start(["script"])
    part = supervisor.part("script")
    first = part.pid
    assert first
    os.kill(first, signal.SIGKILL)
    second = await restarted(part, first)
    assert part.restarts == 1
    assert supervisor.report()["script"]["pid"] == second
    await supervisor.stop()
    assert not psutil.pid_exists(second)
    assert part.state == "stopped"
    assert part.pid is None


async def test_a_note_is_reported_while_the_part_is_ready(home: Home) -> None:
    script = Script(home.root, SERVE)
    script.note = "half of it"
    supervisor = Supervisor(home, [script])
    assert supervisor.report()["script"]["note"] is None
    await supervisor.start(["script"])
    assert supervisor.report()["script"]["note"] == "half of it"
    await supervisor.stop()


def niceness_of_session(pid: int) -> int | None:
    """Return it where the kernel schedules by session."""
    path = Path(f"/proc/{pid}/autogroup")
    return int(path.read_text().split()[-1]) if path.exists() else None


async def test_a_part_may_run_at_a_lower_priority(home: Home) -> None:
    script = Script(home.root, SERVE)
    script.nice = 5
    supervisor = Supervisor(home, [script])
    await supervisor.start(["script"])
    pid = supervisor.part("script").pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
    assert niceness_of_session(pid) in {5, None}
    await supervisor.stop()


async def test_the_pause_doubles_while_it_dies_young(home: Home) -> None:
    supervisor = Supervisor(home, [Script(home.root, DIE)])
    with structlog.testing.capture_logs() as logged, pytest.raises(StartError) as failure:
        await supervisor.start(["script"])
    await supervisor.stop()
    pauses = [entry["again_in_s"] for entry in logged if entry["event"] == "part_ended"]
    assert pauses == [0.01, 0.02, 0.04, 0.08, 0.16]
    assert "script cannot start: ended with code 3: no such option" in str(failure.value)
    assert str(home.log("script")) in str(failure.value)


async def test_a_part_that_never_answers_is_named(home: Home) -> None:
    supervisor = Supervisor(home, [Script(home.root, "import time; time.sleep(600)")])
    with pytest.raises(StartError, match="script did not become ready within 0 s"):
        await supervisor.start(["script"], seconds=0.2)
    await supervisor.stop()


async def test_a_stopped_part_stays_stopped_and_starts_on_demand(home: Home) -> None:
    supervisor = Supervisor(home, [Script(home.root, SERVE)])
    await supervisor.start(["script"])
    part = supervisor.part("script")
    first = part.pid
    await part.stop()
    await part.stop()
    assert (part.state, part.pid) == ("stopped", None)
    await supervisor.start(["script"])
    assert part.pid not in {first, None}
    await supervisor.stop()


async def test_a_process_that_ignores_the_request_is_killed(home: Home) -> None:
    supervisor = Supervisor(home, [Script(home.root, IGNORE_SIGTERM, stop_seconds=0.1)])
    await supervisor.start(["script"])
    pid = supervisor.part("script").pid
    await supervisor.stop()
    assert pid
    assert not psutil.pid_exists(pid)


async def test_grandchildren_end_with_their_parent(home: Home) -> None:
    supervisor = Supervisor(home, [Script(home.root, WITH_CHILD)])
    await supervisor.start(["script"])
    grandchild = psutil.Process(int(home.log("script").read_text()))
    await supervisor.stop()
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


async def test_roles_stop_before_servers(home: Home) -> None:
    server, role = Script(home.root, SERVE, "server"), Script(home.root, SERVE, "role")
    role.is_server = False
    supervisor = Supervisor(home, [server, role])
    await supervisor.start(["server", "role"])
    with structlog.testing.capture_logs() as logged:
        await supervisor.stop()
    assert [e["part"] for e in logged if e.get("state") == "stopped"] == ["role", "server"]


def test_an_unknown_part_names_the_known_ones(home: Home) -> None:
    with pytest.raises(StackError, match=r"There is no part kafak; there are script\."):
        Supervisor(home, [Script(home.root, SERVE)]).part("kafak")


@pytest.fixture
def orphan_maker(home: Home) -> Iterator[subprocess.Popen[str]]:
    """A supervisor in a process of its own, which prints its child's number."""
    source = """if True:
        import asyncio, sys
        from pathlib import Path
        from sharpstream.stack.state_dir import Home
        from sharpstream.stack.supervisor import Supervisor
        from tests.sharpstream.stack.programs import SERVE, Script
        async def main():
            home = Home(Path(sys.argv[1]))
            keeper = Supervisor(home, [Script(home.root, SERVE)])
            await keeper.start(["script"])
            print("child", keeper.part("script").pid, flush=True)
            await asyncio.sleep(600)
        asyncio.run(main())
    """
    maker = subprocess.Popen(
        [sys.executable, "-c", source, str(home.root)], stdout=subprocess.PIPE, text=True
    )
    with maker:
        yield maker
        maker.kill()


def test_a_killed_supervisor_leaves_no_orphans(orphan_maker: subprocess.Popen[str]) -> None:
    assert orphan_maker.stdout
    line = next(line for line in orphan_maker.stdout if line.startswith("child"))
    child = psutil.Process(int(line.split()[1]))
    orphan_maker.kill()
    gone, alive = psutil.wait_procs([child], timeout=30)
    assert (gone, alive) == ([child], [])
    assert not Path(f"/proc/{child.pid}").exists()
